"""Is a guess that claims 80 % right in 80 % of the photos? Top label, pooled over photos, in bins of equal mass."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.score.ranking import rank_of_truth
from whichwhale.score.rows import check_probabilities


@dataclass(frozen=True)
class Reliability:
    """Reliability curve of the first guesses, by rising confidence. All [bins]; each bin holds at least two photos."""

    confidence: NDArray[np.float64]
    """mean claimed probability of the first guess"""
    accuracy: NDArray[np.float64]
    """share of right first guesses"""
    count: NDArray[np.int64]
    """photos"""


def reliability_curve(p: ArrayLike, truth: ArrayLike, bins: int = 15) -> Reliability:
    """Confidence, accuracy and count in (nearly) equally filled bins of the first guess's probability.

    Photos with equal confidence share a bin, so the curve doesn't depend on their order; there can be fewer bins than asked for.

    Args:
        p: [rows, classes], not negative; each row is rescaled to sum 1.
        truth: integers [rows], the true column of each row.
        bins: at most this many.

    Raises:
        ValueError: as ``log_loss_rows``; fewer than two rows; ``bins`` < 1.
    """
    table, column = check_probabilities(p, truth)
    rows = len(table)
    if rows < 2 or bins < 1:
        raise ValueError(f"a reliability curve needs at least two rows and one bin, not {rows} and {bins}")
    confidence = table.max(axis=1) / table.sum(axis=1)
    right = rank_of_truth(table, column) == 0
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    starts = [0]
    for wanted in range(1, bins):
        start = int(np.searchsorted(ordered, ordered[wanted * rows // bins]))
        if start - starts[-1] >= 2 and rows - start >= 2:  # the debiasing divides by count - 1
            starts.append(start)
    count = np.diff([*starts, rows])
    claimed, hits = (np.add.reduceat(values, starts) for values in (ordered, right[order].astype(np.float64)))
    return Reliability(claimed / count, hits / count, count)


def expected_calibration_error(curve: Reliability) -> float:
    """Plain ECE: mean |confidence - accuracy| over photos.

    Biased upward: noise in a bin's accuracy counts as error, so with 940 photos in 15 bins a perfect predictor still shows
    3 % (mean confidence 0.8) to 5 % (0.4). Kept for comparison with other people's numbers; judge by :func:`calibration_error`.
    """
    return float(np.average(np.abs(curve.confidence - curve.accuracy), weights=curve.count))


def debiased_square(curve: Reliability) -> float:
    """Squared calibration error with the noise of each bin's accuracy taken off.

    About 0 on average for a perfect predictor, so at times negative. Sum over bins of
    share * ((confidence - accuracy)^2 - accuracy (1 - accuracy) / (count - 1)).

    Source: Kumar, Liang & Ma, Verified Uncertainty Calibration (NeurIPS 2019), the debiased estimator; the same correction in
    Bröcker, Estimating reliability and resolution of probability forecasts through decomposition of the empirical score
    (Climate Dynamics 39, 2012).
    """
    square = (curve.confidence - curve.accuracy) ** 2 - curve.accuracy * (1 - curve.accuracy) / (curve.count - 1)
    return float(np.average(square, weights=curve.count))


def calibration_error(p: ArrayLike, truth: ArrayLike, bins: int = 15) -> float:
    """Debiased root-mean-square calibration error of the first guess; 0 where the debiased square is negative.

    0.05 means that claims are off by five percentage points. Arguments and errors as :func:`reliability_curve`.
    """
    return math.sqrt(max(0.0, debiased_square(reliability_curve(p, truth, bins))))
