"""Linked batches: every group in every epoch, a rival beside whoever is told apart by rivals alone, repeats told apart, keyed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.fit.linked import Linked


@st.composite
def linked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Items of 2 to 25 groups, which of them have a name, and pairs that are told apart."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=2, max_size=25))
    named = np.array(draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes))))
    pairs = st.tuples(st.integers(0, len(sizes) - 1), st.integers(0, len(sizes) - 1)).filter(lambda pair: pair[0] < pair[1])
    least = 0 if named.sum() > 1 else 1
    rivals = np.array(sorted(draw(st.sets(pairs, min_size=least, max_size=30))), np.int64).reshape(-1, 2)
    items = np.random.default_rng(len(sizes)).permutation(np.repeat(np.arange(len(sizes)), sizes))
    return items, named, rivals


@given(linked(), st.integers(2, 9), st.integers(2, 4), st.integers(0, 99), st.integers(0, 9))
def test_an_epoch(made: tuple[np.ndarray, np.ndarray, np.ndarray], groups: int, each: int, seed: int, epoch: int) -> None:
    group_of, named, rivals = made
    count, sampler = len(group_of), Linked(group_of, named, rivals, groups, each, seed)
    batches = sampler.batches(epoch)
    assert len(batches) == sampler.number == len(Linked(group_of, named, rivals, groups, each, seed).batches(epoch + 1))
    beside = [[one for pair in rivals.tolist() if group in pair for one in pair if one != group] for group in range(len(named))]
    met = np.zeros(len(named), bool)
    for batch in batches:
        items = Counter(int(group_of[number % count]) for number in batch)
        assert len(items) == min(groups, len(named)) and set(items.values()) == {each}
        for group in items:
            met[group] |= any(rival in items for rival in beside[group])
    used = sum(batches, [])
    times = Counter(number % count for number in used)
    assert set(used) == {item + count * again for item, often in times.items() for again in range(often)}  # none twice
    assert {int(group_of[item]) for item in times} == set(range(len(named)))
    assert met[[not name and bool(rival) for name, rival in zip(named, beside, strict=True)]].all()
    for group in range(len(named)):
        often = [times[item] for item in np.flatnonzero(group_of == group)]
        assert max(often) - min(often) <= 1


def test_with_names_alone_an_epoch_costs_what_a_shuffled_one_does() -> None:
    group_of = np.repeat(np.arange(12), 8)
    assert len(Linked(group_of, np.ones(12, bool), [], 4, 4, seed=0).batches(0)) == 6  # 96 items in batches of 16


def test_batches_are_keyed_by_seed_and_epoch() -> None:
    group_of, named, rivals = np.repeat(np.arange(10), 3), np.arange(10) < 4, [(4, 5), (5, 6), (0, 9)]
    orders = {
        (seed, epoch): str(Linked(group_of, named, rivals, 4, 2, seed).batches(epoch)) for seed in (0, 1) for epoch in (0, 1)
    }
    assert len(set(orders.values())) == 4
    assert str(Linked(group_of, named, rivals, 4, 2, 1).batches(1)) == orders[1, 1]


@pytest.mark.parametrize(
    ("group_of", "named", "message"),
    [([0, 1, 1], [True, False], "nothing to tell apart"), ([0, 2], [True, True], "there are 2 groups"), ([], [], "nothing")],
)
def test_refusals(group_of: list[int], named: list[bool], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Linked(np.array(group_of, int), named, [], 2, 2, seed=0)
