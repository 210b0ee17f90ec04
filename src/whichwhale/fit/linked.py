"""Batches of groups of which some have no name: they are told apart from a few others alone, which must be in the same batch."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.fit.groups import with_repeats


class Linked:
    """Batches of `each` items of each of `groups` groups, as `groups.Grouped`, keyed by (seed, epoch).

    A group with a name is known to differ from every other one that has a name; one without, from its `rivals` alone. In a batch
    drawn by chance it would hardly meet one of them, so a rival comes with it, and the two are told apart. Every group takes part
    in every epoch, about once for every `each` of its items, and every group that has rivals but no name meets one of them at
    least once. A batch has a group at most once. Numbers of items that come again are raised as `Grouped` does.
    """

    def __init__(self, group_of: ArrayLike, named: ArrayLike, rivals: ArrayLike, groups: int, each: int, seed: int) -> None:
        """
        Args:
            group_of: int [N], the group of each item, 0 … G - 1, each with an item; named: bool [G]; rivals: int [R, 2], pairs of
                groups.

        Raises:
            ValueError: nothing to tell apart: fewer than two named groups and no rivals.
        """
        members, self.named = np.asarray(group_of, np.int64), np.asarray(named, bool)
        self.count, self.each, self.seed = len(members), each, seed
        self._items = [np.flatnonzero(members == group) for group in range(len(self.named))]
        if self.count and (members.min() < 0 or members.max() >= len(self.named)) or not all(map(len, self._items)):
            raise ValueError(f"items are of groups {sorted(set(members.tolist()))[:5]}, …; there are {len(self.named)} groups")
        pairs = np.asarray(rivals, np.int64).reshape(-1, 2)
        if self.named.sum() < 2 and not len(pairs):
            raise ValueError(
                f"{self.named.sum()} named group(s) of training items, and no rivals: there is nothing to tell apart"
            )
        self._rivals: list[list[int]] = [[] for _ in self._items]
        for one, other in pairs.tolist():
            self._rivals[one].append(other)
            self._rivals[other].append(one)
        self._shy = np.array([not named and bool(rivals) for named, rivals in zip(self.named, self._rivals, strict=True)], bool)
        self.groups = min(groups, len(self._items))
        self._fair = np.array([len(items) for items in self._items]) / each
        self._least = np.maximum(np.floor(self._fair), 1).astype(np.int64)
        # A turn of a shy group may take two places, and the last place of a batch be of no use to one.
        wanted, room = self._least.sum() + self._least[self._shy].sum(), self.groups - bool(self._shy.any())
        self.number = max(round(self.count / (self.groups * each)), -(-int(wanted) // max(room, 1)), 1)

    def batches(self, epoch: int) -> list[list[int]]:
        draw = np.random.default_rng((self.seed, epoch))
        dealt = self._deal(draw)
        turns = Counter(group for batch in dealt for group in batch)
        items = {}
        for group, often in sorted(turns.items()):
            order = draw.permutation(self._items[group])
            items[group] = deque(order[np.arange(often * self.each) % len(order)].reshape(-1, self.each).tolist())
        made = [[item for group in batch for item in items[group].popleft()] for batch in dealt]
        return with_repeats([made[batch] for batch in draw.permutation(self.number)], self.count)

    def _deal(self, draw: np.random.Generator) -> list[list[int]]:
        """The groups of each batch."""
        first = draw.permutation(len(self._items))
        more = draw.permutation(np.repeat(np.arange(len(self._items)), self._least - 1))
        queue, ahead, taken = deque([*first.tolist(), *more.tolist()]), Counter(), np.zeros(len(self._items), np.int64)
        dealt = []
        for _ in range(self.number):
            batch: list[int] = []
            later: list[int] = []
            while queue and len(batch) < self.groups:
                group = queue.popleft()
                if ahead[group]:  # its turn was taken as somebody's rival
                    ahead[group] -= 1
                elif group in batch or not self._enter(group, batch, draw, ahead):
                    later.append(group)
            queue.extendleft(reversed(later))
            for group in batch:
                taken[group] += 1
            if len(batch) < self.groups:
                self._fill(batch, taken, draw)
            dealt.append(batch)
        return dealt

    def _enter(self, group: int, batch: list[int], draw: np.random.Generator, ahead: Counter[int]) -> bool:
        """Take a group into a batch, with a rival if it needs one; False if there is no room for both."""
        company = self._company(group, batch, draw)
        if len(batch) + 1 + len(company) > self.groups:
            return False
        batch += [group, *company]
        ahead.update(company)
        return True

    def _company(self, group: int, batch: list[int], draw: np.random.Generator) -> list[int]:
        if not self._shy[group] or any(rival in batch for rival in self._rivals[group]):
            return []
        return [int(draw.choice(self._rivals[group]))]

    def _fill(self, batch: list[int], taken: NDArray[np.int64], draw: np.random.Generator) -> None:
        """Fill a batch with those that are owed most, before lots among equals; a lonely one only where nobody else is left."""
        order = np.lexsort((draw.random(len(taken)), taken - self._fair)).tolist()
        for lonely in (False, True):
            for group in order:
                if len(batch) == self.groups:
                    return
                if group in batch:
                    continue
                company = [] if lonely else self._company(group, batch, draw)
                if len(batch) + 1 + len(company) <= self.groups:
                    batch += [group, *company]
                    for one in (group, *company):
                        taken[one] += 1
