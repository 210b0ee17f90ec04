"""Geometry: similarities land points exactly, inverses undo, pixels have centres, and a warp draws where `apply` says."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from whichwhale.geometry import (
    apply,
    compose,
    identity,
    inverse_rows,
    invert,
    mirrors,
    resizing,
    rotation,
    scale_of,
    scaling,
    similarity_from_points,
    tilting,
    translation,
    warp,
)

coordinate = st.floats(-8000, 8000)
point = st.tuples(coordinate, coordinate)
angle = st.floats(-10, 10)
scale = st.floats(0.05, 20)
CLOUD = np.random.default_rng(0).uniform(-5000, 5000, (50, 2))


def test_apply_by_hand() -> None:
    matrix = np.array([[2.0, 1.0, 10.0], [0.0, -1.0, 5.0]])
    np.testing.assert_array_equal(apply(matrix, [3.0, 4.0]), [20.0, 1.0])
    np.testing.assert_array_equal(apply(matrix, np.zeros((2, 3, 2))), np.tile([10.0, 5.0], (2, 3, 1)))
    assert apply(matrix, np.zeros((0, 2))).shape == (0, 2)


def test_elementary_transforms_by_hand() -> None:
    np.testing.assert_array_equal(apply(identity(), CLOUD), CLOUD)
    np.testing.assert_array_equal(apply(translation(1, -2), [[5, 5]]), [[6, 3]])
    np.testing.assert_array_equal(apply(scaling(2, about=(1, 1)), [[1, 1], [3, 0]]), [[1, 1], [5, -1]])
    np.testing.assert_array_equal(apply(scaling(2, 3), [[1, 1]]), [[2, 3]])
    # From x toward y, which is down: clockwise on the screen.
    np.testing.assert_allclose(apply(rotation(np.pi / 2), [[1, 0], [0, 1]]), [[0, 1], [-1, 0]], atol=1e-15)
    np.testing.assert_allclose(apply(rotation(np.pi, about=(1, 2)), [[1, 2], [3, 2]]), [[1, 2], [-1, 2]], atol=1e-14)


def test_compose_applies_the_first_first() -> None:
    np.testing.assert_array_equal(apply(compose(translation(1, 0), scaling(2)), [[1, 1]]), [[4, 2]])
    np.testing.assert_array_equal(apply(compose(scaling(2), translation(1, 0)), [[1, 1]]), [[3, 2]])
    np.testing.assert_array_equal(compose(), identity())


@given(point, point, angle, scale, st.floats(0, 2 * np.pi), st.floats(1, 3000), st.booleans())
def test_a_similarity_lands_both_points_and_has_no_shear(
    source: tuple, target: tuple, turn: float, size: float, direction: float, d: float, mirror: bool
) -> None:
    """Any place, any rotation, head sizes of 1 to 3000 px, 1/20 to 20 times as large afterwards, mirrored or not."""
    assume(0.05 <= size * d <= 60_000)
    a = np.array([source, source + d * np.array([np.cos(direction), np.sin(direction)])])
    b = np.array([target, target + size * d * np.array([np.cos(direction + turn), np.sin(direction + turn)])])
    matrix = similarity_from_points(a, b, mirror)
    np.testing.assert_allclose(apply(matrix, a), b, atol=1e-8)  # px; coordinates of 1e5 have 1e-11 px of float64 each
    x, y = matrix[:, 0], matrix[:, 1]
    assert np.dot(x, y) == pytest.approx(0, abs=1e-12 * np.dot(x, x))
    assert np.hypot(*x) == pytest.approx(np.hypot(*y), rel=1e-12)
    assert scale_of(matrix) == pytest.approx(size, rel=1e-7)
    assert np.sign(np.linalg.det(matrix[:, :2])) == (-1 if mirror else 1)


def test_the_mirror_is_the_line_through_the_target_points() -> None:
    source, target = [[0, 0], [2, 0]], [[10, 10], [10, 14]]
    third = [1, 1]  # to the right of the way from the first point to the second, as seen on the screen
    np.testing.assert_allclose(apply(similarity_from_points(source, target), third), [8, 12], atol=1e-12)
    np.testing.assert_allclose(apply(similarity_from_points(source, target, mirror=True), third), [12, 12], atol=1e-12)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([[1, 1], [1, 1]], [[0, 0], [1, 0]]),
        ([[0, 0], [1, 0]], [[2, 3], [2, 3]]),
        ([[0, 0], [np.nan, 0]], [[0, 0], [1, 0]]),
        ([[0, 0], [1, 0]], [[0, 0], [np.inf, 0]]),
        ([[0, 0], [1, 0], [2, 0]], [[0, 0], [1, 0], [2, 0]]),
    ],
)
def test_no_similarity_from_bad_points(source: list, target: list) -> None:
    with pytest.raises(ValueError, match="point"):
        similarity_from_points(source, target)


@given(angle, scale, scale, point, point)
def test_the_inverse_is_the_identity_within_1e_9(turn: float, sx: float, sy: float, about: tuple, shift: tuple) -> None:
    matrix = compose(scaling(sx, -sy, about), rotation(turn, about), translation(*shift))
    for there_and_back in (compose(matrix, invert(matrix)), compose(invert(matrix), matrix)):
        np.testing.assert_allclose(there_and_back[:, :2], np.eye(2), atol=1e-12)
        np.testing.assert_allclose(apply(there_and_back, CLOUD), CLOUD, atol=1e-9 * 5e3)  # 1e-9 of the coordinates
    unit = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    near = compose(scaling(sx, -sy), rotation(turn))  # in plane units, where contract 2 lives, 1e-9 is absolute
    np.testing.assert_allclose(apply(compose(near, invert(near)), unit), unit, atol=1e-9)


@pytest.mark.parametrize(
    "matrix", [np.zeros((2, 3)), [[1, 2, 0], [2, 4, 0]], [[np.nan, 0, 0], [0, 1, 0]], [[1, 0, np.inf], [0, 1, 0]]]
)
def test_no_inverse_of_what_flattens(matrix) -> None:
    with pytest.raises(ValueError, match="no inverse"):
        invert(matrix)


def test_a_tiny_scale_still_has_an_inverse() -> None:
    np.testing.assert_allclose(compose(scaling(1e-9), invert(scaling(1e-9))), identity(), atol=1e-15)


@given(*[st.integers(1, 9000)] * 4)
def test_resizing_keeps_the_borders_and_halves_pixels_exactly(w: int, h: int, width: int, height: int) -> None:
    """A picture spans -0.5 to w - 0.5, and so does its resized self."""
    corners = apply(resizing((w, h), (width, height)), [[-0.5, -0.5], [w - 0.5, h - 0.5]])
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [width - 0.5, height - 0.5]], atol=1e-9)


def test_resizing_by_hand() -> None:
    # Pixels 0 and 1 become the halves of pixel 0, whose centre is between theirs.
    halved = apply(resizing((100, 60), (50, 60)), [[0, 0], [1, 7], [0.5, 0]])
    np.testing.assert_array_equal(halved, [[-0.25, 0], [0.25, 7], [0, 0]])
    np.testing.assert_array_equal(resizing((7, 9), (7, 9)), identity())


def test_resizing_is_what_opencv_does() -> None:
    ramp = np.tile(np.arange(64, dtype=np.float32), (64, 1))
    resized = cv2.resize(ramp, (96, 32), interpolation=cv2.INTER_LINEAR)
    warped = warp(ramp, resizing((64, 64), (96, 32)), (96, 32), border=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(warped, resized, atol=1 / 32)  # the warp rounds positions to 1/32 px


@settings(max_examples=60)
@given(angle, st.floats(0.2, 4), st.booleans(), st.tuples(st.floats(40, 160), st.floats(40, 120)))
def test_a_warp_puts_a_dot_where_apply_says(turn: float, size: float, mirror: bool, centre: tuple) -> None:
    image = np.zeros((160, 200), np.uint8)
    dot = np.rint(centre)
    radius = max(3, int(3 / size))  # at least 3 px in the target too
    cv2.circle(image, dot.astype(int).tolist(), radius, 255, -1)
    matrix = compose(translation(-100, -80), scaling(size, -size if mirror else size), rotation(turn), translation(300.4, 310.7))
    expected = apply(matrix, dot)
    drawn = warp(image, matrix, (600, 620), border=cv2.BORDER_CONSTANT).astype(np.float64)
    ys, xs = np.nonzero(drawn > 20)
    assert len(xs)
    weights = drawn[ys, xs]
    found = np.array([np.average(xs, weights=weights), np.average(ys, weights=weights)])
    assert np.hypot(*(found - expected)) < 1


def test_a_warp_by_whole_pixels_copies_them() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    drawn = warp(image, translation(-4, -3), (10, 12))
    np.testing.assert_array_equal(drawn, image[3:15, 4:14])
    assert warp(image[..., 0], identity(), (30, 20)).shape == (20, 30)


@settings(max_examples=30)
@given(st.floats(-0.004, 0.004), angle, st.floats(0.6, 3), st.integers(0, 2**32 - 1))
def test_a_warp_in_four_bytes_a_pixel_is_that_in_three(x: float, turn: float, size: float, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    affine = compose(translation(-25, -20), scaling(size), rotation(turn), translation(30, 24))
    for matrix, draw in ((affine, cv2.warpAffine), (compose(tilting(x, 0.001), affine), cv2.warpPerspective)):
        assume(scale_of(matrix, (24.5, 19.5)) >= 0.5)  # else the image is halved first
        plain = draw(image, matrix, (60, 48), flags=cv2.INTER_LINEAR, borderValue=(77,) * 3)
        np.testing.assert_array_equal(warp(image, matrix, (60, 48), cv2.BORDER_CONSTANT, 77), plain)


def test_outside_the_photo_is_the_fill_in_every_channel() -> None:
    drawn = warp(np.zeros((4, 4, 3), np.uint8), translation(100, 0), (4, 4), border=cv2.BORDER_CONSTANT, fill=77)
    np.testing.assert_array_equal(drawn, 77)


@pytest.mark.parametrize("size", [(256, 256), (255, 257)])
@pytest.mark.parametrize("factor", [0.45, 0.25, 0.1])
def test_a_checkerboard_reduces_to_grey(size: tuple[int, int], factor: float) -> None:
    """Ripples of two pixels are finer than the target can show: grey it must be, not a pattern that is not there."""
    width, height = size
    board = (255 * (np.indices((height, width)).sum(0) % 2)).astype(np.uint8)
    matrix = compose(rotation(0.3, (width / 2, height / 2)), scaling(factor), translation(0.3, 0.7))
    target = (int(width * factor), int(height * factor))
    drawn = warp(board, matrix, target).astype(np.float64)
    inside = drawn[target[1] // 4 : -target[1] // 4, target[0] // 4 : -target[0] // 4]
    assert inside.size > 20
    assert abs(inside.mean() - 127.5) < 2
    assert inside.std() < 13  # of the board's 127.5; sampling without reducing leaves some 70
    naive = cv2.warpAffine(board, matrix, target, flags=cv2.INTER_NEAREST)
    assert naive.std() > 100  # the test can fail


def test_a_reduced_picture_keeps_its_place() -> None:
    """Halving first must not shift: a smooth ramp lands where the one transform says, far from the borders."""
    ramp = np.tile(np.linspace(0, 200, 401, dtype=np.float32), (301, 1))  # 0.5 a pixel; odd sizes
    matrix = compose(scaling(0.11), translation(3.3, 2.1))
    drawn = warp(ramp, matrix, (50, 38))
    y, x = np.mgrid[8:30, 8:42]
    source = apply(invert(matrix), np.stack([x, y], -1).astype(np.float64))
    np.testing.assert_allclose(drawn[8:30, 8:42], 0.5 * source[..., 0], atol=0.5 * 0.6)  # 0.6 px of the photo


def test_a_perspective_by_hand() -> None:
    matrix = tilting(0.5, -0.25, about=(1, 2))
    # From (1, 2): (2, 0) is divided by 1 + 0.5 * 2, (0, 2) by 1 - 0.25 * 2, (2, 4) by 1 + 1 - 1.
    np.testing.assert_allclose(apply(matrix, [[1, 2], [3, 2], [1, 4], [3, 6]]), [[1, 2], [2, 2], [1, 6], [3, 6]], atol=1e-15)
    assert apply(matrix, np.zeros((2, 3, 2))).shape == (2, 3, 2)


@given(point)
def test_no_perspective_is_the_identity(about: tuple) -> None:
    np.testing.assert_array_equal(tilting(0.0, 0.0, about), np.eye(3))
    np.testing.assert_array_equal(apply(np.eye(3), CLOUD), CLOUD)


tilt = st.floats(-0.3, 0.3)


@given(tilt, tilt, angle, st.floats(0.5, 2), st.booleans())
def test_projective_transforms_compose_and_invert(x: float, y: float, turn: float, size: float, mirror: bool) -> None:
    unit = np.array([[0.0, 0.0], [0.4, 0.1], [-0.3, 0.5], [-0.5, -0.5]])
    before = compose(scaling(size, -size if mirror else size), rotation(turn))
    matrix = compose(before, tilting(x, y), translation(0.1, 0.2))
    assert matrix.shape == (3, 3) and before.shape == (2, 3)
    by_steps = apply(translation(0.1, 0.2), apply(tilting(x, y), apply(before, unit)))
    np.testing.assert_allclose(apply(matrix, unit), by_steps, atol=1e-12)
    np.testing.assert_allclose(apply(invert(matrix), by_steps), unit, atol=1e-9)
    assert mirrors(matrix) == mirror


def test_a_projective_scale_is_the_local_change_of_area() -> None:
    matrix, at, step = compose(scaling(3, 2), tilting(0.3, 0.1)), np.array([0.2, -0.1]), 1e-6
    across, down = (apply(matrix, at + side) - apply(matrix, at - side) for side in step * np.eye(2))
    area = abs(across[0] * down[1] - across[1] * down[0]) / (2 * step) ** 2
    assert scale_of(matrix, at) == pytest.approx(np.sqrt(area), rel=1e-6)
    assert scale_of(np.eye(3) * 5) == pytest.approx(1, abs=1e-12)  # homogeneous: a factor means nothing


@pytest.mark.parametrize("size", [1.0, 0.3])
def test_a_projective_warp_puts_dots_where_apply_says(size: float) -> None:
    image = np.zeros((160, 200), np.uint8)
    dots = np.array([[30, 40], [160, 30], [100, 120]])
    radius = 8
    for dot in dots:
        cv2.circle(image, dot.tolist(), radius, 255, -1)
    matrix = compose(tilting(0.002, -0.001, (100, 80)), scaling(size), translation(20.3, 30.7))
    drawn = warp(image, matrix, (260, 240), border=cv2.BORDER_CONSTANT)
    _, _, _, centres = cv2.connectedComponentsWithStats((drawn > 80).astype(np.uint8))
    found = centres[1:]
    assert len(found) == 3
    for expected in apply(matrix, dots):
        assert np.hypot(*(found - expected).T).min() < 1


def test_a_projective_warp_without_perspective_is_the_affine_one() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8), (0, 0), 2)
    matrix = compose(rotation(0.3, (40, 30)), scaling(0.4), translation(3, 2))
    plain = warp(image, matrix, (32, 24)).astype(int)
    projective = warp(image, compose(matrix, np.eye(3)), (32, 24)).astype(int)
    assert np.abs(plain - projective).max() <= 3  # OpenCV rounds positions to 1/32 px in both, but not alike


def test_what_flattens_projectively_has_no_inverse() -> None:
    with pytest.raises(ValueError, match="no inverse"):
        invert([[1, 2, 0], [2, 4, 0], [0, 0, 1]])


@given(tilt, tilt, angle, st.floats(0.5, 2), st.booleans())
def test_what_is_written_out_is_what_numpy_says(x: float, y: float, turn: float, size: float, mirror: bool) -> None:
    affine = compose(scaling(size, -size if mirror else size), rotation(turn), translation(3, -2))
    for matrix in (affine, compose(affine, tilting(x, y))):
        square = np.vstack([matrix, [0, 0, 1]]) if len(matrix) == 2 else matrix
        np.testing.assert_allclose(inverse_rows(matrix), np.linalg.inv(square), rtol=1e-9, atol=1e-12)
        assert mirrors(matrix) == (np.linalg.det(square) < 0)
    assert scale_of(affine) == pytest.approx(size, rel=1e-12)
    assert scale_of(affine) == pytest.approx(np.sqrt(abs(np.linalg.det(affine[:, :2]))), rel=1e-12)


@pytest.mark.parametrize("lean", [0.0, 0.002])
@pytest.mark.parametrize("shift", [(0, 0), (25, 0), (-30, 12), (0, -40), (200, 0)])
def test_what_lies_outside_is_mirrored_as_opencv_does(shift: tuple, lean: float) -> None:
    """The border is laid round the image first, which is quicker; positions are rounded a little otherwise."""
    image = cv2.GaussianBlur(np.random.default_rng(2).integers(0, 256, (60, 80, 3), dtype=np.uint8), (0, 0), 1)
    matrix = compose(rotation(0.2, (40, 30)), translation(*shift))
    matrix = compose(matrix, tilting(lean, -lean, (40, 30))) if lean else matrix
    draw = cv2.warpPerspective if lean else cv2.warpAffine
    expected = draw(image, matrix, (90, 64), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101).astype(int)
    assert np.abs(warp(image, matrix, (90, 64)) - expected).max() <= 2
    outside = draw(np.ones_like(image), matrix, (90, 64), flags=cv2.INTER_NEAREST) == 0
    assert outside.any()  # the test can fail
