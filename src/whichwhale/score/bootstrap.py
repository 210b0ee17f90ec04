"""How sure a mean over photos is, and whether one model is better than another on the same photos.

Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile intervals).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_INDICES_AT_ONCE = 1_000_000
"""Bounds the memory to about 16 MB; a constant, since the drawn samples depend on it."""


@dataclass(frozen=True)
class Interval:
    """A mean over photos and its percentile interval."""

    mean: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.level:.0%} interval {self.low:.4f} to {self.high:.4f})"


def mean_interval(values: ArrayLike, *, seed: int, draws: int = 10_000, level: float = 0.95) -> Interval:
    """Mean of one value a photo, with its bootstrap interval: photos are drawn with replacement.

    Args:
        values: float [photos], finite; for example ``log_loss_rows``.
        seed: of the draws; the same seed gives the same interval.
        draws: bootstrap samples.
        level: share of the samples' means inside the interval, between 0 and 1.

    Raises:
        ValueError: no values, not one-dimensional, not finite, ``draws`` < 1, ``level`` outside (0, 1).
    """
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or not row.size:
        raise ValueError(f"values must be one number a photo [photos], at least one, not shape {row.shape}")
    if not np.isfinite(row).all():
        raise ValueError(f"row {np.flatnonzero(~np.isfinite(row))[0]}: value is not finite")
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"draws must be at least 1 and level between 0 and 1, not {draws} and {level}")
    random = np.random.default_rng(seed)
    means = np.empty(draws)
    at_once = max(1, _INDICES_AT_ONCE // row.size)
    for start in range(0, draws, at_once):
        part = means[start : start + at_once]
        part[:] = row[random.integers(row.size, size=(len(part), row.size))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(row.mean()), float(low), float(high), level)


def paired_bootstrap(ours: ArrayLike, theirs: ArrayLike, *, seed: int, draws: int = 10_000, level: float = 0.95) -> Interval:
    """Mean of ``ours - theirs`` over photos, with its interval; below 0 throughout means a lower loss for ours.

    Each photo keeps its pair: both models find the same photos hard, so the difference is far surer than two separate
    intervals say.

    Args:
        ours, theirs: float [photos], the same photos in the same order.
        seed, draws, level: as :func:`mean_interval`.

    Raises:
        ValueError: shapes differ, or as :func:`mean_interval`.
    """
    first, second = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"both must score the same photos: shapes {first.shape} and {second.shape} differ")
    return mean_interval(first - second, seed=seed, draws=draws, level=level)
