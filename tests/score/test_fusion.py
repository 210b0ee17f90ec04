"""Fused parts: weights from first principles, missing parts that say nothing, ranks with ties, and what was fitted on whom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import fusion, roc
from whichwhale.score.fusion import EQUAL, FUSED, Evidence, Fusion
from whichwhale.score.verification import calibrate

PARTS = ("ear", "nose", "tail")


def made_up(
    animals: int = 60, groups: int = 5, apart: tuple[float, ...] = (1.5, 1.0, 0.0), missing: float = 0.0, seed: int = 0
) -> Evidence:
    """Every animal asked among those of its group; part k of a pair of one animal lies `apart[k]` standard deviations higher."""
    random, group_of = np.random.default_rng(seed), np.arange(animals) % groups
    first, second = np.nonzero(group_of[:, None] == group_of[None])
    same = first == second
    cosine = random.normal(size=(len(same), len(apart))) + same[:, None] * np.array(apart)
    cosine[random.random(cosine.shape) < missing] = np.nan
    return Evidence(PARTS[: len(apart)], 0.2 * cosine + 0.3, same, first, first, second, group_of[first], animals)


def test_one_part_is_the_calibration_of_verification() -> None:
    """But for the pull on the slope, which keeps it a little lower."""
    one = made_up(400, 8, apart=(2.0,))
    found, known = fusion.fit(one), calibrate(one.cosine[:, 0], one.same, 0.5)
    assert 0.75 * known.slope < found.slope[0] < known.slope
    # two normal distributions of one width s, means m and m + d s: the slope of the log ratio is d / s
    assert known.slope == pytest.approx(2 / 0.2, rel=0.15)


def test_weights_follow_what_parts_tell() -> None:
    found = fusion.fit(made_up(600, 10))
    ear, nose, tail = found.slope
    assert ear > nose > 3 * tail >= 0
    assert ear / nose == pytest.approx(1.5, rel=0.2)


def test_a_part_that_tells_the_wrong_way_round_gets_no_weight() -> None:
    found = fusion.fit(made_up(200, 4, apart=(1.5, -1.0)))
    assert found.slope[1] == 0 and found.slope[0] > 0


@given(st.integers(0, 1000), st.integers(1, 4))
def test_a_missing_part_says_nothing(seed: int, parts: int) -> None:
    random = np.random.default_rng(seed)
    weights = Fusion(PARTS[:1] * parts, tuple(random.random(parts)), tuple(random.normal(size=parts)))
    cosine = random.normal(size=(6, parts))
    gone = random.random(cosine.shape) < 0.5
    alone = sum(np.where(gone[:, k], 0, weights.slope[k] * cosine[:, k] + weights.offset[k]) for k in range(parts))
    np.testing.assert_allclose(weights.log_ratio(np.where(gone, np.nan, cosine)), alone)
    assert weights.log_ratio(np.full(parts, np.nan)) == 0


def test_which_parts_are_there_says_nothing() -> None:
    """Cosines of pure noise; an animal shows the same parts in each of its sightings more often than two animals do."""
    auc = []
    for seed in range(6):
        one = made_up(200, 5, apart=(0.0, 0.0, 0.0), seed=seed)
        random = np.random.default_rng(100 + seed)
        one.cosine[random.random(one.cosine.shape) < np.where(one.same, 0.1, 0.6)[:, None]] = np.nan
        one = one.only(~np.isnan(one.cosine).all(axis=1))
        score = fusion.scores(one)[FUSED]
        auc.append(roc.area(*roc.Roc(score, one.same).curve()))
    assert np.mean(auc) == pytest.approx(0.5, abs=0.03)  # 0.86 where all pairs of a kind weigh alike


def test_weights_by_hand() -> None:
    # ear alone: one pair of one animal, two of two; both: one, one; nose alone: two of two; nothing: one of one
    there = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1], [0, 1], [0, 1], [0, 0]], bool)
    same = np.array([1, 0, 0, 1, 0, 0, 0, 1], bool)
    found = fusion._weights(there, same, 0.2)
    np.testing.assert_allclose(found, [0.1, 0.2, 0.2, 0.1, 0.4, 0, 0, 0])
    assert not fusion._weights(there[5:], same[5:], 0.2).any()


def test_a_group_is_judged_by_the_others_alone() -> None:
    """Other cosines in a group change its own scores by the others' weights alone: those of the fit without it."""
    one = made_up(missing=0.3)
    mine = one.group == 2
    weights = fusion.fit(one.only(~mine))
    np.testing.assert_allclose(fusion.scores(one)[FUSED][mine], weights.log_ratio(one.cosine[mine]))
    assert set(fusion.scores(one)) == {*PARTS, EQUAL, FUSED}


def test_fused_beats_the_best_part() -> None:
    found = fusion.judge(made_up(150, 5, missing=0.3), draws=200)
    rows = {row.name: row for row in found.rows}
    assert found.best == "ear" and found.animals == 150 and found.candidates == 30 and found.queries == 150
    assert rows[FUSED].auc.mean > rows["ear"].auc.mean and found.gain["auc"].low > 0 and found.gain["top_1"].mean > 0
    assert found.gain_there["auc"].low > 0
    assert rows["ear"].there == pytest.approx(0.7, abs=0.1) and rows[FUSED].there > rows["ear"].there
    assert rows["tail"].auc.mean == pytest.approx(0.5, abs=0.1)


def test_ties_are_broken_by_lot() -> None:
    """One query, seven candidates: two above the right one, one beside it."""
    same = np.array([False, False, True, False, False, False, False])
    score = np.array([3.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    zeros = np.zeros(7, np.int64)
    one = Evidence(("ear",), score[:, None], same, zeros, zeros, np.array([1, 2, 0, 3, 4, 5, 6]), zeros, 7)
    animal, first, five = fusion._hits(one, score)
    assert (animal.tolist(), first.tolist(), five.tolist()) == ([0], [0.0], [1.0])
    _, first, five = fusion._hits(one, np.zeros(7))  # nothing known: 1 of 7, 5 of 7
    assert first[0] == pytest.approx(1 / 7) and five[0] == pytest.approx(5 / 7)


def test_candidates_are_animals() -> None:
    """Six sightings of a wrong animal before the right one: it is second of two."""
    same = np.array([False] * 6 + [True])
    score = np.array([9.0, 8, 7, 6, 5, 4, 3])
    zeros = np.zeros(7, np.int64)
    one = Evidence(("ear",), score[:, None], same, zeros, zeros, np.where(same, 0, 1), zeros, 2)
    animal, first, five = fusion._hits(one, score)
    assert (animal.tolist(), first.tolist(), five.tolist()) == ([0], [0.0], [1.0])


def test_joined_queries_stay_apart() -> None:
    one = made_up(10, 2)
    both = fusion.joined([one, one])
    assert len(both) == 2 * len(one) and len(np.unique(both.query)) == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: fusion.fit(one.only(one.same)), "pairs of both kinds"),
        (lambda one: fusion.fit(one, prior=1.0), "prior=1"),
        (lambda one: fusion.scores(one.only(one.group == 0)), "one group of animals"),
    ],
)
def test_refusals(change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        change(made_up(20, 2))
