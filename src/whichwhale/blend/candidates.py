"""Rows of (photo, candidate): which whales are in question for a photo, and features of each (listing.py draws them up)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

LINEAR = ("logit", "rank", "lead", "first", "in lists", "log prior")  # kinds of features that mean something in a sum


@dataclass(frozen=True, eq=False)
class Candidates:
    """R rows, sorted by photo, then whale.

    scale          members that speak, by name, and the root mean square of each one's logits
    photo, whale   indices into photos and columns [R]
    start          first row of each photo [N + 1]
    features       [R, F] float64, named `names` [F]; NaN: unknown
    """

    scale: dict[str, float]
    photo: NDArray[np.int64]
    whale: NDArray[np.int64]
    start: NDArray[np.int64]
    features: NDArray[np.float64]
    names: list[str]

    def of(self, names: list[str]) -> NDArray[np.float64]:
        """Features of these names [R, F], in this order. Raises ValueError if one is not there."""
        place = {name: column for column, name in enumerate(self.names)}
        if missing := [name for name in names if name not in place]:
            raise ValueError(f"the blend asks for {missing[0]!r}, which is not known of these photos; fit the blend anew")
        return self.features[:, [place[name] for name in names]]

    def of_photos(self, at: NDArray[np.int64]) -> Candidates:
        """Those of the photos `at`, which are photos 0, 1, ... then."""
        count = np.diff(self.start)[at]
        start = np.concatenate([[0], np.cumsum(count)])
        rows = np.repeat(self.start[at] - start[:-1], count) + np.arange(start[-1])
        return replace(
            self,
            photo=np.repeat(np.arange(len(at)), count),
            whale=self.whale[rows],
            start=start,
            features=self.features[rows],
        )

    def spread(self, score: NDArray, log_p: NDArray) -> NDArray:
        """log p [N, C] of which each photo's candidates share anew what they have together, by the softmax of `score` [R]."""
        out = log_p.copy()
        had = self.sums(log_p[self.photo, self.whale])
        out[self.photo, self.whale] = score - (self.sums(score) - had)[self.photo]
        return out

    def sums(self, score: NDArray) -> NDArray[np.float64]:
        """log sum exp over the candidates of each photo [N]; every photo has one."""
        top = np.maximum.reduceat(score, self.start[:-1])
        return np.log(np.add.reduceat(np.exp(score - top[self.photo]), self.start[:-1])) + top

    def softmax(self, score: NDArray) -> NDArray:
        """Share of each row among the candidates of its photo [R]."""
        return np.exp(score - self.sums(score)[self.photo])

    def true_rows(self, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a row is the photo's true whale [R]."""
        return self.whale == truth[self.photo]


def linear(names: list[str]) -> list[str]:
    """Those features that a regression may add up: not what all candidates of a photo share, nor what others say already."""
    return [name for name in names if name.rsplit(", ", 1)[-1] in LINEAR]


def base_score(found: Candidates, log_p: NDArray) -> NDArray[np.float64]:
    """log p [N, C] of the candidates [R]."""
    return log_p[found.photo, found.whale].astype(np.float64)
