import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import few_shot
from whichwhale.score.few_shot import Episodes

ANIMAL = np.repeat(np.arange(12), 6)


def made_up(spread: float, dims: int = 8) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(12, dims)), 6, 0) + spread * rng.normal(size=(72, dims))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(seed=st.integers(0, 2**32 - 1), ways=st.integers(2, 12), shots=st.integers(1, 5))
def test_episodes_ask_about_other_photos(seed: int, ways: int, shots: int) -> None:
    drawn = few_shot.episodes(ANIMAL, ways, shots, 3, seed=seed)
    assert (drawn.ways, drawn.shots) == (ways, shots)
    for support, query, animal in zip(drawn.support, drawn.query, drawn.animal, strict=True):
        assert len(set(animal)) == ways and len({*support, *query}) == ways * (shots + 1)
        np.testing.assert_array_equal(ANIMAL[support], np.repeat(animal, shots))
        np.testing.assert_array_equal(ANIMAL[query], animal)


@given(seed=st.integers(0, 2**32 - 1), shots=st.integers(1, 4))
def test_no_support_photo_is_of_the_asked_encounter(seed: int, shots: int) -> None:
    meeting = np.random.default_rng(seed).integers(0, 3, 72) + 10 * ANIMAL
    enough = [one for one in range(12) if any((meeting[one == ANIMAL] != m).sum() >= shots for m in meeting[one == ANIMAL])]
    if len(enough) < 2:
        with pytest.raises(ValueError, match=f"a photo and {shots} more of other encounters, it takes 2"):
            few_shot.episodes(ANIMAL, 2, shots, 3, seed=seed, meeting=meeting)
        return
    drawn = few_shot.episodes(ANIMAL, len(enough), shots, 3, seed=seed, meeting=meeting)
    for support, query, animal in zip(drawn.support, drawn.query, drawn.animal, strict=True):
        assert sorted(animal) == enough and len({*support, *query}) == len(enough) * (shots + 1)
        np.testing.assert_array_equal(ANIMAL[support], np.repeat(animal, shots))
        np.testing.assert_array_equal(ANIMAL[query], animal)
        assert (meeting[support] != np.repeat(meeting[query], shots)).all()


def test_episodes_are_keyed_one_by_one() -> None:
    few, many = (few_shot.episodes(ANIMAL, 5, 1, count, seed=3) for count in (4, 9))
    np.testing.assert_array_equal(few.support, many.support[:4])
    assert (few.support != few_shot.episodes(ANIMAL, 5, 1, 4, seed=4).support).any()


def test_votes_by_hand() -> None:
    """Two animals with three photos each on a line; asked are 2.0 and 10."""
    line = np.array([[0.0], [1.9], [30], [2.5], [2.8], [10], [2.0], [9.0]])
    drawn = Episodes(np.array([[0, 1, 2, 3, 4, 5]]), np.array([[6, 7]]), np.array([[4, 8]]))
    # 2.0: nearest is 1.9 (animal one); then 2.5, 2.8: 10 against 2 + 1.25
    # 9.0: nearest is 10 (animal two): 1; with 2.8 and 2.5 the more
    for k in (1, 3):
        np.testing.assert_array_equal(few_shot.right(line, drawn, k), [[True, True]])
    line[1] = 1.4  # 1/0.5 alone is the nearest of animal two, 1/0.6 of one: 2.5 is nearer, and with 2.8 outvotes
    np.testing.assert_array_equal(few_shot.right(line, drawn, 1), [[False, True]])
    np.testing.assert_array_equal(few_shot.right(line, drawn, 3), [[False, True]])
    line[0] = 1.3  # 1/0.6 + 1/0.7 = 3.1 against 1/0.5 + 1/0.8 = 3.25; all six: 1/28 more against 1/8
    np.testing.assert_array_equal(few_shot.right(line, drawn, 100), [[False, True]])
    line[4] = 3.5  # 1/0.5 + 1/1.5 + 1/8 = 2.79 against 3.13
    np.testing.assert_array_equal(few_shot.right(line, drawn, 100), [[True, True]])
    np.testing.assert_array_equal(few_shot.right(line, drawn, 1), [[False, True]])


def test_an_equal_photo_wins() -> None:
    line = np.array([[0.0], [1.0], [1.0], [0.0]])
    drawn = Episodes(np.array([[0, 1]]), np.array([[3, 2]]), np.array([[0, 1]]))
    np.testing.assert_array_equal(few_shot.right(line, drawn, 2), [[True, True]])


def test_intervals_are_over_animals() -> None:
    """Two animals, one always right, one always wrong: drawn twice over, accuracies are 0, 1/2 or 1."""
    drawn = Episodes(np.zeros((50, 2), int), np.zeros((50, 2), int), np.tile([3, 8], (50, 1)))
    found = few_shot.accuracy(np.tile([True, False], (50, 1)), drawn, seed=0)
    assert (found.mean, found.low, found.high) == (0.5, 0, 1)


def test_k_is_chosen_on_other_animals_and_more_shots_help() -> None:
    vectors = made_up(0.9)
    one = few_shot.few_shot(vectors, ANIMAL, ways=4, shots=1, count=60, draws=50)
    five = few_shot.few_shot(vectors, ANIMAL, ways=4, shots=5, count=60, draws=50, flat=vectors[:, :2])
    assert one.k in (1, 3, 4) and one.flat is None and five.flat is not None
    assert 0.25 < one.nearest.mean < five.knn.mean <= 1
    assert five.flat.mean < five.knn.mean  # two of eight dimensions
    perfect = few_shot.few_shot(made_up(0.0), ANIMAL, ways=4, shots=1, count=10, draws=10)
    assert perfect.nearest.mean == perfect.knn.mean == 1 and perfect.k == 1


def test_sides_hold_whole_animals() -> None:
    aside = few_shot.sides(ANIMAL, 0.25, seed=1)
    assert aside.sum() == 18 and all(len(set(aside[one == ANIMAL])) == 1 for one in range(12))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="12 animals have more than 5 photos, it takes 13"):
        few_shot.episodes(ANIMAL, 13, 5, 1, seed=0)
    with pytest.raises(ValueError, match="0 animals have more than 6 photos"):
        few_shot.episodes(ANIMAL, 2, 6, 1, seed=0)
    with pytest.raises(ValueError, match="it takes an episode, two ways"):
        few_shot.episodes(ANIMAL, 1, 1, 1, seed=0)
