import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import NEW_WHALE, map_at_5, open_set, ranked_lists, roc
from whichwhale.score.strangers import COLUMNS, NAMES, Asked

# rising strangeness; rank of the true animal, -1 for strangers
SCORE = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
RANK = np.array([0, 0, 1, -1, 0, -1])


def made_up(seed: int, apart: float, animals: int = 40, photos: int = 4) -> Asked:
    """Half of the animals are strangers; all scores alike but for noise, strangers' larger by `apart`."""
    rng = np.random.default_rng(seed)
    animal = np.repeat(np.arange(animals), photos)
    stranger = animal % 2 == 1
    score = apart * stranger[:, None] + rng.normal(size=(len(animal), len(COLUMNS)))
    return Asked(score, np.where(stranger, -1, rng.integers(0, 2, len(animal))), animal)


def test_thresholds_by_hand() -> None:
    even = np.full(6, 1 / 6)
    # named so far 1 .. 6, right 1 2 2 2 3 3, known 4: F1 2/5, 4/6, 4/7, 4/8, 6/9, 6/10; of equally good ones the lower
    assert open_set.best_f1(SCORE, RANK, even) == 2
    # new_whale second and not first is worth +1/2 for a right first guess, -1/2 for a stranger: 1, 2, 2, 1, 2, 1 halves
    assert open_set.best_map5(SCORE, RANK, even) == 2
    assert open_set.best_map5(SCORE[3:4], RANK[3:4], even[:1]) == -np.inf


def test_bands_by_hand() -> None:
    """Blocks of 50 photos: 1 wrong name, then 5, then strangers; a block of 50 strangers, before it one of 45 with 5 known."""
    score = np.repeat(np.arange(4.0), 50)
    rank = np.concatenate([[1], np.zeros(49), np.full(5, 2), np.zeros(45), np.full(45, -1), np.zeros(5), np.full(50, -1)]).astype(
        int
    )
    even, animal = np.full(200, 1 / 200), np.arange(200)
    # upper bounds (Clopper-Pearson, 90 %): 1 of 50: 7.6 %, 6 of 100: 10.3 %; from above 0 of 50: 4.5 %, 5 of 100: 9.1 %
    for auto, new, limits in (
        (0.08, 0.05, (0, 3)),
        (0.11, 0.10, (1, 2)),
        (0.07, 0.04, (-np.inf, np.inf)),
        (0.45, 0.10, (2, 3)),  # no photo is in both bands
        (0.60, 0.10, (3, np.inf)),
    ):
        assert open_set.band_limits(score, rank, even, animal, auto, new) == limits, (auto, new)


@given(seed=st.integers(0, 2**32 - 1))
def test_precision_is_that_of_the_lists(seed: int) -> None:
    """MAP@5 by ranks equals MAP@5 of the lists of guesses that it stands for."""
    rng = np.random.default_rng(seed)
    names = [f"w{n}" for n in range(7)]
    scores, true = rng.random((6, 7)), rng.integers(-1, 7, 6)
    first = rng.random(6) < 0.5
    order = np.argsort(-scores, axis=1)
    rank = np.array([-1 if one < 0 else int(np.flatnonzero(row == one)[0]) for row, one in zip(order, true, strict=True)])
    lists = []
    for guesses, new_first in zip(ranked_lists(scores, names), first, strict=True):
        lists.append([NEW_WHALE, *guesses] if new_first else [guesses[0], NEW_WHALE, *guesses[1:]])
    truth = [NEW_WHALE if one < 0 else names[one] for one in true]
    assert open_set._precision(rank, first).mean() == pytest.approx(map_at_5(lists, truth))


@given(seed=st.integers(0, 2**32 - 1), auto=st.floats(0.01, 0.99), new=st.floats(0.01, 0.99))
def test_bands_keep_their_error_rates(seed: int, auto: float, new: float) -> None:
    rng = np.random.default_rng(seed)
    score, rank = rng.integers(0, 8, 30).astype(float), rng.integers(-1, 2, 30)
    weight = rng.random(30)
    low, high = open_set.band_limits(score, rank, weight, rng.integers(0, 9, 30), auto, new)
    assert low < high
    named, called = score <= low, score >= high
    assert weight[named & (rank != 0)].sum() <= auto * weight[named].sum() + 1e-9
    assert weight[called & (rank >= 0)].sum() <= new * weight[called].sum() + 1e-9


