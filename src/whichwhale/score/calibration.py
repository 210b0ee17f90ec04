"""Is a guess that claims 80 % right in 80 % of the photos? Top label, pooled over photos, in bins of equal mass."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.score.bootstrap import Interval
from whichwhale.score.ranking import rank_of_truth
from whichwhale.score.rows import check_probabilities

_NUMBERS_AT_ONCE = 2_000_000
"""Bounds the memory; a constant, since the drawn samples depend on it."""


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
    confidence, right, bin_of = _binned(p, truth, bins)
    count = np.bincount(bin_of)
    claimed, hits = (np.bincount(bin_of, values) for values in (confidence, right))
    return Reliability(claimed / count, hits / count, count)


def _binned(p: ArrayLike, truth: ArrayLike, bins: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """The first guess's probability, whether it is right (1 or 0), and the bin, of each photo [rows]."""
    table, column = check_probabilities(p, truth)
    rows = len(table)
    if rows < 2 or bins < 1:
        raise ValueError(f"a reliability curve needs at least two rows and one bin, not {rows} and {bins}")
    confidence = table.max(axis=1) / table.sum(axis=1)
    right = (rank_of_truth(table, column) == 0).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    ordered = confidence[order]
    starts = [0]
    for wanted in range(1, bins):
        start = int(np.searchsorted(ordered, ordered[wanted * rows // bins]))
        if start - starts[-1] >= 2 and rows - start >= 2:  # the debiasing divides by count - 1
            starts.append(start)
    bin_of = np.empty(rows, np.int64)
    bin_of[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, rows]))
    return confidence, right, bin_of


def expected_calibration_error(curve: Reliability) -> float:
    """Plain ECE: mean |confidence - accuracy| over photos.

    Biased upward: noise in a bin's accuracy counts as error, so with 940 photos in 15 bins a perfect predictor still shows
    3 % (mean confidence 0.8) to 5 % (0.4). Kept for comparison with other people's numbers, beside what a perfect predictor
    would show (:func:`error_of_a_perfect_predictor`); judge by :func:`calibration_error`.
    """
    return float(np.average(np.abs(curve.confidence - curve.accuracy), weights=curve.count))


def error_of_a_perfect_predictor(p: ArrayLike, truth: ArrayLike, bins: int = 15, *, seed: int = 0, draws: int = 200) -> float:
    """The plain ECE that these very first guesses would show on average if every claim were true: what is noise in it.

    Each guess is right with the probability that it claims, drawn `draws` times. Arguments and errors as
    :func:`reliability_curve`; the truth is only checked.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, not {draws}")
    confidence, _, bin_of = _binned(p, truth, bins)
    member = np.eye(bin_of.max() + 1)[bin_of]
    claimed, random, total = confidence @ member, np.random.default_rng(seed), 0.0
    at_once = max(1, _NUMBERS_AT_ONCE // len(confidence))
    for start in range(0, draws, at_once):
        right = random.random((min(at_once, draws - start), len(confidence))) < confidence
        total += np.abs(right @ member - claimed).sum()
    return float(total / len(confidence) / draws)


@dataclass(frozen=True)
class Bin:
    """Photos whose first guesses are about equally sure: mean claim, share of right ones, how many."""

    claimed: float
    right: float
    photos: int


@dataclass(frozen=True)
class Calibration:
    """What first guesses' claims are worth, over all photos together.

    error       debiased, root mean square, with its interval
    plain       plain ECE
    perfect     the plain ECE that a perfect predictor with the same claims on as many photos would show
    claimed     mean probability of the first guess; right: share of right ones
    bins        the reliability diagram, by rising claim
    """

    photos: int
    error: Interval
    plain: float
    perfect: float
    claimed: float
    right: float
    bins: tuple[Bin, ...]

    @classmethod
    def of(cls, p: ArrayLike, truth: ArrayLike, bins: int = 15, *, seed: int = 0) -> "Calibration":
        """Arguments and errors as :func:`reliability_curve`."""
        curve = reliability_curve(p, truth, bins)
        return cls(
            photos=int(curve.count.sum()),
            error=calibration_interval(p, truth, bins, seed=seed),
            plain=expected_calibration_error(curve),
            perfect=error_of_a_perfect_predictor(p, truth, bins, seed=seed),
            claimed=float(np.average(curve.confidence, weights=curve.count)),
            right=float(np.average(curve.accuracy, weights=curve.count)),
            bins=tuple(map(Bin, curve.confidence.tolist(), curve.accuracy.tolist(), curve.count.tolist())),
        )

    def __str__(self) -> str:
        error = self.error
        return (
            f"first guesses claim {self.claimed:.1%}, {self.right:.1%} are right; debiased error {error.mean:.1%} "
            f"({error.level:.0%} interval {error.low:.1%} to {error.high:.1%}); plain ECE {self.plain:.1%}, where a perfect "
            f"predictor with these claims on {self.photos} photos still shows {self.perfect:.1%}"
        )


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


def calibration_interval(
    p: ArrayLike, truth: ArrayLike, bins: int = 15, *, seed: int, draws: int = 2000, level: float = 0.95
) -> Interval:
    """:func:`calibration_error` with its bootstrap interval: photos are drawn with replacement, bins stay as they are.

    In a drawn sample the noise of the sample itself counts as true error, so the drawn debiased squares gather about the *plain*
    square of the sample. How far they stray from it is how far the debiased square strays from the truth (the basic bootstrap:
    Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 5.2). A low end of 0: maybe nothing is wrong.

    Args and Raises as :func:`reliability_curve` and ``mean_interval``.
    """
    if draws < 1 or not 0 < level < 1:
        raise ValueError(f"draws must be at least 1 and level between 0 and 1, not {draws} and {level}")
    confidence, right, bin_of = _binned(p, truth, bins)
    rows, member = len(bin_of), np.eye(bin_of.max() + 1)[bin_of]
    sums = np.concatenate([member, member * confidence[:, None], member * right[:, None]], axis=1)
    random, squares = np.random.default_rng(seed), np.empty(draws)
    at_once = max(1, _NUMBERS_AT_ONCE // rows)
    for start in range(0, draws, at_once):
        part = squares[start : start + at_once]
        times = random.multinomial(rows, np.full(rows, 1 / rows), size=len(part)).astype(np.float64)
        count, claimed, hits = np.split(times @ sums, 3, axis=1)
        some = np.maximum(count, 1)
        off, accuracy = (claimed - hits) / some, hits / some
        noise = np.where(count > 1, accuracy * (1 - accuracy) / np.maximum(count - 1, 1), 0.0)
        part[:] = (count * (off**2 - noise)).sum(axis=1) / rows
    curve = reliability_curve(p, truth, bins)
    plain = float(np.average((curve.confidence - curve.accuracy) ** 2, weights=curve.count))
    low, high = np.quantile(squares, [(1 - level) / 2, (1 + level) / 2])
    ends = (math.sqrt(max(0.0, debiased_square(curve) + plain - one)) for one in (high, low))
    return Interval(math.sqrt(max(0.0, debiased_square(curve))), *ends, level)
