"""From signs of doubt to standard deviations: calibrated, monotone, in units of d, and never from a photo's own error."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from whichwhale.localize.uncertainty import Doubts, PointMap, Uncertainty, cross_fitted, fit_point, read

NAMES = ["tip", "hole"]


def simulated(count: int = 3000, seed: int = 0) -> tuple[Doubts, np.ndarray]:
    """Points whose true sd is log-normal; the signs know it up to noise of their own, each another one."""
    rng = np.random.default_rng(seed)
    d = rng.uniform(50, 200, count)
    scale = 0.03 * np.exp(rng.normal(0, 0.8, (count, 2))) * d[:, None]
    error = np.hypot(*(rng.normal(0, 1, (2, count, 2)) * scale))
    apart, spread = (scale * factor * np.exp(rng.normal(0, 0.6, (count, 2))) for factor in (0.4, 3.0))
    return Doubts(apart, spread, np.clip(1 - scale / d[:, None] * 4, 0, 1), d), error


def test_sd_is_the_size_of_the_error_and_ranks_better_than_each_sign() -> None:
    doubts, error = simulated()
    sd = Uncertainty.fit(doubts, error, NAMES).sd(doubts)
    others, other_error = simulated(seed=1)
    told = Uncertainty.fit(doubts, error, NAMES).sd(others)
    for found, off in ((sd, error), (told, other_error)):
        for part in np.array_split(np.argsort(found[:, 0]), 4):  # in each quarter of the photos, from sure to unsure
            assert np.mean(off[part, 0] ** 2 / 2) / np.mean(found[part, 0] ** 2) == pytest.approx(1, abs=0.3)
    scaled = other_error[:, 0] / others.d
    alone = [spearmanr(one[:, 0] / others.d, scaled).statistic for one in (others.apart, others.spread)]
    assert spearmanr(told[:, 0] / others.d, scaled).statistic > max(alone)


def test_unit_is_d() -> None:
    doubts, error = simulated(300)
    larger = Doubts(3 * doubts.apart, 3 * doubts.spread, doubts.score, 3 * doubts.d)
    ours, theirs = Uncertainty.fit(doubts, error, NAMES).sd(doubts), Uncertainty.fit(larger, 3 * error, NAMES).sd(larger)
    np.testing.assert_allclose(3 * ours, theirs, rtol=1e-6)


@settings(max_examples=50)
@given(st.lists(st.floats(-7, 2), min_size=3, max_size=3), st.integers(0, 2), st.floats(0.01, 3))
def test_a_worse_sign_never_makes_surer(signs: list[float], which: int, more: float) -> None:
    doubts, error = simulated(400)
    one = fit_point(doubts.signs(0), error[:, 0] / doubts.d)
    assert one is not None
    worse = list(signs)
    worse[which] += more
    assert one(np.array([worse]))[0] >= one(np.array([signs]))[0] - 1e-12


def test_map_by_hand() -> None:
    one = PointMap([1.0, 0.0, 0.0], [0.0, 1.0], [0.01, 0.04])
    signs = np.zeros((5, 3))
    signs[:, 0] = [0, 1, 0.5, -1, 2]
    assert one(signs) == pytest.approx([0.01, 0.04, 0.02, 0.01 / np.e, 0.04 * np.e])


def test_sign_that_nobody_told_is_left_out_and_few_rows_say_nothing() -> None:
    doubts, error = simulated(400)
    blind = Doubts(doubts.apart, np.full_like(doubts.spread, np.nan), doubts.score, doubts.d)
    fitted = Uncertainty.fit(blind, error, NAMES)
    assert fitted.maps["tip"] is not None and np.isfinite(fitted.sd(blind)).all()
    few = Uncertainty.fit(doubts.take(np.arange(30)), error[:30], NAMES)
    assert few.maps == {"tip": None, "hole": None}
    assert np.array_equal(few.sd(doubts), doubts.apart)
    unknown = np.where(np.arange(400)[:, None] < 380, np.nan, error)
    assert Uncertainty.fit(doubts, unknown, NAMES).maps["hole"] is None


def test_signs_that_say_nothing_give_every_photo_the_same() -> None:
    doubts, error = simulated(200)
    same = Doubts(*(np.ones_like(one) for one in (doubts.apart, doubts.spread, doubts.score)), np.full(200, 100.0))
    found = Uncertainty.fit(same, error, NAMES).sd(same)
    assert found == pytest.approx(np.sqrt(np.mean(error**2, 0) / 2)[None].repeat(200, 0))


def test_no_group_is_told_its_own_errors() -> None:
    doubts, error = simulated(400)
    group = np.arange(400) % 2
    before = cross_fitted(doubts, error, group, NAMES)
    after = cross_fitted(doubts, np.where(group[:, None] == 1, 10 * error, error), group, NAMES)
    assert np.array_equal(before[group == 1], after[group == 1])
    assert (after[group == 0] > 3 * before[group == 0]).mean() > 0.95
    assert np.array_equal(cross_fitted(doubts, error, np.zeros(400, int), NAMES), doubts.apart)


def test_written_and_read_back_to_the_same_bits(tmp_path: Path) -> None:
    doubts, error = simulated(300)
    fitted = Uncertainty.fit(doubts, error, NAMES)
    fitted.write(tmp_path / "uncertainty.json")
    assert read(tmp_path / "uncertainty.json") == fitted
    assert read(tmp_path / "nothing.json") is None
