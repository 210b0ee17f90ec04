"""One place from many views: a robust mean, and how far the views lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST = 0.01  # px of the photo: views nearer than that are one
INLIERS = 3.0  # times the median distance


@dataclass(frozen=True, eq=False)
class Views:
    """What V views (of one or several fold models) found in N photos, in pixels of the upright photos.

    points [N, V, K, 2]; score [N, V, K]; extent [N, V, 2], None if no boxes were looked for
    """

    points: NDArray[np.float64]
    score: NDArray[np.float64]
    extent: NDArray[np.float64] | None

    def take(self, rows: NDArray[np.int64]) -> Views:
        """The views of some of the photos."""
        return Views(self.points[rows], self.score[rows], None if self.extent is None else self.extent[rows])


@dataclass(frozen=True, eq=False)
class Place:
    """points [N, K, 2]; sd [N, K] px, root mean square distance of a view along one axis, NaN for a single view; score [N];
    extent [N, 2] or None."""

    points: NDArray[np.float64]
    sd: NDArray[np.float64]
    score: NDArray[np.float64]
    extent: NDArray[np.float64] | None


def together(views: list[Views]) -> Views:
    """All views of several fold models side by side, for the same photos in the same order."""
    extent = None if views[0].extent is None else np.concatenate([one.extent for one in views], 1)
    return Views(np.concatenate([one.points for one in views], 1), np.concatenate([one.score for one in views], 1), extent)


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
    return Place(place, sd, views.score.mean((1, 2)), extent)


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over axis 1 of [N, V, ...] by [N, V]."""
    return np.einsum("nv...,nv->n...", values, weight / weight.sum(1, keepdims=True))


def _distance(points: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square distance [N, V] of each view's points from `place` [N, K, 2]."""
    return np.sqrt(((points - place[:, None]) ** 2).sum(-1).mean(-1))
