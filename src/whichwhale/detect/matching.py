"""Boxes held against boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union [n, m] of boxes a [n, 4] and b [m, 4] (x, y, width, height)."""
    a, b = (np.asarray(one, np.float64).reshape(-1, 4) for one in (a, b))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    common = np.maximum(high - low, 0).prod(-1)
    return common / np.maximum(a[:, 2:].prod(1)[:, None] + b[:, 2:].prod(1)[None] - common, 1e-12)


def match(found: ArrayLike, score: ArrayLike, true: ArrayLike, least: float) -> NDArray[np.int64]:
    """For each found box [n, 4] the true one [m, 4] that it finds, −1 if none: from the highest score down each takes the true
    box with the highest IoU, at least `least`, that is still free (COCO's rule)."""
    overlap = iou(found, true)
    taken = np.full(len(overlap), -1, np.int64)
    if not overlap.size:
        return taken
    free = np.ones(overlap.shape[1], bool)
    for i in np.argsort(-np.asarray(score, np.float64), kind="stable"):
        j = int(np.where(free, overlap[i], -1.0).argmax())
        if free[j] and overlap[i, j] >= least:
            taken[i], free[j] = j, False
    return taken
