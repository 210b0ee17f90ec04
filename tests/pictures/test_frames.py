"""Letterboxes, crops, and what happens to a box's size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.geometry import apply, mirrors, rotation, scale_of, scaling
from whichwhale.pictures.frames import box_about, box_size, holding, letterbox, move_extent, square_about


def test_letterbox_by_hand() -> None:
    # 3072 x 2048 into 384 x 256: an eighth, and the photo's edge -0.5 is the frame's
    matrix = letterbox((3072, 2048), (384, 256))
    assert apply(matrix, [[-0.5, -0.5], [3071.5, 2047.5]]) == pytest.approx(np.array([[-0.5, -0.5], [383.5, 255.5]]))
    # 100 x 100 into 60 x 40: 40 px wide in the middle, 10 px free on the left
    corners = apply(letterbox((100, 100), (60, 40)), [[-0.5, -0.5], [99.5, 99.5]])
    assert corners == pytest.approx(np.array([[9.5, -0.5], [49.5, 39.5]]))


def test_standing_photo_is_laid_into_a_lying_frame() -> None:
    # 200 x 300 into 60 x 40, a quarter turn clockwise: the upper left corner comes to the upper right of the frame
    matrix = letterbox((200, 300), (60, 40), lay=True)
    corners = apply(matrix, [[-0.5, -0.5], [199.5, -0.5], [-0.5, 299.5]])
    assert corners == pytest.approx(np.array([[59.5, -0.5], [59.5, 39.5], [-0.5, -0.5]]))
    assert scale_of(matrix) == pytest.approx(0.2) and not mirrors(matrix)
    assert letterbox((200, 300), (60, 40))[:, :2] == pytest.approx(np.eye(2) * 40 / 300)


sides = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@given(photo=sides, frame=sides)
def test_laid_photo_lies_whole_in_its_frame_and_as_large_as_can_be(photo: tuple[int, int], frame: tuple[int, int]) -> None:
    upright, laid = letterbox(photo, frame), letterbox(photo, frame, lay=True)
    corners = apply(laid, np.array([[0, 0], [photo[0], 0], [0, photo[1]], photo]) - 0.5)
    assert (corners >= -0.5 - 1e-6).all() and (corners <= np.array(frame) - 0.5 + 1e-6).all()
    assert scale_of(laid) >= scale_of(upright) * (1 - 1e-12)
    touched = np.isclose(np.ptp(corners, axis=0), frame, rtol=1e-9)
    assert touched.any()
    stands = (photo[0] < photo[1]) != (frame[0] < frame[1]) and photo[0] != photo[1] and frame[0] != frame[1]
    assert np.array_equal(laid, upright) != stands


def test_square_about_a_box() -> None:
    box = [10.0, 20.0, 30.0, 40.0]
    size = np.sqrt((30**2 + 40**2) / 2)
    matrix = square_about(box, 2.0, 64)
    assert apply(matrix, [25.0, 40.0]) == pytest.approx([31.5, 31.5])
    assert scale_of(matrix) == pytest.approx(64 / (2 * size))


extents = st.tuples(st.floats(1, 200), st.floats(1, 200))


@given(extent=extents, turn=st.floats(-4, 4))
def test_box_size_does_not_change_with_rotation(extent: tuple[float, float], turn: float) -> None:
    assert box_size(move_extent(rotation(turn), extent)) == pytest.approx(float(box_size(extent)), rel=1e-9)


@given(extent=extents)
def test_quarter_turns_mirrors_and_zoom_are_exact(extent: tuple[float, float]) -> None:
    width, height = extent
    assert move_extent(rotation(np.pi / 2), extent) == pytest.approx([height, width], rel=1e-9)
    assert move_extent(scaling(-1, 1), extent) == pytest.approx([width, height], rel=1e-9)
    assert move_extent(scaling(2.0), extent) == pytest.approx([2 * width, 2 * height], rel=1e-9)


def test_box_about_its_centre() -> None:
    assert box_about([[5.0, 7.0]], [[4.0, 2.0]]).tolist() == [[3.0, 6.0, 4.0, 2.0]]


def test_box_grows_where_it_does_not_hold_its_points() -> None:
    # d = 10: the second point wants 2 px of room on each side, which the box 0..20 x 0..12 has not on its right and below
    points = [[[9.0, 11.0], [19.0, 11.0]]]
    assert holding([[0.0, 0.0, 20.0, 12.0]], points, 0.2).tolist() == [[0.0, 0.0, 21.0, 13.0]]
    assert holding([[0.0, 0.0, 40.0, 40.0]], points, 0.2).tolist() == [[0.0, 0.0, 40.0, 40.0]]


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=8), st.floats(0, 0.5))
def test_box_holds_old_box_and_points(values: list[float], margin: float) -> None:
    box, points = np.array([*values[:2], *np.abs(values[2:4])]), np.reshape(values[4:], (2, 2))
    grown = holding(box, points, margin)
    room = margin * np.linalg.norm(points[1] - points[0])
    for corner in (box[:2], points.min(0) - room):
        assert (grown[:2] <= corner + 1e-9).all()
    for corner in (box[:2] + box[2:], points.max(0) + room):
        assert (grown[:2] + grown[2:] >= corner - 1e-9).all()
    assert holding(grown, points, margin) == pytest.approx(grown)
