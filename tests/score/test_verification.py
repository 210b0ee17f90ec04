import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import verification as verifying
from whichwhale.score import verification_auc

# angles in degrees on the circle: cosines are known
ANGLES, ANIMAL = np.array([0, 10, 60, 80, 100]), np.array(["a", "a", "b", "b", "c"])


def on_circle(degrees: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def made_up(animals: int, photos: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.normal(size=(animals, 8)), photos, 0) + 0.7 * rng.normal(size=(animals * photos, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.repeat(np.arange(animals), photos)


def test_pairs_by_hand() -> None:
    pairs = verifying.pairs_of(on_circle(ANGLES), ANIMAL)
    assert pairs.animals == 3 and len(pairs.cosine) == 10
    np.testing.assert_allclose(np.sort(pairs.cosine[pairs.same]), np.cos(np.radians([20, 10])))
    found = verifying.verification(pairs, seed=0, draws=50)
    # pairs of two animals lie at 60, 80, 100, 50, 70, 90, 40, 20 degrees: one tie, with one of the two same pairs
    assert (found.same, found.different, found.animals) == (2, 8, 3)
    assert found.auc.mean == pytest.approx((8 + 7.5) / 16)
    assert found.accepts == {}  # 1 % of eight is less than a pair
    accepts = verifying.verification(pairs, seed=0, draws=5, rates=(0.12, 0.125, 0.25)).accepts
    assert {rate: one.mean for rate, one in accepts.items()} == {0.125: 1.0, 0.25: 1.0}
    assert found.auc.mean == pytest.approx(verification_auc(on_circle(ANGLES), np.array([0, 0, 1, 1, 2])))


def test_intervals_are_over_animals() -> None:
    vectors, animal = made_up(12, 3)
    once = verifying.verification(verifying.pairs_of(vectors, animal), seed=1, draws=200)
    # each photo four times over: no animal more, so the intervals may not shrink as they would over pairs
    again = verifying.verification(verifying.pairs_of(np.repeat(vectors, 4, 0), np.repeat(animal, 4)), seed=1, draws=200)
    assert again.different == 16 * once.different
    for one, other in ((once.auc, again.auc), (once.eer, again.eer)):
        assert 0 <= one.low <= one.mean <= one.high <= 1
        assert other.high - other.low > 0.6 * (one.high - one.low)
    assert verifying.verification(verifying.pairs_of(vectors, animal), seed=1, draws=200) == once


def test_bootstrap_weights_are_those_of_drawn_animals() -> None:
    """One animal drawn twice, one once: as if its pairs were listed twice, its pairs with the other twice."""
    pairs = verifying.pairs_of(on_circle(np.array([0, 10, 60, 80])), np.array(["a", "a", "b", "b"]))
    found = verifying.verification(pairs, seed=0, draws=400)
    # two animals, neither of which has a pair that is out of order: of the next one that is not known (0.025 ** (1 / 2))
    assert found.auc.mean == 1 and (found.auc.low, found.auc.high) == (pytest.approx(0.025**0.5), 1)
    assert found.eer.mean == 0


def test_calibration_is_the_likelihood_ratio() -> None:
    """Cosines of 0 and 1 alone: the model is saturated, so shares must come out."""
    cosine = np.array([1.0] * 8 + [0.0] * 2 + [1.0] * 10 + [0.0] * 90)
    same = np.arange(110) < 10
    for prior in (0.5, 0.05):
        found = verifying.calibrate(cosine, same, prior)
        assert found.offset == pytest.approx(math.log(0.2 / 0.9), rel=2e-3)
        assert found.slope + found.offset == pytest.approx(math.log(0.8 / 0.1), rel=2e-3)
        # Bayes: 0.8 prior / (0.8 prior + 0.1 (1 - prior))
        assert found.probability(1.0, 0.25) == pytest.approx(0.2 / (0.2 + 0.075), abs=1e-3)


def test_pairs_that_do_not_overlap_have_finite_numbers() -> None:
    found = verifying.calibrate([0.9, 0.8, 0.1, 0.0], [True, True, False, False], 0.5)
    assert np.isfinite([found.slope, found.offset]).all()
    p = found.probability([0.9, 0.8, 0.1, 0.0], 0.5)
    assert (p[:2] > 0.95).all() and (p[2:] < 0.05).all()


@given(seed=st.integers(0, 2**32 - 1), prior=st.floats(0.01, 0.99))
def test_weights_make_up_the_prior(seed: int, prior: float) -> None:
    same = np.random.default_rng(seed).random(50) < 0.3
    same[:2] = True, False
    weight = verifying.weights(same, prior)
    assert weight.sum() == pytest.approx(1) and weight[same].sum() == pytest.approx(prior)


def test_claims_hold_on_other_animals() -> None:
    vectors, animal = made_up(120, 4)
    found = verifying.judge(verifying.pairs_of(vectors, animal), 0.2, seed=0)
    assert found.uninformed == pytest.approx(-0.2 * math.log(0.2) - 0.8 * math.log(0.8))
    assert found.log_loss < 0.6 * found.uninformed and found.error < 0.06
    claimed, true, count = np.array(found.bins).T
    assert (np.diff(claimed) >= 0).all() and true[-1] > 0.7 and true[0] < 0.05
    half = 60 * 4
    assert count.sum() == 2 * (half * (half - 1) // 2)  # pairs within a half of the animals


@pytest.mark.parametrize("prior", [0.5, 0.1, 0.02])
def test_chance_is_taken_off_the_error(prior: float) -> None:
    """Independent pairs whose claims mean what they say, few of one animal and many of two: what is left of the squared error is
    nothing on average, and plain it is the chance alone."""
    left, plain = [], []
    for seed in range(40):
        random = np.random.default_rng(seed)
        same = np.arange(8200) < 200
        # two animals a pair, so that the halves cut pairs and not animals' photos: normal densities 1.5 apart
        cosine = random.normal(np.where(same, 0.15, 0.0), 0.1)
        animal = np.arange(8200)
        found = verifying.judge(verifying.Pairs(cosine, same, animal, animal, 8200), prior, seed=seed)
        claimed, true, _ = np.array(found.bins).T
        plain.append(np.mean((claimed - true) ** 2))
        left.append(found.error**2)
    assert np.mean(left) < 0.35 * np.mean(plain)


def test_a_rate_of_less_than_a_pair_has_no_true_accepts() -> None:
    vectors, animal = made_up(10, 5)  # 1125 pairs of two animals
    pairs = verifying.pairs_of(vectors, animal)
    assert list(verifying.verification(pairs, seed=0, draws=5).accepts) == [0.01, 0.001]
    few = pairs.only(pairs.same | (np.cumsum(~pairs.same) < 1000))
    assert list(verifying.verification(few, seed=0, draws=5).accepts) == [0.01]


@pytest.mark.parametrize(
    ("same", "prior", "message"),
    [([True, True], 0.5, "it takes pairs of both kinds"), ([True, False], 1.0, "prior=1: the share")],
)
def test_refusals(same: list[bool], prior: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        verifying.calibrate([0.1, 0.2], same, prior)


def test_two_photos_of_one_meeting_are_no_pair() -> None:
    # a's two photos are of one meeting; b's are not, c was met with b
    pairs = verifying.pairs_of(on_circle(ANGLES), ANIMAL, np.array([0, 0, 1, 2, 1]))
    np.testing.assert_allclose(pairs.cosine[pairs.same], np.cos(np.radians([20])))
    assert (~pairs.same).sum() == 8 and pairs.animals == 3
    with pytest.raises(ValueError, match=r"meeting must be \[5\]"):
        verifying.pairs_of(on_circle(ANGLES), ANIMAL, np.zeros(4))
