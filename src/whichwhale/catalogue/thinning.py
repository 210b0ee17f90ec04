"""Which photos of the catalogue a trial may look at, so that nobody's number of photos gives the right animal away.

A photo of the catalogue that is asked as if it were new is hidden, and the others of its encounter with it: so its animal is seen
by fewer photos than it has, and animals of one photo are never the right one. What was fitted on such trials would hold neither
for them nor for an animal that was added yesterday with a single photo, nor behind a filter. Two things mend it:

- Every other animal loses as much: one encounter of its own, drawn at random (where none are known, one photo). Then the right
  animal is one of many that are alike in this, and whoever has nothing left is not searched.
- In half of the trials every animal keeps 1 to all of the photos that it still has, each number as likely as the others, and
  whose only photo was lost keeps it. So a number of photos that is rare in the catalogue, or not there yet, is met as well, and
  its worth can be fitted. The right animal keeps as many as another one, drawn at random from those that keep no more than it
  has left: so it is one of many in this as well, though it is never one of those that have a single photo.

It is for single photos. Encounters of several hide too many of an animal's (trials.py says what is done for them).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOGETHER = 16  # trials that find the photos of each animal in the same order
THINNED = 0.5  # of the trials


class Thinning:
    """Draws what trials may look at; photos lie animal by animal, N of A animals.

    Args:
        starts: [A] each animal's first photo; photos: N; meeting: [N] number of the encounter, None where none are known.
    """

    def __init__(self, starts: NDArray[np.int64], photos: int, meeting: NDArray[np.int64] | None, seed: int) -> None:
        self.counts = np.diff(np.append(starts, photos))
        self.starts, self.meeting, self.seed = starts, meeting, seed
        self.animal = np.repeat(np.arange(len(starts)), self.counts)
        self.block = -1

    def visible(self, trial: int, own: int, hidden: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a trial may look at each photo [N].

        Args:
            own: the right animal, -1: nobody of these; hidden: photos that must not be seen.
        """
        self._shuffle(trial // TOGETHER)
        thin, share = self.thins(trial), np.random.default_rng([self.seed, 6, trial]).random(len(self.counts))
        gone = np.zeros(len(self.animal), bool)
        gone[hidden] = True
        lost = np.zeros(len(self.counts), np.int64)
        if own >= 0 and gone[self.animal == own].any():
            lost = self.first if self.meeting is not None else np.ones_like(self.counts)
        kept = self.counts - lost
        if thin:
            lost = np.where(kept > 0, lost, 0)  # whose only photo it is keeps it
            kept = _drawn(np.maximum(kept, 1), share)
        found = (self.rank >= lost[self.animal]) & (self.rank < (lost + kept)[self.animal])
        if own >= 0:  # its photos are not lost by lot: they are those that are hidden
            photos = np.arange(self.starts[own], self.starts[own] + self.counts[own])
            left = photos[~gone[photos]]
            left = left[np.argsort(self.rank[left])]
            count = len(left)
            if thin and count:
                like = np.delete(kept, own)
                like = like[(like > 0) & (like <= count)]
                count = int(like[int(share[own] * len(like))]) if len(like) else 1
            found[photos] = False
            found[left[:count]] = True
        return found & ~gone

    def thins(self, trial: int) -> bool:
        """Whether animals keep fewer photos than they still have in this trial."""
        return bool(np.random.default_rng([self.seed, 8, trial]).random() < THINNED)

    def _shuffle(self, block: int) -> None:
        """Each photo's `rank` among its animal's, drawn anew for a block of trials; photos of one encounter lie together, and
        `first` [A] is how many the first of them has."""
        if block == self.block:
            return
        self.block, draw = block, np.random.default_rng([self.seed, 7, block])
        lot = draw.random(len(self.animal))
        if self.meeting is not None:
            _, number = np.unique(self.meeting, return_inverse=True)
            met = draw.random(number.max(initial=0) + 1)[number]
            order = np.lexsort((lot, met, self.animal))
        else:
            met, order = lot, np.lexsort((lot, self.animal))
        self.rank = np.empty(len(order), np.int64)
        self.rank[order] = np.arange(len(order)) - self.starts[self.animal[order]]
        leading = met[order][self.starts[self.animal]] == met[order]
        self.first = np.add.reduceat(leading.astype(np.int64), self.starts)


def _drawn(kept: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.int64]:
    """1 to `kept` by lots from 0 to 1; 0 where nothing is kept."""
    return np.where(kept > 0, 1 + np.floor(share * kept).astype(np.int64), 0)
