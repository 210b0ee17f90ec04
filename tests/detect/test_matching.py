import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.detect.matching import iou, match

sides = st.floats(0.5, 50)
boxes = st.tuples(st.floats(-50, 50), st.floats(-50, 50), sides, sides)


def test_iou_of_known_overlaps():
    assert iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 2, 2], [2, 0, 2, 2], [0, 0, 2, 1]]) == pytest.approx(
        np.array([[1, 2 / 6, 0, 0.5]])
    )
    assert iou(np.zeros((0, 4)), [[0, 0, 1, 1]]).shape == (0, 1)


@given(boxes, boxes, st.floats(-9, 9), st.floats(0.1, 9))
def test_iou_is_symmetric_and_knows_no_place_or_scale(a, b, shift, scale):
    overlap = iou([a], [b])[0, 0]
    assert 0 <= overlap <= 1 + 1e-9
    assert iou([b], [a])[0, 0] == pytest.approx(overlap)
    moved = [[scale * (x + shift), scale * (y - shift), scale * w, scale * h] for x, y, w, h in (a, b)]
    assert iou(moved[:1], moved[1:])[0, 0] == pytest.approx(overlap, abs=1e-6)


def test_the_highest_score_takes_the_true_box_and_the_double_gets_none():
    true = [[0, 0, 10, 10], [20, 0, 10, 10]]
    found = [[1, 0, 10, 10], [0, 0, 10, 10], [20, 0, 10, 10], [50, 50, 5, 5]]
    assert match(found, [0.9, 0.8, 0.3, 0.7], true, 0.5).tolist() == [0, -1, 1, -1]
    assert match(found, [0.7, 0.8, 0.3, 0.7], true, 0.5).tolist() == [-1, 0, 1, -1]
    assert match(found, [1, 1, 1, 1], np.zeros((0, 4)), 0.5).tolist() == [-1] * 4


def test_an_overlap_that_is_too_small_is_no_match():
    true = [[0, 0, 10, 10]]
    assert match([[5, 0, 10, 10]], [1.0], true, 0.5).tolist() == [-1]  # 50 of 150
    assert match([[5, 0, 10, 10]], [1.0], true, 1 / 3 - 1e-9).tolist() == [0]
