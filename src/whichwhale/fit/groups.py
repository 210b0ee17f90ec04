"""Batches of a few items of each of a few groups, for losses that compare items of a batch."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Grouped:
    """Batches of `each` items of each of `groups` groups (P x K batches: Hermans et al. 2017, section 2), keyed by (seed, epoch).

    An epoch has as many batches as one that takes every item once, or as many as it takes to have every group once. A group takes
    part about once for every `each` of its items, at least once an epoch and at most once a batch. Its items are drawn anew
    every epoch, none twice before all of them were there. Where an item comes again (a group of fewer than `each`), its number
    is raised by the number of items, k times for the k-th repeat, so that whoever makes items can draw its changes anew:
    number % count is the item, number // count the repeat.

    pytorch-metric-learning's MPerClassSampler draws from numpy's global stream, so that a resumed fit would see other batches.
    """

    def __init__(self, group_of: ArrayLike, groups: int, each: int, seed: int) -> None:
        """`group_of` int [N], the group of each item. Raises ValueError if there are fewer than two groups."""
        members = np.asarray(group_of)
        _, index = np.unique(members, return_inverse=True)
        self.count, self.each, self.seed = len(members), each, seed
        self._items = [np.flatnonzero(index == group) for group in range(index.max() + 1)] if len(members) else []
        if len(self._items) < 2:
            raise ValueError(f"{len(self._items)} group(s) of training items: with fewer than two there is nothing to tell apart")
        self.groups = min(groups, len(self._items))
        self._fair = np.array([len(items) for items in self._items]) / each  # turns of each group, were they divisible
        self._least = np.maximum(np.floor(self._fair), 1).astype(np.int64)
        size = self.groups * each
        self.number = max(round(self.count / size), int(np.ceil(self._least.sum() / self.groups)), 1)

    def batches(self, epoch: int) -> list[list[int]]:
        draw = np.random.default_rng((self.seed, epoch))
        turns = self._turns(draw)
        # Each group's turns one after another, dealt to the batches in turn: no batch gets a group twice, all get as many.
        dealt: list[list[int]] = [[] for _ in range(self.number)]
        place = 0
        for group in draw.permutation(len(self._items)):
            order = draw.permutation(self._items[group])
            taken = order[np.arange(turns[group] * self.each) % len(order)].reshape(-1, self.each)
            for items in taken.tolist():
                dealt[place % self.number] += items
                place += 1
        return with_repeats([dealt[batch] for batch in draw.permutation(self.number)], self.count)

    def _turns(self, draw: np.random.Generator) -> NDArray[np.int64]:
        """How often each group takes part, `number * groups` times in all: those that are owed most, before lots among equals."""
        turns = np.minimum(self._least, self.number)
        while (missing := self.number * self.groups - turns.sum()) > 0:
            owed = np.where(turns < self.number, self._fair - turns, -np.inf)
            ready = np.lexsort((draw.random(len(turns)), -owed))[: int((turns < self.number).sum())]
            turns[ready[:missing]] += 1
        return turns


def with_repeats(batches: list[list[int]], count: int) -> list[list[int]]:
    """The batches with the number of an item, one of `count`, raised by k * count where it comes for the k-th time again."""
    before: Counter[int] = Counter()
    result = []
    for batch in batches:
        numbers = []
        for item in batch:
            numbers.append(item + count * before[item])
            before[item] += 1
        result.append(numbers)
    return result
