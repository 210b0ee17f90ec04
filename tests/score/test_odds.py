"""Probabilities of a search from ratios of pairs: exact sums, and numbers that mend ratios which are off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import fusion, odds
from whichwhale.score.fusion import Evidence
from whichwhale.score.odds import Odds, Searches


def made_up(count: int, animals: int, apart: float = 2.0, seed: int = 0) -> tuple[Searches, np.ndarray]:
    """Searches whose ratios are those of normal scores, 0 or `apart` standard deviations high; and strangers' ratios."""
    rng = np.random.default_rng(seed)
    right = rng.integers(0, animals, count)
    score = rng.normal(size=(count, animals))
    score[np.arange(count), right] += apart
    strangers = rng.normal(size=(count, animals))
    true = [apart * one - apart**2 / 2 for one in (score, strangers)]  # ln N(x; apart, 1) / N(x; 0, 1)
    return Searches(true[0], right, np.arange(count) % 4), true[1]


def test_bayes_by_hand() -> None:
    ratio = np.log([[6.0, 2.0, 1.0]])
    p = np.exp(odds.log_posterior(ratio, Odds(), 0.25)[0])
    whole = 0.25 * (6 + 2 + 1) + 0.25  # (1 - r) / A = 0.25, and r
    np.testing.assert_allclose(p, [1.5 / whole, 0.5 / whole, 0.25 / whole, 0.25 / whole])
    hidden = np.where([[True, False, True]], ratio, -np.inf)  # two animals are candidates
    p = np.exp(odds.log_posterior(hidden, Odds(power=2.0, nobody=np.log(3)), 0.2)[0])
    whole = 0.4 * 36 + 0.4 + 0.2 * 3
    np.testing.assert_allclose(p, [14.4 / whole, 0, 0.4 / whole, 0.6 / whole])
    assert odds.log_posterior(ratio, Odds(), 0.0)[0, -1] == -np.inf


@given(st.integers(0, 10_000), st.floats(0, 5), st.floats(-5, 5), st.floats(0, 0.99))
def test_probabilities_sum_to_one(seed: int, power: float, nobody: float, rate: float) -> None:
    ratio = np.random.default_rng(seed).normal(size=(5, 7)) * 30
    ratio[:, 3] = -np.inf
    p = np.exp(odds.log_posterior(ratio, Odds(power, nobody), rate))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p[:, 3] == 0).all()


def test_right_ratios_are_left_alone_and_wrong_ones_mended() -> None:
    found, strangers = made_up(3000, 30)
    fitted = odds.fit(found)
    assert fitted.power == pytest.approx(1, abs=0.06) and fitted.nobody == pytest.approx(0, abs=0.15)
    shrunk = odds.fit(Searches(0.4 * found.ratio + 0.5, found.right, found.group))
    # 2.5 (0.4 ratio + 0.5) is 1.25 too high for everybody, which nobody then has as well
    assert 0.4 * shrunk.power == pytest.approx(1, abs=0.06) and shrunk.nobody == pytest.approx(1.25, abs=0.2)
    for odd, some in ((fitted, (found.ratio, strangers)), (shrunk, (0.4 * found.ratio + 0.5, 0.4 * strangers + 0.5))):
        p = [np.exp(odds.log_posterior(ratio, odd, 0.3))[:, -1].mean() for ratio in some]
        assert 0.7 * p[0] + 0.3 * p[1] == pytest.approx(0.3, abs=0.02)


def test_reliability_of_searches_by_other_odds() -> None:
    found, _ = made_up(2000, 30)
    parted = [(found.only(found.group == one), odds.fit(found.only(found.group != one))) for one in range(4)]
    few, many = odds.reliability(parted, (0.05, 0.3))
    for one in (few, many):
        assert one.claimed == pytest.approx(one.right, abs=0.03) and one.nobody == pytest.approx(one.new_rate, abs=0.02)
    assert odds.reliability([], (0.05,)) == []
    with pytest.raises(ValueError, match="no sighting whose animal"):
        odds.fit(found.only(np.zeros(2000, bool)))


