"""Points, similarity, affine and projective transforms and their inverses, and the one warp.

Conventions, everywhere in the house: points are float64 [..., 2] as (x, y), x right, y down, in pixels whose *centres* lie at
integers (OpenCV's way: a picture of width w spans x from -0.5 to w - 0.5). A transform is a float64 matrix that maps source to
target points: [2, 3] if affine, [3, 3] if projective (a homography, in homogeneous coordinates, positive third one wherever it
is used). Angles are radians, positive from x toward y, which on the screen is clockwise.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Affine = NDArray[np.float64]  # [2, 3]
Transform = NDArray[np.float64]  # [2, 3], or [3, 3] if projective


def identity() -> Affine:
    """The transform that moves nothing."""
    return np.eye(2, 3)


def translation(dx: float, dy: float) -> Affine:
    """Move by (dx, dy) pixels."""
    return np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])


def scaling(sx: float, sy: float | None = None, about: ArrayLike = (0.0, 0.0)) -> Affine:
    """Scale by (sx, sy), sy = sx if not given, with the point `about` fixed."""
    return _about(np.diag([sx, sx if sy is None else sy]), about)


def rotation(radians: float, about: ArrayLike = (0.0, 0.0)) -> Affine:
    """Turn by `radians` from x toward y with the point `about` fixed."""
    c, s = np.cos(radians), np.sin(radians)
    return _about(np.array([[c, -s], [s, c]]), about)


def _about(linear: NDArray[np.float64], about: ArrayLike) -> Affine:
    centre = np.asarray(about, np.float64)
    return np.column_stack([linear, centre - linear @ centre])


def tilting(x: float, y: float, about: ArrayLike = (0.0, 0.0)) -> Transform:
    """Perspective, [3, 3]: what lies (dx, dy) from the point `about` comes to lie (dx, dy) / (1 + x dx + y dy) from it, as in the
    picture of a plane that leans away toward (x, y). Near `about` nothing changes; (0, 0) is the identity.

    Hartley and Zisserman 2004, section 2.4.6: the part of a homography that moves the line at infinity.
    """
    dx, dy = np.asarray(about, np.float64)
    leaning = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [x, y, 1.0]])
    return _square(translation(dx, dy)) @ leaning @ _square(translation(-dx, -dy))


def _square(matrix: ArrayLike) -> Transform:
    matrix = np.asarray(matrix, np.float64)
    if len(matrix) == 3:
        return matrix
    square = np.empty((3, 3))  # np.vstack takes three times as long, and training composes ten thousands a minute
    square[:2], square[2] = matrix, (0.0, 0.0, 1.0)
    return square


def resizing(source: tuple[int, int], target: tuple[int, int]) -> Affine:
    """Stretch a picture of `source` (width, height) pixels onto `target` (width, height): x' = (x + 0.5) s - 0.5."""
    sx, sy = target[0] / source[0], target[1] / source[1]
    return np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, 0.5 * sy - 0.5]])


def compose(*matrices: ArrayLike) -> Transform:
    """One transform that applies the given ones from the first to the last; [2, 3] unless one of them is projective."""
    result, projective = None, False
    for matrix in matrices:
        result = _square(matrix) if result is None else _square(matrix) @ result
        projective |= len(matrix) == 3
    result = np.eye(3) if result is None else result
    return result if projective else result[:2]


def invert(matrix: ArrayLike) -> Transform:
    """The inverse transform. Raises ValueError where there is none (all points fall on a line)."""
    matrix = np.asarray(matrix, np.float64)
    linear = matrix if len(matrix) == 3 else matrix[:, :2]
    size = np.abs(linear).max()
    if not np.isfinite(matrix).all() or size == 0 or abs(np.linalg.det(linear / size)) < 1e-12:
        raise ValueError(f"transform has no inverse: {matrix.tolist()}")
    inverse = np.linalg.inv(linear)
    return inverse if len(matrix) == 3 else np.column_stack([inverse, -inverse @ matrix[:, 2]])


def apply(matrix: ArrayLike, points: ArrayLike) -> NDArray[np.float64]:
    """Map points [..., 2]; returns the same shape."""
    matrix = np.asarray(matrix, np.float64)
    mapped = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return mapped[..., :2] / mapped[..., 2:] if len(matrix) == 3 else mapped


