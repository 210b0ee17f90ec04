import numpy as np
import pytest

from whichwhale.score import mean_interval, paired_bootstrap


def test_constant_has_no_width() -> None:
    interval = mean_interval([0.25] * 7, seed=0, draws=50)
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.25, 0.25)


def test_seed_decides() -> None:
    values = np.arange(30.0)
    assert mean_interval(values, seed=3, draws=500) == mean_interval(values, seed=3, draws=500)
    assert mean_interval(values, seed=3, draws=500) != mean_interval(values, seed=4, draws=500)


def test_width_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(2.0, 3.0, size=2000)
    interval = mean_interval(values, seed=1, draws=4000)
    half = 1.959964 * values.std() / np.sqrt(len(values))
    assert interval.mean == values.mean()
    assert interval.low == pytest.approx(values.mean() - half, abs=0.06 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.06 * half)


def test_two_values_by_enumeration() -> None:
    # Draws of two from {0, 1} have mean 0, 1/2, 1 with chance 1/4, 1/2, 1/4: the 40 % interval holds only 1/2, the 60 % all.
    narrow, wide = (mean_interval([0.0, 1.0], seed=0, level=level) for level in (0.4, 0.6))
    assert (narrow.low, narrow.high) == (0.5, 0.5)
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_pairing_removes_what_photos_share() -> None:
    random = np.random.default_rng(5)
    hardness = random.exponential(2.0, size=400)
    ours, theirs = hardness + random.normal(0, 0.1, 400), hardness + 0.1
    paired = paired_bootstrap(ours, theirs, seed=0, draws=2000)
    assert paired.mean == pytest.approx((ours - theirs).mean(), rel=1e-12)
    assert paired.high < 0
    single = mean_interval(ours, seed=0, draws=2000)
    assert single.high - single.low > 10 * (paired.high - paired.low)


def test_coverage() -> None:
    """About 95 % of intervals hold the true mean: 200 repetitions, so 90 % is more than 3 standard errors away."""
    random = np.random.default_rng(11)
    inside = 0
    for repetition in range(200):
        interval = mean_interval(random.normal(size=100), seed=repetition, draws=400)
        inside += interval.low <= 0 <= interval.high
    assert inside >= 180


def test_text() -> None:
    assert str(mean_interval([1.0, 1.0], seed=0, draws=2)) == "1.0000 (95% interval 1.0000 to 1.0000)"


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "at least one"),
        ([[1.0]], {}, "one number a photo"),
        ([0.0, np.inf], {}, "row 1"),
        ([1.0], {"draws": 0}, "draws must be at least 1"),
        ([1.0], {"level": 1.0}, "level between 0 and 1"),
    ],
)
def test_refused(values: list[float], options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_interval(values, seed=0, **options)  # type: ignore[arg-type]


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="same photos"):
        paired_bootstrap([1.0, 2.0], [1.0], seed=0)
