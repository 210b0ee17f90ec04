"""From cosines of photos to one score an animal, and from the photos of an encounter to one answer.

Scores are in units of a cosine. max: the nearest photo. mean_top_k: the mean of the k nearest (of all, if there are fewer).
log_sum_exp: ln sum_i exp(s cos_i) / s, the log of a kernel density over s: with a large s the nearest photo alone, with a small
one all of them, and more photos count for more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.config import PoolConfig

DEFAULT_SCALE = 16.0  # of log_sum_exp, until one is fitted


def pooled(
    cosines: NDArray[np.floating], starts: NDArray[np.int64], pool: PoolConfig, scale: float = DEFAULT_SCALE
) -> NDArray[np.float32]:
    """Scores [Q, A] of cosines [Q, N] whose columns lie animal by animal; -inf marks a photo that is not to count.

    Args:
        starts: [A] first column of each animal, ascending, each with at least one column.

    An animal of which no photo counts has the score -inf.
    """
    cosines = np.asarray(cosines, np.float32)
    best = np.maximum.reduceat(cosines, starts, axis=1)
    if pool.kind == "max":
        return best
    if pool.kind == "log_sum_exp":
        counts = np.diff(np.append(starts, cosines.shape[1]))
        some = np.where(np.isfinite(best), best, 0)
        below = np.exp(scale * (cosines - np.repeat(some, counts, axis=1)))  # at most 1; exp(-inf) is 0
        with np.errstate(divide="ignore"):
            return (some + np.log(np.add.reduceat(below, starts, axis=1)) / scale).astype(np.float32)
    return _mean_top_k(cosines, starts, pool.k)


def _mean_top_k(cosines: NDArray[np.float32], starts: NDArray[np.int64], k: int) -> NDArray[np.float32]:
    counts = np.diff(np.append(starts, cosines.shape[1]))
    animal = np.repeat(np.arange(len(starts)), counts)
    scores = np.empty((len(cosines), len(starts)), np.float32)
    for row, values in enumerate(cosines):
        order = np.lexsort((-values, animal))
        ordered = values[order]
        place = np.arange(len(ordered)) - starts[animal]  # animals keep their columns
        counted = (place < k) & np.isfinite(ordered)
        sums = np.add.reduceat(np.where(counted, ordered, 0), starts)
        number = np.add.reduceat(counted, starts, dtype=np.int64)
        scores[row] = np.where(number > 0, sums / np.maximum(number, 1), -np.inf)
    return scores


def together(scores: NDArray[np.floating], pool: PoolConfig) -> NDArray[np.float32]:
    """Scores [A] of an encounter, from those of its photos [photos, A]."""
    scores = np.asarray(scores, np.float32)
    if len(scores) == 1:
        return scores[0]
    return scores.max(axis=0) if pool.encounter == "max" else scores.mean(axis=0)
