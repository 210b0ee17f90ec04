"""Receiver operating characteristic of weighted rows: what a threshold lets in of those it should and of those it should not.

Weights serve two ends: a stated share of either kind, and bootstraps over animals, where a row counts as often as its animal was
drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.score.bootstrap import Interval


class Roc:
    """Rows sorted once, so that each further set of weights costs two sums.

    A threshold accepts all rows whose score reaches it; equal scores are accepted together.
    """

    def __init__(self, score: ArrayLike, positive: ArrayLike) -> None:
        """
        Args:
            score: [rows], higher is likelier positive; positive: bool [rows].

        Raises:
            ValueError: shapes differ, NaN, or one kind is missing.
        """
        values, right = np.asarray(score, np.float64), np.asarray(positive, bool)
        if values.ndim != 1 or values.shape != right.shape:
            raise ValueError(f"score and positive must be [rows] each, not of shape {values.shape} and {right.shape}")
        if np.isnan(values).any():
            raise ValueError(f"row {int(np.isnan(values).argmax())}: the score is NaN")
        if right.all() or not right.any():
            raise ValueError(f"of {len(right)} rows {int(right.sum())} are positive: it takes some of both kinds")
        self.order = np.argsort(-values, kind="stable")
        ordered = values[self.order]
        self.positive = right[self.order]
        self.ends = np.flatnonzero(np.append(np.diff(ordered) < 0, True))
        self.thresholds = ordered[self.ends]
        """[T] falling; the curve's points after the first, which accepts nothing"""

    def curve(self, weight: NDArray[np.float64] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares accepted of the negative and of the positive rows, [1 + T] each, rising from 0 to 1; NaN where a kind's weights
        are all 0."""
        weights = np.ones(len(self.order)) if weight is None else np.asarray(weight, np.float64)[self.order]
        shares = []
        for kind in (~self.positive, self.positive):
            sums = np.concatenate([[0.0], np.cumsum(np.where(kind, weights, 0.0))[self.ends]])
            shares.append(sums / sums[-1] if sums[-1] > 0 else np.full(len(sums), np.nan))
        return shares[0], shares[1]


def area(false: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Area under the curve: the chance that a positive row scores higher than a negative one, ties count half."""
    return float(np.trapezoid(true, false))


def equal_error_rate(false: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Where as large a share of the negative rows is accepted as of the positive ones is not, on the line between the curve's
    points."""
    over = false + true - 1  # rises from -1 to 1
    if np.isnan(over).any():
        return float("nan")
    at = int(np.argmax(over >= 0))
    share = -over[at - 1] / (over[at] - over[at - 1])
    return float(false[at - 1] + share * (false[at] - false[at - 1]))


def true_at_false(false: NDArray[np.float64], true: NDArray[np.float64], rate: float) -> float:
    """Largest share of the positive rows that a threshold accepts which accepts at most `rate` of the negative ones."""
    if np.isnan(false[-1] + true[-1]):
        return float("nan")
    return float(true[np.flatnonzero(false <= rate + 1e-12)[-1]])


def false_at_true(false: NDArray[np.float64], true: NDArray[np.float64], rate: float) -> float:
    """Least share of the negative rows that a threshold accepts which accepts at least `rate` of the positive ones."""
    if np.isnan(false[-1] + true[-1]):
        return float("nan")
    return float(false[int(np.argmax(true >= rate - 1e-12))])


def animals_drawn(animals: int, draws: int, seed: int) -> NDArray[np.int64]:
    """How often each animal comes when as many are drawn with replacement, [draws, animals]."""
    return np.random.default_rng(seed).multinomial(animals, np.full(animals, 1 / animals), size=draws)


def interval(estimate: float, drawn: ArrayLike, level: float = 0.95, animals: int | None = None) -> Interval:
    """The percentile interval of a figure's bootstrap samples; samples without one kind of rows (NaN) are left out.

    Args:
        animals: of a figure from 0 to 1, how many animals it is of. Where it is 0 or 1 with all of them, samples don't differ,
            and yet the next animal's may: the bound is then the exact one for so many animals of whom none does (Clopper and
            Pearson 1934), which holds for shares, and more than holds for what one animal can change less.
    """
    some = np.asarray(drawn, np.float64)
    some = some[~np.isnan(some)]
    if animals and min(abs(estimate), abs(1 - estimate)) < 1e-9 and (np.abs(some - estimate) < 1e-9).all():  # sums of floats
        beyond = 1 - ((1 - level) / 2) ** (1 / animals)
        return Interval(float(estimate), max(estimate - beyond, 0.0), min(estimate + beyond, 1.0), level)
    low, high = np.quantile(some, [(1 - level) / 2, (1 + level) / 2]) if len(some) else (np.nan, np.nan)
    return Interval(float(estimate), float(low), float(high), level)
