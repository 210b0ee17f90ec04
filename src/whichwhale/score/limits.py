"""From which probability on may an answer stand unseen? A limit that keeps a rate of error, as far as so many trials can tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

LEAST = 20  # trials that a limit needs above it
CONFIDENCE = 0.9  # one-sided


def limit(
    p: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    weight: NDArray[np.float64],
    animal: ArrayLike,
    error: float,
    heaviest: float | None = None,
) -> float | None:
    """The least value of `p` from which on an upper bound of the share that is wrong, by weight, is at most `error`; None if
    there is none that LEAST trials reach.

    The bound is Clopper and Pearson's (CONFIDENCE, one-sided) for as many trials as these are worth: they are counted in the
    weight of the heaviest, which may be the next that is wrong, and photos of one animal that err together count for less, by the
    design effect of the correlation within an animal (Kish, Survey Sampling, 1965; Korn and Graubard, Confidence intervals for
    proportions with small expected number of positive counts, Survey Methodology 24, 1998). So few trials, or few animals,
    without a wrong one do not pass for certainty: for 5 % it takes 45 that err independently.

    Args:
        p: [Q], higher is surer; wrong: bool [Q]; weight: [Q]; animal: [Q] names or numbers.
        heaviest: weight of the heaviest trial that could have been above the limit, if it isn't among these.
    """
    if not len(p):
        return None
    _, code = np.unique(np.asarray(animal), return_inverse=True)
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) < 0, True))
    ordered, bad = weight[order], np.where(wrong[order], weight[order], 0.0)
    total, errors = np.cumsum(ordered)[ends], np.cumsum(bad)[ends]
    together = correlation(p, wrong, weight, code)
    design = 1 - together + together * (_own_squares(code[order], ordered) / np.cumsum(ordered**2))[ends]
    unit = design * max(weight.max(), heaviest or 0.0)
    trials, failures = total / unit, errors / unit
    with np.errstate(invalid="ignore"):  # NaN where all are wrong
        bound = beta.ppf(CONFIDENCE, failures + 1, trials - failures)
    good = np.flatnonzero((bound <= error) & (ends + 1 >= LEAST))
    return float(p[order][ends[good[-1]]]) if len(good) else None


def correlation(p: NDArray[np.float64], wrong: NDArray[np.bool_], weight: NDArray[np.float64], code: NDArray[np.int64]) -> float:
    """How far an animal's trials [Q] are wrong together beyond what `p` tells of each: the intraclass correlation, 0 to 1, of
    `wrong` less its isotonic regression on `p` (one-way analysis of variance; Fisher, Statistical Methods for Research Workers,
    1925, section 40). 1 where nothing can be known of it: nothing wrong, or no animal with two trials."""
    from sklearn.isotonic import IsotonicRegression  # takes a second to import

    sizes = np.bincount(code)
    sizes, (animals, trials) = sizes[sizes > 0], (len(np.unique(code)), len(code))
    if animals < 2 or animals == trials or wrong.all() or not wrong.any():
        return 1.0
    rest = wrong - IsotonicRegression(increasing=False, out_of_bounds="clip").fit(p, wrong, sample_weight=weight).predict(p)
    _, place = np.unique(code, return_inverse=True)
    mean = np.bincount(place, rest) / sizes
    between = float(sizes @ (mean - rest.mean()) ** 2) / (animals - 1)
    within = float(((rest - mean[place]) ** 2).sum()) / (trials - animals)
    typical = (trials - float(sizes @ sizes) / trials) / (animals - 1)  # trials an animal
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 1.0


def _own_squares(code: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each place, the sum over animals of the squared weight of their trials up to there."""
    grouped = np.argsort(code, kind="stable")
    sums = np.cumsum(weight[grouped])
    first = np.searchsorted(code[grouped], code[grouped])
    before = sums - weight[grouped] - np.where(first > 0, sums[first - 1], 0.0)  # of the same animal
    step = np.empty(len(code))
    step[grouped] = weight[grouped] * (weight[grouped] + 2 * before)
    return np.cumsum(step)
