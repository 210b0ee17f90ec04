"""What trials may look at: as much for the right animal as for the others, and every number of photos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.catalogue.thinning import Thinning

COUNTS = np.array([1, 2, 4, 4, 7])
STARTS = np.cumsum(COUNTS) - COUNTS
ANIMAL = np.repeat(np.arange(5), COUNTS)
PHOTOS = int(COUNTS.sum())


def seen(visible: np.ndarray) -> np.ndarray:
    return np.bincount(ANIMAL[visible], minlength=5)


@given(seed=st.integers(0, 1000), trial=st.integers(0, 200), row=st.integers(0, PHOTOS - 1), more=st.booleans())
def test_every_animal_loses_as_much(seed: int, trial: int, row: int, more: bool) -> None:
    own = int(ANIMAL[row])
    hidden = np.unique([row, STARTS[own]]) if more else np.array([row])  # the same picture, twice
    thinning = Thinning(STARTS, PHOTOS, None, seed)
    visible = thinning.visible(trial, own, hidden)
    assert not visible[hidden].any()
    left = COUNTS - 1
    left[own] = COUNTS[own] - len(hidden)
    if thinning.thins(trial):
        most = np.maximum(left, 1)  # an only photo stays, but for that which is asked
        most[own] = left[own]
        assert (seen(visible) <= most).all() and ((seen(visible) > 0) == (most > 0)).all()
    else:
        np.testing.assert_array_equal(seen(visible), left)
    again = Thinning(STARTS, PHOTOS, None, seed).visible(trial, own, hidden)
    np.testing.assert_array_equal(visible, again)  # whatever was asked before


def test_the_right_animal_is_like_the_others() -> None:
    """Animals of four photos: over many trials the right one is seen by as many photos as the others are."""
    starts, animal = np.arange(6) * 4, np.repeat(np.arange(6), 4)
    thinning, own, others = Thinning(starts, 24, None, 0), [], []
    for trial in range(600):
        visible = thinning.visible(trial, trial % 6, np.array([4 * (trial % 6) + trial % 4]))
        count = np.bincount(animal[visible], minlength=6)
        own.append(count[trial % 6])
        others += np.delete(count, trial % 6).tolist()
    for number in (1, 2, 3):
        assert np.mean(np.array(own) == number) == pytest.approx(np.mean(np.array(others) == number), abs=0.05)
    assert max(own) == max(others) == 3 and np.mean(np.array(own) == 1) == pytest.approx(1 / 6, abs=0.05)


def test_the_right_animal_is_like_the_others_where_many_have_one_photo() -> None:
    """Three animals of one photo, three of five, which alone can be asked: of these, four photos are left."""
    counts = np.array([1, 1, 1, 5, 5, 5])
    starts, animal = np.cumsum(counts) - counts, np.repeat(np.arange(6), counts)
    thinning, own, others = Thinning(starts, 18, None, 0), [], []
    for trial in range(1500):
        if not thinning.thins(trial):
            continue
        asked = 3 + trial % 3
        count = np.bincount(animal[thinning.visible(trial, asked, np.array([starts[asked] + trial % 5]))], minlength=6)
        assert (count > 0).all()
        own.append(count[asked])
        others += np.delete(count, asked).tolist()
    for number in (1, 2, 3, 4):
        assert np.mean(np.array(own) == number) == pytest.approx(np.mean(np.array(others) == number), abs=0.04)
    assert np.mean(np.array(own) == 1) == pytest.approx((3 + 2 / 4) / 5, abs=0.04)


def test_one_encounter_of_each_is_lost() -> None:
    """Bursts of three and one: with the burst of the right animal one encounter of each other goes, whole."""
    meeting = np.array([0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5])
    starts, animal = np.array([0, 4, 8]), np.repeat([0, 1, 2], 4)
    thinning, lost = Thinning(starts, 12, meeting, 0), set()
    for trial in range(200):
        if thinning.thins(trial):
            continue
        visible = thinning.visible(trial, 0, np.array([0, 1, 2]))
        assert np.flatnonzero(visible & (animal == 0)).tolist() == [3]
        for other in (1, 2):
            gone = np.flatnonzero(~visible & (animal == other))
            assert set(meeting[gone]) in ({2}, {3}, {4}, {5}) and len(gone) == (meeting == meeting[gone[0]]).sum()
            lost.add(int(meeting[gone[0]]))
    assert lost == {2, 3, 4, 5}


def test_of_strangers_nothing_is_lost() -> None:
    thinning = Thinning(STARTS, PHOTOS, None, 3)
    whole = [trial for trial in range(50) if not thinning.thins(trial)]
    assert 10 < len(whole) < 40
    for trial in whole:
        assert thinning.visible(trial, -1, np.zeros(0, np.int64)).all()
        assert thinning.visible(trial, -1, np.array([2])).sum() == PHOTOS - 1  # the same picture under another name
        assert thinning.visible(trial, 2, np.zeros(0, np.int64)).all()  # held-out photos: the catalogue has none of them