def test_the_table() -> None:
    asked = made_up(0, 1.5)
    found = open_set.judge(asked, rate=0.2, draws=50)
    assert (found.known, found.strangers, found.animals) == (80, 80, 40)
    rows = {row.name: row for row in found.rows}
    assert list(rows) == [*NAMES, open_set.COMBINED]
    for column, (name, k) in enumerate(COLUMNS):
        assert k is not None or rows[name].auroc.mean == pytest.approx(
            roc.area(*roc.Roc(asked.score[:, column], asked.stranger).curve())
        )
    # six independent scores: together 1.5 * sqrt(6) apart, so that nearly all are told apart
    assert rows[open_set.COMBINED].auroc.mean > 0.97 > max(rows[name].auroc.mean for name in NAMES)
    assert rows[open_set.COMBINED].fpr95.mean < 0.2
    for row in found.rows:
        for one in (row.auroc, row.fpr95, row.f1, row.map5):
            assert 0 <= one.low <= one.high <= 1
    assert sum(band.share.mean for band in found.bands) == pytest.approx(1)
    assert {band.name: np.isnan(band.wrong.mean) for band in found.bands}["review"]
    assert found.rows == open_set.judge(asked, rate=0.2, draws=50).rows
    assert "bands of the combination, asked for 5% wrong in auto" in open_set.text(found, (0.05, 0.05))


def test_nothing_to_tell_apart_stays_by_chance() -> None:
    """Cross-fitting: a combination of noise is worth nothing, and must not look as if it were."""
    aurocs = [open_set.judge(made_up(seed, 0.0), draws=2).rows[-1].auroc.mean for seed in range(4)]
    assert abs(np.mean(aurocs) - 0.5) < 0.08


def test_animals_stay_in_one_part() -> None:
    asked = made_up(1, 1.0)
    part = open_set.parts_of(asked, 0)
    assert set(part) == set(range(open_set.PARTS))
    assert all(len(set(part[asked.animal == one])) == 1 for one in range(40))


def test_refusals() -> None:
    asked = made_up(0, 1.0)
    with pytest.raises(ValueError, match="rate=1: a share"):
        open_set.judge(asked, rate=1.0)
    known = Asked(asked.score[~asked.stranger], asked.rank[~asked.stranger], asked.animal[~asked.stranger])
    with pytest.raises(ValueError, match="0 show strangers"):
        open_set.judge(known)


def test_k_is_chosen_on_other_animals() -> None:
    """Of noise and one k that tells strangers, the parts choose that one; where they choose others the scores keep one scale."""
    asked = made_up(3, 0.0)
    good = COLUMNS.index(("LOF", 5))
    asked.score[:, good] += 3 * asked.stranger
    part = open_set.parts_of(asked, 0)
    table, k = open_set.cross_fitted(asked, part, 0.3)
    assert k["LOF"] == (5,) * open_set.PARTS and set(k) == {"kNN distance", "LOF"}
    np.testing.assert_array_equal(table["LOF"], asked.score[:, good])
    # a second k that tells them in one part alone, in units of a thousand: it misleads the other four, which choose by that part
    other = COLUMNS.index(("LOF", 2))
    asked.score[:, other] = 1000 * (asked.score[:, good] + (asked.stranger & (part == 0)))
    table, k = open_set.cross_fitted(asked, part, 0.3)
    assert k["LOF"][0] == 2 and set(k["LOF"]) == {2}  # of equally good ones the first
    asked.score[part == 0, other] = 0
    table, k = open_set.cross_fitted(asked, part, 0.3)
    assert k["LOF"] == (2, 5, 5, 5, 5)
    assert abs(table["LOF"]).max() < 6 and np.allclose(table["LOF"][part == 0], table["LOF"][part == 0][0])
    assert "k of LOF, chosen on other animals: 2, 5" in open_set.text(open_set.judge(asked, draws=2), (0.05, 0.05))
