"""Where a picture lies in its photo: letterboxed frames, square crops, and what a transform does to a box's size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.geometry import Affine

QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])  # clockwise on the screen: y points down


def letterbox(photo: tuple[int, int], frame: tuple[int, int], lay: bool = False) -> Affine:
    """Photo of (width, height) px, whole and undistorted, into the middle of a frame: float64 [2, 3], photo to frame.

    With `lay` a photo that would be larger in the frame after a quarter turn is turned: a portrait in a landscape frame would
    else lose half of the pixels that a landscape keeps.
    """
    upright, laid = (min(frame[0] / width, frame[1] / height) for width, height in (photo, photo[::-1]))
    linear = laid * QUARTER if lay and laid > upright else upright * np.eye(2)
    return _centred(linear, ((photo[0] - 1) / 2, (photo[1] - 1) / 2), frame)


def square_about(box: ArrayLike, field: float, size: int) -> Affine:
    """A square of `field` box sizes about the centre of `box` (x, y, width, height; px of the photo) onto `size` px.

    The box size is the root mean square of width and height, which stays nearly the same when the head turns.
    """
    x, y, width, height = np.asarray(box, np.float64)
    scale = float(size / (field * box_size([width, height])))
    return _centred(scale * np.eye(2), (x + width / 2, y + height / 2), (size, size))


def box_size(extent: ArrayLike) -> NDArray[np.float64]:
    """Root mean square of width and height [..., 2] to [...]."""
    return np.sqrt(np.mean(np.square(np.asarray(extent, np.float64)), -1))


def move_extent(matrix: ArrayLike, extent: ArrayLike) -> NDArray[np.float64]:
    """Width and height [..., 2] of a box after an affine transform [..., 2, 3].

    The box around the ellipse that the old box holds: exact for scaling, mirror images and quarter turns, and any rotation keeps
    the box size. The box around the turned box itself would grow with each turn, although the head does not.
    """
    linear = np.asarray(matrix, np.float64)[..., :2]
    return np.sqrt((np.square(linear) @ np.square(np.asarray(extent, np.float64))[..., None])[..., 0])


def box_about(centre: ArrayLike, extent: ArrayLike) -> NDArray[np.float64]:
    """Centre [..., 2] and width and height [..., 2] to x, y, width, height [..., 4]."""
    centre, extent = np.asarray(centre, np.float64), np.asarray(extent, np.float64)
    return np.concatenate([centre - extent / 2, extent], -1)


def holding(box: ArrayLike, points: ArrayLike, margin: float) -> NDArray[np.float64]:
    """The smallest box that holds `box` [..., 4] (x, y, width, height) and all `points` [..., P, 2], these with room around them:
    `margin` times the distance of the first two. A box that holds them already stays as it is."""
    box, points = np.asarray(box, np.float64), np.asarray(points, np.float64)
    room = margin * np.linalg.norm(points[..., 1, :] - points[..., 0, :], axis=-1)[..., None]
    low = np.minimum(box[..., :2], points.min(-2) - room)
    high = np.maximum(box[..., :2] + box[..., 2:], points.max(-2) + room)
    return np.concatenate([low, high - low], -1)


def _centred(linear: NDArray[np.float64], point: tuple[float, float], frame: tuple[int, int]) -> Affine:
    """`linear` [2, 2], with `point` moved to the middle of a frame of (width, height) px."""
    middle = (np.array(frame) - 1) / 2
    return np.column_stack([linear, middle - linear @ np.asarray(point)])