def test_searches_of_pairs() -> None:
    """Sighting 0 of animal 0 among two of its own and one of animal 2; sighting 1 of animal 1 among animal 2 alone."""
    query, first = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1])
    second = np.array([0, 0, 2, 2])
    evidence = Evidence(("face", "ear"), np.zeros((4, 2)), first == second, query, first, second, np.array([3, 3, 3, 5]), 4)
    found = odds.searches(evidence, np.array([[1.0, np.nan], [2.5, 0.5], [np.nan, -1.0], [0.0, 0.0]]))
    assert len(found) == 1 and found.right.tolist() == [0] and found.group.tolist() == [3]
    mean = np.log((np.exp(1.0) + np.exp(2.5)) / 2) + 0.5  # of the ear there is one sighting
    np.testing.assert_allclose(found.ratio, [[mean, -np.inf, -1.0, -np.inf]])
    assert found.without_own().tolist() == [[-np.inf, -np.inf, -1.0, -np.inf]]


def test_a_group_is_judged_by_what_did_not_see_it() -> None:
    """Whatever the pairs of a group are, its odds stay, and so do the weights that its ratios are of."""
    rng = np.random.default_rng(3)
    animal = np.arange(24)
    first, second = (one.ravel() for one in np.meshgrid(animal, animal, indexing="ij"))
    kept = first % 3 == second % 3
    first, second = first[kept], second[kept]
    same = first == second
    cosine = (rng.normal(size=(len(first), 2)) + 2.0 * same[:, None]) / 5
    pairs = Evidence(("face", "ear"), cosine, same, first, first, second, first % 3, 24)
    judged = odds.judged(pairs)
    assert [len(searches) for searches, _ in judged] == [8, 8, 8]
    for group, (searches, numbers) in enumerate(judged):
        other = Evidence(
            ("face", "ear"), np.where((first % 3 == group)[:, None], -cosine, cosine), same, first, first, second, first % 3, 24
        )
        again, same_numbers = odds.judged(other)[group]
        assert same_numbers == numbers and not np.allclose(
            again.ratio[again.ratio > -np.inf], searches.ratio[searches.ratio > -np.inf]
        )
        learn = fusion.fit(pairs.only(first % 3 != group))
        of = np.flatnonzero(first % 3 == group)
        np.testing.assert_allclose(searches.ratio[searches.ratio > -np.inf], learn.log_ratio(cosine[of]))
    assert odds.judged(pairs.only(first % 3 != 0)) == []


def test_the_mean_of_likelihood_ratios() -> None:
    found = odds.mean_ratio(np.log([3.0, 5.0, 7.0, 1.0]), np.array([0, 2, 3]))
    np.testing.assert_allclose(found, np.log([4.0, 7.0, 1.0]))
    found = odds.mean_ratio(np.array([np.nan, np.log(5.0), np.nan, np.nan]), np.array([0, 2]))
    assert found[0] == pytest.approx(np.log(5.0)) and np.isnan(found[1])
    assert len(odds.mean_ratio(np.zeros(0), np.zeros(0, np.int64))) == 0


def test_a_group_whose_others_are_too_few_is_not_judged() -> None:
    """Three groups, of which two have pairs of two animals: without the first of these nothing can be fitted."""
    rng = np.random.default_rng(4)
    group = np.repeat([0, 1, 2], [10, 10, 1])
    first, second = (one.ravel() for one in np.meshgrid(np.arange(21), np.arange(21), indexing="ij"))
    kept = group[first] == group[second]
    first, second = first[kept], second[kept]
    same = first == second
    cosine = (rng.normal(size=(len(first), 1)) + 2.0 * same[:, None]) / 5
    pairs = Evidence(("face",), cosine, same, first, first, second, group[first], 21)
    assert len(odds.judged(pairs)) == 0 and odds.fit(odds.searches(pairs, fusion.crossed(pairs))).power > 0
