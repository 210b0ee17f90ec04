import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import roc


def test_by_hand() -> None:
    ranked = roc.Roc([0.9, 0.8, 0.8, 0.1], [True, True, False, False])
    false, true = ranked.curve()
    np.testing.assert_array_equal(false, [0, 0, 0.5, 1])
    np.testing.assert_array_equal(true, [0, 0.5, 1, 1])
    np.testing.assert_array_equal(ranked.thresholds, [0.9, 0.8, 0.1])
    assert roc.area(false, true) == 7 / 8  # of four pairs three are in order, one is a tie
    # between (0, 1/2) and (1/2, 1): x = 1 - (1/2 + x)
    assert roc.equal_error_rate(false, true) == pytest.approx(0.25)
    assert roc.true_at_false(false, true, 0.4) == 0.5 and roc.true_at_false(false, true, 0.5) == 1
    assert roc.false_at_true(false, true, 0.5) == 0 and roc.false_at_true(false, true, 0.95) == 0.5


def test_weights_count_as_rows_do() -> None:
    false, true = roc.Roc([3, 2, 1], [True, False, True]).curve(np.array([2, 1, 1]))
    again = roc.Roc([3, 3, 2, 1], [True, True, False, True]).curve()
    np.testing.assert_allclose((false, true), again)
    assert roc.area(false, true) == pytest.approx(2 / 3)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 12))
def test_area_is_the_chance_of_the_right_order(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    score, positive = rng.integers(0, 4, rows), rng.random(rows) < 0.5
    positive[:2] = True, False
    weight = rng.integers(1, 4, rows).astype(float)
    above = np.sign(score[positive][:, None] - score[~positive][None]) / 2 + 0.5
    both = weight[positive][:, None] * weight[~positive][None]
    false, true = roc.Roc(score, positive).curve(weight)
    assert roc.area(false, true) == pytest.approx((above * both).sum() / both.sum())
    rate = roc.equal_error_rate(false, true)
    # the point lies between two neighbours on the curve
    along = (false[:-1] <= rate + 1e-9) & (rate <= false[1:] + 1e-9)
    assert (along & (true[:-1] <= 1 - rate + 1e-9) & (1 - rate <= true[1:] + 1e-9)).any()
    assert (np.diff(false) >= 0).all() and (np.diff(true) >= 0).all()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="of 2 rows 2 are positive"):
        roc.Roc([1, 2], [True, True])
    with pytest.raises(ValueError, match="row 1: the score is NaN"):
        roc.Roc([1, np.nan], [True, False])
    with pytest.raises(ValueError, match=r"not of shape \(2,\) and \(3,\)"):
        roc.Roc([1, 2], [True, False, True])


def test_a_kind_without_weight_has_no_rate() -> None:
    false, true = roc.Roc([2, 1], [True, False]).curve(np.array([0, 1]))
    for figure in (roc.area(false, true), roc.equal_error_rate(false, true), roc.true_at_false(false, true, 0.1)):
        assert np.isnan(figure)
    assert roc.interval(0.5, [np.nan, 0.2, 0.4], level=0.5).low == pytest.approx(0.25)


def test_none_of_fifteen_is_no_certainty() -> None:
    """0 of 15 animals: with a rate of 21.8 % that still happens once in forty times, (1 - 0.218) ** 15 = 0.025."""
    none = roc.interval(0.0, [0.0] * 9, animals=15)
    assert (none.mean, none.low) == (0.0, 0.0) and (1 - none.high) ** 15 == pytest.approx(0.025)
    every = roc.interval(1.0, [1.0] * 9, animals=15)
    assert (every.mean, every.high) == (1.0, 1.0) and every.low == pytest.approx(1 - none.high)
    assert roc.interval(0.0, [0.0, 0.1], animals=15).high < 0.11  # samples that differ speak for themselves
    assert roc.interval(0.0, [0.0] * 9).high == 0.0


def test_animals_drawn() -> None:
    times = roc.animals_drawn(5, 100, seed=3)
    assert times.shape == (100, 5) and (times.sum(axis=1) == 5).all()
    np.testing.assert_array_equal(times, roc.animals_drawn(5, 100, seed=3))
