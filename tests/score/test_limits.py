"""Limits by hand, against scipy's exact intervals, and on made-up animals whose true rate of error is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from whichwhale.score import limits
from whichwhale.score.limits import correlation, limit


def right(count: int, photos: int) -> tuple:
    """Trials without a wrong one, `photos` of each animal."""
    return np.linspace(1, 0.5, count), np.zeros(count, bool), np.ones(count), np.arange(count) // photos


def test_certainty_takes_animals() -> None:
    # 1 - 0.1 ** (1 / n) is at most 5 % from n = 45 on
    assert limit(*right(44, 1), 0.05) is None
    assert limit(*right(45, 1), 0.05) == 0.5
    # nothing wrong was seen: nothing is known of how an animal's photos err together, so that four count as one
    assert limit(*right(176, 4), 0.05) is None
    assert limit(*right(180, 4), 0.05) == 0.5
    nothing = np.zeros(0)
    assert limit(nothing, nothing.astype(bool), nothing, nothing, 0.9) is None


def test_few_trials_have_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limit(*right(19, 1), 0.5) is None and limit(*right(20, 1), 0.5) == 0.5
    monkeypatch.setattr(limits, "LEAST", 5)
    assert limit(*right(19, 1), 0.5) == 0.5


@given(seed=st.integers(0, 2**32 - 1), error=st.floats(0.05, 0.9), heavy=st.floats(0.1, 10))
def test_of_one_photo_each_it_is_the_exact_interval(seed: int, error: float, heavy: float) -> None:
    random = np.random.default_rng(seed)
    p, wrong = random.integers(0, 12, 80) / 12, random.random(80) < random.random()
    bound = {}
    for least in np.unique(p):
        inside = p >= least
        found = binomtest(int(wrong[inside].sum()), int(inside.sum())).proportion_ci(0.8, "exact")  # two-sided: 10 % above
        bound[least] = found.high if inside.sum() >= limits.LEAST else 1.0
    fitting = [least for least, high in bound.items() if high <= error]
    assert limit(p, wrong, np.full(80, heavy), np.arange(80), error) == (min(fitting) if fitting else None)


def test_trials_are_counted_in_the_weight_of_the_heaviest() -> None:
    count = 60
    p, wrong, animal = np.linspace(1, 0.5, count), np.zeros(count, bool), np.arange(count)
    wrong[-1] = True
    # 1 wrong of 60 alike: at most 6.3 %; of weight 2 it is 1 of 30.5 (12 %); of weight 1 / 2 half a one of 59.5 (5.2 %)
    for of_wrong, bound in ((1.0, 0.0633), (2.0, 0.1218), (0.5, 0.0522)):
        weight = np.where(wrong, of_wrong, 1.0)
        assert limit(p, wrong, weight, animal, bound + 0.001) == 0.5
        found = limit(p, wrong, weight, animal, bound - 0.001)
        assert found is None or found > 0.5
    # 59 of which nothing is wrong: at most 3.8 %; if one of weight 2 could have been among them, as 29.5: at most 7.5 %
    assert limit(p, wrong, np.ones(count), animal, 0.04) is not None
    assert limit(p, wrong, np.ones(count), animal, 0.07, heaviest=2.0) is None


@given(seed=st.integers(0, 2**32 - 1), light=st.floats(0.01, 1))
def test_one_more_that_is_wrong_opens_nothing(seed: int, light: float) -> None:
    """A stranger's wrong name, whatever it weighs, must not make a limit lower than there was, or out of none."""
    random = np.random.default_rng(seed)
    count = int(random.integers(20, 80))
    p, wrong, animal = random.random(count), np.zeros(count, bool), np.arange(count) // int(random.integers(1, 4))
    before = limit(p, wrong, np.ones(count), animal, 0.05)
    more = np.append(p, random.random()), np.append(wrong, True), np.append(np.ones(count), light), np.append(animal, 999)
    after = limit(*more, 0.05)
    # with something wrong more can be known of how an animal's photos err together: of one photo each nothing is to know
    if len(np.unique(animal)) == count:
        assert after is None or (before is not None and after >= before)


def test_correlation_by_hand() -> None:
    same, one, pairs = np.full(4, 0.5), np.ones(4), np.array([0, 0, 1, 1])
    assert correlation(same, np.array([1, 1, 0, 0], bool), one, pairs) == 1  # an animal errs always or never
    assert correlation(same, np.array([1, 0, 1, 0], bool), one, pairs) == 0  # the animals are alike
    # three photos of each of four animals, 3, 1, 0 and 0 of them wrong: variances 2/3 between the animals, 1/12 within them
    wrong = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], bool)
    assert correlation(np.full(12, 0.5), wrong, np.ones(12), np.arange(12) // 3) == pytest.approx((8 - 1) / (8 + 2))
    # what p tells of each photo is no correlation: the animals differ by it alone
    told = np.array([0.9, 0.9, 0.1, 0.1] * 5)
    assert correlation(told, told < 0.5, np.ones(20), np.arange(20) // 2) == 1  # nothing is left to tell
    assert correlation(told, np.array([0, 1, 1, 0] * 5, bool), np.ones(20), np.arange(20) // 2) == 0
    for nothing in (np.zeros(4, bool), np.ones(4, bool)):
        assert correlation(same, nothing, one, pairs) == 1
    assert correlation(same, np.array([1, 0, 0, 0], bool), one, np.arange(4)) == 1  # one photo each


def made_up(animals: int, photos: int, random: np.random.Generator) -> tuple:
    """Of each animal some photos asked as known and as many as a stranger's; animals differ in how easily they are told."""
    animal = np.arange(animals).repeat(photos)
    stranger = np.tile(np.arange(photos) % 2 == 0, animals)
    match = random.normal(2.5, 1, animals * photos) + random.normal(0, 0.5, animals).repeat(photos)
    other = random.normal(0, 1, animals * photos) + random.normal(0, 0.5, animals).repeat(photos)
    weight = np.where(stranger, 0.3, 0.7)
    return np.where(stranger, other, np.maximum(match, other)), stranger | (other > match), weight, animal


@pytest.mark.parametrize("photos", [4, 20])
def test_other_animals_seldom_have_more_errors(photos: int) -> None:
    random = np.random.default_rng(0)
    p, wrong, weight, _ = made_up(20_000, photos, random)
    more, given_ = 0, 0
    for _ in range(100):
        least = limit(*made_up(100, photos, random), 0.05)
        if least is not None:
            inside = p >= least
            given_ += 1
            more += weight[inside & wrong].sum() > 0.05 * weight[inside].sum()
    assert given_ > 60  # and it is no limit that nothing passes
    assert more <= 20  # one in ten is promised; the limit with the error of the trials themselves has about half
