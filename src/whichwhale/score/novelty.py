"""Does a model know when it is shown a whale that it doesn't know? By the probability of its first guess."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from whichwhale.score.ranking import rank_of_truth


@dataclass(frozen=True)
class Novelty:
    """What the photos show whose whale has no column (strangers), beside those whose whale has one."""

    photos: int
    """of strangers"""
    auc: float
    """chance that a stranger's first guess has a lower probability than a known whale's (ties count half); NaN without either"""
    best: float
    """value of `new_whale` with the highest MAP@5 on these very photos, hence an optimistic choice"""
    best_map_at_5: float
    """MAP@5 with it"""


def novelty(p: NDArray[np.float64], column: NDArray[np.int64]) -> Novelty:
    """Strangers told from known whales.

    Args:
        p: [N, C], rows sum to 1; column: [N] the true whale's column, -1 for a stranger.

    The area under the receiver operating characteristic is taken by the rank sum (Mann and Whitney 1947).
    """
    known = column >= 0
    ranks = rankdata(-p.max(axis=1))
    strangers, others = int((~known).sum()), int(known.sum())
    above = ranks[~known].sum() - strangers * (strangers + 1) / 2
    auc = float(above / (strangers * others)) if strangers and others else float("nan")
    return Novelty(strangers, auc, *best_threshold(p, column))


def best_threshold(p: NDArray[np.float64], column: NDArray[np.int64]) -> tuple[float, float]:
    """The `new_whale` of `ranked_lists` that makes MAP@5 highest, of equally good ones the lowest, and that MAP@5; arguments as
    `novelty`.

    MAP@5 only steps where the threshold passes one of a row's five best probabilities, so one pass over the sorted steps tries
    every threshold there is.
    """
    known = column >= 0
    value = np.array([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 0])  # of a right answer at place 0 ... 4, and after
    # a known whale: once the threshold is above its probability, new_whale comes before it
    rank = np.minimum(rank_of_truth(p[known], column[known]), 5) if known.any() else np.zeros(0, np.int64)
    own = p[known, column[known]]
    # a stranger: new_whale moves up one place as the threshold passes each of the five best; of fewer than five it is the last
    best = -np.sort(-p[~known], axis=1)[:, :5]
    places = np.arange(best.shape[1])
    at = np.concatenate([own, best.ravel()])
    step = np.concatenate([value[np.minimum(rank + 1, 5)] - value[rank], np.tile(value[places] - value[places + 1], len(best))])
    order = np.argsort(at, kind="stable")
    at, step = at[order], step[order]
    start = value[rank].sum() + value[best.shape[1]] * len(best)  # the threshold at 0
    ends = np.flatnonzero(np.append(np.diff(at) > 0, True))  # the last step of each place
    totals = np.concatenate([[start], start + np.cumsum(step)[ends]])
    chosen = int(np.flatnonzero(totals >= totals.max() - 1e-9)[0])
    return _between(at[ends], chosen), float(totals[chosen] / len(column))


def _between(places: NDArray[np.float64], number: int) -> float:
    """A threshold above `number` of the ascending places and not above the next."""
    if number == 0:
        return 0.0
    below = places[number - 1]
    if number == len(places):
        return float(np.nextafter(below, 2))
    middle = (below + places[number]) / 2
    return float(middle if middle > below else places[number])
