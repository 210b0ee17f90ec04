"""One place from many views: a robust mean, and how far the views lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.localize.uncertainty import Doubts

SMALLEST = 0.01  # px of the photo: views nearer than that are one
INLIERS = 3.0  # times the median distance


@dataclass(frozen=True, eq=False)
class Views:
    """What V views (of one or several fold models) found in N photos, in pixels of the upright photos.

    points [N, V, K, 2]; score [N, V, K]; extent [N, V, 2], None if no boxes were looked for; spread [N, V, K] px, how far the
    network's own answer reaches, None if it doesn't say
    """

    points: NDArray[np.float64]
    score: NDArray[np.float64]
    extent: NDArray[np.float64] | None
    spread: NDArray[np.float64] | None = None

    def take(self, rows: NDArray[np.int64]) -> Views:
        """The views of some of the photos."""
        return Views(*(None if one is None else one[rows] for one in (self.points, self.score, self.extent, self.spread)))

    def put(self, rows: NDArray[np.int64], others: Views) -> Views:
        """A copy in which the views of some of the photos are others."""
        mine, theirs = ((one.points, one.score, one.extent, one.spread) for one in (self, others))
        copies = [None if one is None or other is None else one.copy() for one, other in zip(mine, theirs, strict=True)]
        for copy, other in zip(copies, theirs, strict=True):
            if copy is not None:
                copy[rows] = other
        return Views(*copies)


@dataclass(frozen=True, eq=False)
class Place:
    """points [N, K, 2]; sd [N, K] px, root mean square distance of a view along one axis, NaN for a single view; score [N];
    extent [N, 2] or None; spread [N, K] px, of the views' own answers, NaN where they don't say; scores [N, K], by channel."""

    points: NDArray[np.float64]
    sd: NDArray[np.float64]
    score: NDArray[np.float64]
    extent: NDArray[np.float64] | None
    spread: NDArray[np.float64]
    scores: NDArray[np.float64]

    def doubts(self, channels: list[int]) -> Doubts:
        """Signs of doubt of some of the channels, of which the first two span d."""
        first, second = channels[:2]
        d = np.linalg.norm(self.points[:, second] - self.points[:, first], axis=-1)
        return Doubts(self.sd[:, channels], self.spread[:, channels], self.scores[:, channels], d)


def together(views: list[Views]) -> Views:
    """All views of several fold models side by side, for the same photos in the same order."""
    parts = (
        [one.points for one in views],
        [one.score for one in views],
        [one.extent for one in views],
        [one.spread for one in views],
    )
    return Views(*(None if any(one is None for one in part) else np.concatenate(part, 1) for part in parts))


def average(views: Views, steps: int = 30) -> Place:
    """Average views by score about their geometric median, leaving out those beyond `INLIERS` times the median distance.

    A view is one thing with all its points: one that took head for tail, or another whale, is far off as a whole and is outvoted
    as a whole. The median comes by Weiszfeld's iteration (Weiszfeld & Plastria 2009, section 1). `sd` counts all views, the
    left-out ones as well: views that disagree are a reason to doubt.
    """
    points, weight = views.points, views.score.mean(-1) + 1e-9
    count = points.shape[1]
    place = _mean(points, weight)
    for _ in range(steps):
        place = _mean(points, weight / np.maximum(_distance(points, place), SMALLEST))
    distance = _distance(points, place)
    near = distance <= np.maximum(INLIERS * np.median(distance, 1, keepdims=True), SMALLEST)
    place = _mean(points, weight * near)
    square = ((points - place[:, None]) ** 2).sum(-1) / 2
    sd = np.sqrt((square * weight[..., None]).sum(1) / weight.sum(1)[:, None])
    if count == 1:
        sd = np.full_like(sd, np.nan)
    extent = None if views.extent is None else np.exp(_mean(np.log(views.extent), weight * near))
    spread = np.full_like(sd, np.nan)
    if views.spread is not None:
        spread = np.sqrt((views.spread**2 * weight[..., None]).sum(1) / weight.sum(1)[:, None])
    return Place(place, sd, views.score.mean((1, 2)), extent, spread, views.score.mean(1))


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over axis 1 of [N, V, ...] by [N, V]."""
    return np.einsum("nv...,nv->n...", values, weight / weight.sum(1, keepdims=True))


def _distance(points: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance [N, V] of each view's points from `place` [N, K, 2]."""
    return np.sqrt(((points - place[:, None]) ** 2).sum(-1).mean(-1))