def similarity_from_points(source: ArrayLike, target: ArrayLike, mirror: bool = False) -> Affine:
    """The similarity (rotation, one scale, shift) that takes two `source` points [2, 2] exactly to two `target` points [2, 2].

    With `mirror` the picture is also reflected in the line through the target points. There is no shear and no stretch.
    Raises ValueError if the two source or the two target points coincide or are not finite.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if a.shape != (2, 2) or b.shape != (2, 2) or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"two finite points are needed on each side, got {a.tolist()} and {b.tolist()}")
    # A point is a complex number; z -> p z + q is a similarity, z -> p conj(z) + q a mirrored one.
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    if mirror:
        za = za.conj()
    if za[0] == za[1] or zb[0] == zb[1]:
        raise ValueError(f"the two points of a side coincide: {a.tolist()} to {b.tolist()}")
    p = (zb[1] - zb[0]) / (za[1] - za[0])
    q = zb[0] - p * za[0]
    flip = -1.0 if mirror else 1.0
    return np.array([[p.real, -p.imag * flip, q.real], [p.imag, p.real * flip, q.imag]])


def scale_of(matrix: ArrayLike, at: ArrayLike = (0.0, 0.0)) -> float:
    """Target pixels per source pixel at the source point `at` (if affine, anywhere): the square root of the change of area."""
    matrix = np.asarray(matrix, np.float64)
    depth = 1.0 if len(matrix) == 2 else matrix[2, :2] @ np.asarray(at, np.float64) + matrix[2, 2]
    return math.sqrt(abs(_determinant(matrix) / depth**3))


def mirrors(matrix: ArrayLike) -> bool:
    """Whether the transform turns left hands into right ones (negative determinant)."""
    return _determinant(np.asarray(matrix, np.float64)) < 0


def _determinant(matrix: Transform) -> float:
    """Written out: numpy takes longer to look at a matrix of this size."""
    (a, b, c), (d, e, f), (g, h, i) = _square(matrix).tolist()
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def inverse_rows(matrix: Transform) -> tuple[tuple[float, float, float], ...]:
    """The three rows of the inverse in homogeneous coordinates, written out too; of a matrix that is known to have one."""
    (a, b, c), (d, e, f), (g, h, i) = _square(matrix).tolist()
    one, two, three = e * i - f * h, f * g - d * i, d * h - e * g
    size = 1 / (a * one + b * two + c * three)
    return (
        (size * one, size * (c * h - b * i), size * (b * f - c * e)),
        (size * two, size * (a * i - c * g), size * (c * d - a * f)),
        (size * three, size * (b * g - a * h), size * (a * e - b * d)),
    )


def warp(
    image: NDArray, matrix: ArrayLike, size: tuple[int, int], border: int = cv2.BORDER_REFLECT_101, fill: float = 0
) -> NDArray:
    """Draw `image` [H, W(, C)] through `matrix` (image to target pixels) onto a target of `size` (width, height).

    Bilinear. Where the target is more than twice as coarse as the image (under a projective transform: as its middle), the image
    is first halved until it is not, so that fine ripples do not alias.
    """
    matrix = np.asarray(matrix, np.float64)
    while min(image.shape[:2]) >= 4:
        height, width = image.shape[:2]
        if scale_of(matrix, ((width - 1) / 2, (height - 1) / 2)) >= 0.5:
            break
        half = ((width + 1) // 2, (height + 1) // 2)
        matrix = compose(invert(resizing((width, height), half)), matrix)
        image = cv2.resize(image, half, interpolation=cv2.INTER_AREA)
    # OpenCV 5 draws pixels of four bytes, the same to the bit, in less than half of the time that those of three take.
    padded = image.dtype == np.uint8 and image.shape[2:] == (3,) and image.size <= 12 * size[0] * size[1]
    if padded:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    if border == cv2.BORDER_REFLECT_101:
        image, matrix = _reflected(image, matrix, size)
    draw = cv2.warpPerspective if len(matrix) == 3 else cv2.warpAffine
    drawn = draw(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(fill,) * 4)
    return cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB) if padded else drawn


def _reflected(image: NDArray, matrix: Transform, size: tuple[int, int]) -> tuple[NDArray, Transform]:
    """The image with as much of its mirrored border as a target of `size` (width, height) shows, and the matrix from there.

    OpenCV looks outside an image pixel by pixel: a passport of which a tenth lies there takes it twice as long as with this.
    """
    height, width = image.shape[:2]
    (a, b, c), (d, e, f), (g, h, i) = inverse_rows(matrix)
    corners = [(x, y, g * x + h * y + i) for x in (0, size[0] - 1) for y in (0, size[1] - 1)]
    if min(depth for *_, depth in corners) <= 0:
        return image, matrix  # the target shows the horizon
    across = [(a * x + b * y + c) / depth for x, y, depth in corners]
    down = [(d * x + e * y + f) / depth for x, y, depth in corners]
    beyond = -min(down), max(down) - (height - 1), -min(across), max(across) - (width - 1)
    above, below, left, right = (math.ceil(side) + 1 if side > 1e-6 else 0 for side in beyond)  # bilinear, and a pixel to spare
    if not above + below + left + right or (height + above + below) * (width + left + right) > 4 * height * width:
        return image, matrix
    image = cv2.copyMakeBorder(image, above, below, left, right, cv2.BORDER_REFLECT_101)
    return image, compose(translation(-left, -above), matrix)
