import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale.score import (
    Calibration,
    calibration_error,
    calibration_interval,
    debiased_square,
    error_of_a_perfect_predictor,
    expected_calibration_error,
    reliability_curve,
)


def two_classes(confidence: np.ndarray) -> np.ndarray:
    return np.stack([confidence, 1 - confidence], axis=1)


def drawn(rows: int, seed: int, power: float = 1.0, sureness: float = 0.15) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of 20 classes and truths drawn from them; power > 1 then overstates the confidence."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(20, sureness), size=rows)
    truth = (p.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)
    return p**power, truth


def test_curve_by_hand() -> None:
    p = two_classes(np.array([0.9, 0.6, 0.7, 0.8]))
    curve = reliability_curve(p, [0, 1, 0, 0], bins=2)
    np.testing.assert_allclose(curve.confidence, [0.65, 0.85])
    np.testing.assert_allclose(curve.accuracy, [0.5, 1.0])
    np.testing.assert_array_equal(curve.count, [2, 2])
    assert expected_calibration_error(curve) == pytest.approx(0.15)
    # (0.15^2 - 0.5 * 0.5 / 1) / 2 + 0.15^2 / 2
    assert debiased_square(curve) == pytest.approx(0.0225 - 0.125)
    assert calibration_error(p, [0, 1, 0, 0], bins=2) == 0


def test_certain_and_always_wrong_is_1() -> None:
    assert calibration_error(two_classes(np.ones(50)), [1] * 50) == 1
    assert calibration_error(two_classes(np.ones(50)), [0] * 50) == 0


def test_rows_are_rescaled() -> None:
    p, truth = drawn(60, seed=0)
    assert calibration_error(p * 7, truth) == pytest.approx(calibration_error(p, truth), abs=1e-12)


def test_bins_are_equally_filled() -> None:
    p, truth = drawn(940, seed=1)
    curve = reliability_curve(p, truth, bins=15)
    assert len(curve.count) == 15
    assert set(curve.count.tolist()) <= {62, 63}
    assert (np.diff(curve.confidence) > 0).all()


@pytest.mark.parametrize(("sureness", "confidence", "shown"), [(0.02, 0.8, 0.03), (0.15, 0.43, 0.05)])
def test_debiased_square_of_a_perfect_predictor_averages_to_0_where_plain_error_doesnt(
    sureness: float, confidence: float, shown: float
) -> None:
    curves = [reliability_curve(*drawn(940, seed, sureness=sureness)) for seed in range(200)]
    squares = np.array([debiased_square(curve) for curve in curves])
    plain = np.array([expected_calibration_error(curve) for curve in curves])
    biased = np.array([np.average((c.confidence - c.accuracy) ** 2, weights=c.count) for c in curves])
    assert abs(squares.mean()) < 4 * squares.std() / np.sqrt(200)
    assert biased.mean() > 10 * abs(squares.mean())
    assert np.mean([np.average(c.confidence, weights=c.count) for c in curves]) == pytest.approx(confidence, abs=0.02)
    assert plain.mean() == pytest.approx(shown, abs=0.005)
    assert (squares < 0).any() and (squares > 0).any()


def test_what_a_perfect_predictor_still_shows() -> None:
    """By hand: four guesses of 1/2 in one bin are right 0 to 4 times, |right - 1/2| is 3/16 on average; as perfect ones do."""
    p = two_classes(np.full(4, 0.5))
    assert error_of_a_perfect_predictor(p, [0] * 4, 1, seed=0, draws=20_000) == pytest.approx(3 / 16, abs=0.003)
    assert error_of_a_perfect_predictor(two_classes(np.ones(9)), [0] * 9) == 0
    perfect = [drawn(940, seed, sureness=0.02) for seed in range(100)]
    shown = np.mean([expected_calibration_error(reliability_curve(*one)) for one in perfect])
    told = error_of_a_perfect_predictor(*perfect[0])
    assert told == pytest.approx(shown, abs=0.003) and told == pytest.approx(0.03, abs=0.006)
    assert error_of_a_perfect_predictor(*drawn(9400, 0, sureness=0.02)) == pytest.approx(told / np.sqrt(10), rel=0.2)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        error_of_a_perfect_predictor(p, [0] * 4, draws=0)


