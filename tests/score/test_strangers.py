import numpy as np
import pytest

from whichwhale.score import strangers

SCALE = 2.0


def on_circle(degrees: list[float]) -> np.ndarray:
    return np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])


def test_by_hand() -> None:
    # animal 7 at 0 and 10 degrees, 9 at 90 and 120; asked: 7's at 20, 9's at 40, a stranger (8) at 180
    found = strangers.ask(
        on_circle([0, 90, 10, 120]), np.array([7, 9, 7, 9]), on_circle([20, 40, 180]), np.array([7, 9, 8]), scale=SCALE
    )
    np.testing.assert_array_equal(found.rank, [0, 1, -1])
    np.testing.assert_array_equal(found.stranger, [False, False, True])
    score = dict(zip(strangers.COLUMNS, found.score.T, strict=True))
    cos = np.cos(np.radians([10, 30, 60]))  # to the nearest photo
    np.testing.assert_allclose(score["max cosine", None], -cos)
    other = np.cos(np.radians([70, 50, 170]))  # to the nearest photo of the next animal
    np.testing.assert_allclose(score["gap", None], other - cos)
    for k, nearest in (
        (1, [10, 30, 60]),
        (2, [20, 40, 90]),
        (3, [70, 50, 170]),
        (5, [100, 80, 180]),  # the fourth, there is no fifth: the photos at 120, 120 and 0 degrees
        (20, [100, 80, 180]),
    ):
        np.testing.assert_allclose(score["kNN distance", k], 2 * np.sin(np.radians(nearest) / 2), err_msg=str(k))
    own = np.log(np.exp(SCALE * np.cos(np.radians([10, 30, 170]))) + np.exp(SCALE * np.cos(np.radians([20, 40, 180]))))
    next_ = np.log(np.exp(SCALE * np.cos(np.radians([70, 50, 90]))) + np.exp(SCALE * np.cos(np.radians([100, 80, 60]))))
    np.testing.assert_allclose(score["max logit", None], -np.maximum(own, next_))
    np.testing.assert_allclose(score["energy", None], -np.logaddexp(own, next_))
    assert all((score["LOF", k] > 0).all() for k in strangers.LOF_NEIGHBOURS)


def test_logits_of_a_classifier() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 0.0]])
    found = strangers.ask(on_circle([0, 5, 90]), np.array([0, 0, 1]), on_circle([2, 80]), np.array([0, 1]), logits)
    np.testing.assert_allclose(found.score[:, 0], [-2, 0])
    np.testing.assert_allclose(found.score[:, 1], [-np.log(np.exp(2) + np.exp(1)), -np.log(2)])


def test_lof_is_one_in_a_lattice_and_large_far_away() -> None:
    """On a circle of equal steps each photo lies as densely as its neighbours."""
    gallery = on_circle(list(range(0, 360, 4)))
    found = strangers.ask(gallery, np.arange(90) // 3, on_circle([2.0]), np.array([0]))
    away = strangers.ask(np.column_stack([gallery, np.zeros(90)]), np.arange(90) // 3, np.array([[0.0, 0, 1]]), np.array([99]))
    column = strangers.COLUMNS.index(("LOF", 20))
    assert found.score[0, column] == pytest.approx(1, abs=0.05) and away.score[0, column] > 1.8


def test_each_photo_is_asked_as_a_strangers() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(44, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    animal = np.repeat(np.arange(11) * 3, 4)
    found = strangers.halves(vectors, animal, seed=5)
    assert found.stranger.sum() == 44 and (~found.stranger).sum() == 22
    counts = np.unique(found.animal[found.stranger], return_counts=True)
    np.testing.assert_array_equal(counts, (np.arange(11) * 3, np.full(11, 4)))
    np.testing.assert_array_equal(np.unique(found.animal[~found.stranger], return_counts=True)[1], np.full(11, 2))
    np.testing.assert_array_equal(found.score, strangers.halves(vectors, animal, seed=5).score)
    with pytest.raises(ValueError, match="it takes three photos, of two animals"):
        strangers.halves(vectors[:12], animal[:12], seed=0)


def test_encounters_are_dealt_whole() -> None:
    """Bursts: each photo has its very twin in one encounter; asked as a known one's it never meets it."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(44, 6)), 2, 0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    animal, column = np.repeat(np.arange(11), 8), strangers.COLUMNS.index(("max cosine", None))
    alone = strangers.halves(vectors, animal, seed=5)
    assert (alone.score[~alone.stranger, column] < -0.999).any()
    found = strangers.halves(vectors, animal, np.repeat(np.arange(44), 2), seed=5)
    assert found.stranger.sum() == 88 and (~found.stranger).sum() == 44
    assert (found.score[:, column] > -0.999).all()
    # each photo a meeting of its own: as if nothing were known of meetings
    np.testing.assert_array_equal(strangers.halves(vectors, animal, np.arange(88), seed=5).score, alone.score)
    # an animal that was met once is in a gallery, or a stranger; never asked as a known one
    once = strangers.halves(vectors, animal, np.where(animal == 3, 0, 1 + np.arange(88)), seed=5)
    assert (once.stranger[once.animal == 3]).all() and (~once.stranger).sum() == 40
