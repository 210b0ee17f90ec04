"""Grouped batches: so many items of so many groups, every group in every epoch, repeats told apart, keyed by seed and epoch."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.fit.groups import Grouped

GROUPS = st.lists(st.integers(1, 30), min_size=2, max_size=40)  # items of each group


def labels(sizes: list[int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


@given(GROUPS, st.integers(2, 9), st.integers(2, 5), st.integers(0, 99), st.integers(0, 20))
def test_an_epoch(sizes: list[int], groups: int, each: int, seed: int, epoch: int) -> None:
    whale = labels(sizes)
    sampler = Grouped(whale, groups, each, seed)
    batches = sampler.batches(epoch)
    count, used = len(whale), sum(batches, [])
    for batch in batches:
        items = Counter(whale[number % count] for number in batch)
        assert len(items) == min(groups, len(sizes)) and set(items.values()) == {each}
    # Every group takes part.
    turns = Counter(whale[number % count] for number in used)
    assert turns.keys() == set(range(len(sizes)))
    # A repeat has a number of its own, and repeats are counted from 0 without a gap.
    assert len(set(used)) == len(used)
    times = Counter(number % count for number in used)
    assert set(used) == {item + count * again for item, often in times.items() for again in range(often)}
    # Of a group no item comes twice before all have come once.
    for group, size in enumerate(sizes):
        often = [times[item] for item in np.flatnonzero(whale == group)]
        assert max(often) - min(often) <= 1
        if size >= each:
            assert all(len({n % count for n in batch if whale[n % count] == group}) in (0, each) for batch in batches)
    # The cost is that of a shuffled epoch, but for what having each group once takes.
    size = min(groups, len(sizes)) * each
    least = sum(max(1, items // each) for items in sizes) * each
    assert len(batches) == max(1, round(count / size), -(-least // size))


def test_an_epoch_by_hand() -> None:
    """Whales of 1, 2 and 5 photos in batches of 2 whales x 2 photos: two batches, in each the third whale and one other."""
    whale = np.array([0, 1, 1, 2, 2, 2, 2, 2])
    for epoch in range(5):
        batches = Grouped(whale, 2, 2, seed=3).batches(epoch)
        kinds = sorted(sorted(whale[number % 8].item() for number in batch) for batch in batches)
        assert kinds == [[0, 0, 2, 2], [1, 1, 2, 2]]
        numbers = sum(batches, [])
        assert {0, 8, 1, 2} < set(numbers)  # the one photo of whale 0 twice, as two items
        assert len({number for number in numbers if number >= 3} - {8}) == 4


def test_batches_are_keyed_by_seed_and_epoch() -> None:
    whale = labels([5] * 12)
    orders = {(seed, epoch): str(Grouped(whale, 4, 3, seed).batches(epoch)) for seed in range(3) for epoch in range(3)}
    assert len(set(orders.values())) == 9
    assert str(Grouped(whale, 4, 3, 1).batches(2)) == orders[1, 2]


def test_over_the_epochs_every_item_comes() -> None:
    whale = labels([1, 2, 3, 7, 9, 22])
    sampler = Grouped(whale, 3, 4, seed=0)
    seen = {number % len(whale) for epoch in range(12) for batch in sampler.batches(epoch) for number in batch}
    assert seen == set(range(len(whale)))


@pytest.mark.parametrize("groups", [[], [4, 4, 4]])
def test_fewer_than_two_groups_are_refused(groups: list[int]) -> None:
    with pytest.raises(ValueError, match="nothing to tell apart"):
        Grouped(groups, 2, 2, seed=0)