def test_all_of_it_in_one_sentence() -> None:
    p, truth = drawn(500, seed=3, power=2.0)
    found, curve = Calibration.of(p, truth, seed=1), reliability_curve(p, truth)
    assert found.error == calibration_interval(p, truth, seed=1) and found.plain == expected_calibration_error(curve)
    assert found.perfect == error_of_a_perfect_predictor(p, truth, seed=1) < found.plain
    np.testing.assert_allclose([(b.claimed, b.right) for b in found.bins], np.stack([curve.confidence, curve.accuracy], axis=1))
    assert sum(one.photos for one in found.bins) == found.photos == 500
    top = p.max(axis=1) / p.sum(axis=1)
    assert f"claim {top.mean():.1%}, {(p.argmax(axis=1) == truth).mean():.1%} are right" in str(found)
    assert f"a perfect predictor with these claims on 500 photos still shows {found.perfect:.1%}" in str(found)


def test_known_error_is_recovered() -> None:
    """Claims 0.9, right in 0.7: the error is 0.2, and its debiased square is unbiased at 40 photos."""
    random = np.random.default_rng(2)
    p = two_classes(np.full(40, 0.9))
    squares = [debiased_square(reliability_curve(p, (random.random(40) > 0.7).astype(int), bins=1)) for _ in range(4000)]
    assert np.mean(squares) == pytest.approx(0.04, abs=4 * np.std(squares) / np.sqrt(4000))


def test_the_interval_holds_the_true_error_about_as_often_as_it_says() -> None:
    """Perfect claims have 0 in it, in a sample of 300 photos; claims 0.9 that are right in 0.7 have 0.2 in it."""
    perfect = [calibration_interval(*drawn(300, seed), seed=0, draws=400) for seed in range(60)]
    assert np.mean([found.low == 0 for found in perfect]) > 0.9
    random = np.random.default_rng(4)
    p = two_classes(np.full(200, 0.9))
    off = [calibration_interval(p, (random.random(200) > 0.7).astype(int), 1, seed=0, draws=400) for _ in range(100)]
    assert 0.88 <= np.mean([found.low <= 0.2 <= found.high for found in off]) <= 1
    assert np.mean([found.high - found.low for found in off]) == pytest.approx(2 * 1.96 * np.sqrt(0.21 / 200), rel=0.25)


def test_interval_is_about_the_error_and_keyed() -> None:
    p, truth = drawn(500, seed=3, power=2.0)
    found = calibration_interval(p, truth, seed=1)
    assert found.low < found.mean < found.high and found.mean == calibration_error(p, truth)
    assert calibration_interval(p, truth, seed=1) == found != calibration_interval(p, truth, seed=2)
    with pytest.raises(ValueError, match="draws must be at least 1"):
        calibration_interval(p, truth, seed=1, draws=0)


def test_overconfidence_shows() -> None:
    honest, over = (calibration_error(*drawn(4000, seed=3, power=power)) for power in (1.0, 2.0))
    assert honest < 0.02
    assert over > 0.05


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 60), bins=st.integers(1, 20), levels=st.integers(1, 30))
def test_every_photo_counts_once_and_order_is_nothing(seed: int, rows: int, bins: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    p = two_classes(0.5 + random.integers(1, levels + 1, size=rows) / (2 * levels))
    truth = random.integers(2, size=rows)
    order = random.permutation(rows)
    curve, shuffled = reliability_curve(p, truth, bins), reliability_curve(p[order], truth[order], bins)
    assert curve.count.sum() == rows and curve.count.min() >= 2 and len(curve.count) <= bins
    assert np.average(curve.accuracy, weights=curve.count) == pytest.approx((truth == 0).mean())
    assert np.average(curve.confidence, weights=curve.count) == pytest.approx(p[:, 0].mean())
    np.testing.assert_array_equal(curve.count, shuffled.count)
    np.testing.assert_allclose(curve.accuracy, shuffled.accuracy)


def test_refused() -> None:
    with pytest.raises(ValueError, match="at least two rows"):
        reliability_curve([[0.5, 0.5]], [0])
    with pytest.raises(ValueError, match="row 0: negative"):
        calibration_error([[-0.5, 1.5], [0.5, 0.5]], [0, 0])
