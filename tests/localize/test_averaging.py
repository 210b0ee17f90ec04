"""The mean of views that do not all agree."""

import numpy as np
import pytest

from whichwhale.localize.averaging import Views, average, together


def views(*points: tuple[tuple[float, float], tuple[float, float]], score: float = 0.8) -> Views:
    """One photo; each view is (first point, second point)."""
    array = np.array([points], np.float64)
    return Views(array, np.full(array.shape[:3], score), None)


def test_mean_and_spread_by_hand() -> None:
    place = average(views(((0, 0), (10, 0)), ((2, 0), (10, 0)), ((1, 0), (10, 0))))
    assert place.points[0] == pytest.approx(np.array([[1.0, 0.0], [10.0, 0.0]]), abs=1e-6)
    # squares of the distances 1, 1, 0: mean 2/3, of which half is along one axis
    assert place.sd[0] == pytest.approx([np.sqrt(1 / 3), 0.0], abs=1e-6)
    assert place.score[0] == pytest.approx(0.8)


def test_view_that_took_head_for_tail_is_left_out_but_doubted() -> None:
    good = [((0.0, 0.0), (10.0, 0.0)), ((0.1, 0.0), (10.1, 0.0)), ((-0.1, 0.0), (9.9, 0.0))]
    place = average(views(*good, ((10.0, 0.0), (0.0, 0.0))))
    assert place.points[0] == pytest.approx(np.array([[0.0, 0.0], [10.0, 0.0]]), abs=0.02)
    assert (place.sd[0] > 3).all()


def test_single_view_has_no_spread() -> None:
    place = average(views(((1, 2), (3, 4))))
    assert place.points[0].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(place.sd).all()


def test_a_sure_view_counts_more_and_sizes_are_averaged_as_ratios() -> None:
    points = np.array([[[[0.0, 0.0]], [[4.0, 0.0]], [[2.0, 0.0]]]])
    score = np.array([[[0.5], [0.5], [0.5]]])
    place = average(Views(points, score, np.array([[[10.0, 1.0], [40.0, 1.0], [20.0, 1.0]]])))
    assert place.points[0, 0] == pytest.approx([2.0, 0.0], abs=1e-6)
    assert place.extent is not None and place.extent[0] == pytest.approx([20.0, 1.0])
    sure = average(Views(points, np.array([[[0.9], [0.1], [0.1]]]), None))
    assert sure.points[0, 0, 0] < 1.0


def test_views_of_fold_models_stand_side_by_side() -> None:
    both = together([views(((0, 0), (1, 0))), views(((2, 0), (3, 0)), ((4, 0), (5, 0)))])
    assert both.points[0, :, 0, 0].tolist() == [0, 2, 4]
    assert both.score.shape == (1, 3, 2)
