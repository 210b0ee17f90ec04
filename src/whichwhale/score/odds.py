"""Which of the candidates, or nobody: log likelihood ratios of pairs made into probabilities that hold for a search.

Ratios that are fitted on pairs (fusion.py) are right about pairs on the whole, most of which are plain. A search among A animals
is decided where a ratio is about A, far up, where few pairs lie and where the shrinkage of the fit tells. So two numbers more are
fitted on searches whose answer is known, each as a known animal's and, without that animal, as a stranger's. At a rate of
strangers r

    P(animal j) ∝ (1 - r) / A exp(power * ratio_j)        P(nobody) ∝ r exp(nobody)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from whichwhale.score.fusion import Evidence, crossed
from whichwhale.score.fusion import fit as fit_weights

SHRINK = 1e-3  # of the squares of power - 1 and nobody, in nats a search: few searches, none of which is wrong


@dataclass(frozen=True)
class Odds:
    """`power`: of the ratios, at least 0; `nobody`: log ratio of a stranger's, 0 if the ratios were right."""

    power: float = 1.0
    nobody: float = 0.0


@dataclass(frozen=True, eq=False)
class Searches:
    """Q searches whose animal is among the candidates: `ratio` [Q, A], -inf for animals that are not; `right` [Q], the column of
    the own one; `group` [Q]."""

    ratio: NDArray[np.float64]
    right: NDArray[np.int64]
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.right)

    def only(self, kept: NDArray[np.bool_]) -> Searches:
        """Some of them."""
        return Searches(self.ratio[kept], self.right[kept], self.group[kept])

    def without_own(self) -> NDArray[np.float64]:
        """`ratio` with each search's own animal hidden, so that it is a stranger's."""
        ratio = self.ratio.copy()
        ratio[np.arange(len(self)), self.right] = -np.inf
        return ratio


def searches(evidence: Evidence, by_part: NDArray[np.float64]) -> Searches:
    """The searches of pairs of sightings with log ratios `by_part` [P, K], NaN where a part is not shown; those of an animal's
    several sightings are pooled part by part (`mean_ratio`). Only those whose animal is among the candidates, beside another
    one."""
    order = np.lexsort((evidence.second, evidence.query))
    query, animal = evidence.query[order], evidence.second[order]
    starts = np.flatnonzero(np.append(True, (np.diff(query) != 0) | (np.diff(animal) != 0))) if len(order) else order
    pooled = np.stack([mean_ratio(column, starts) for column in by_part[order].T], axis=1)
    asked, first = np.unique(evidence.query, return_index=True)
    ratio = np.full((len(asked), evidence.animals), -np.inf)
    ratio[np.searchsorted(asked, query[starts]), animal[starts]] = np.nan_to_num(pooled).sum(axis=1)
    found = Searches(ratio, evidence.first[first].astype(np.int64), evidence.group[first].astype(np.int64))
    there = np.isfinite(ratio)
    return found.only(there[np.arange(len(asked)), found.right] & (there.sum(axis=1) > 1))


def mean_ratio(log_ratio: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logarithms [A] of the mean likelihood ratios of several comparisons each, `log_ratio` [N] (NaN: there is none), those of
    one from its place in `starts` [A] on; NaN where there is none at all. Which of an animal's photos a new one is like nobody
    knows beforehand, so each is as likely. The greatest of them would grow with their number alone."""
    if not len(starts):
        return np.zeros(0)
    some = ~np.isnan(log_ratio)
    count = np.add.reduceat(some.astype(np.int64), starts)
    total = np.logaddexp.reduceat(np.where(some, log_ratio, -np.inf), starts)
    return np.where(count > 0, total - np.log(np.maximum(count, 1)), np.nan)


def log_posterior(ratio: NDArray[np.float64], odds: Odds, new_rate: float) -> NDArray[np.float64]:
    """Log probabilities [Q, A + 1] of each animal and of nobody, for log ratios [Q, A] (-inf: not a candidate)."""
    there = np.isfinite(ratio)
    with np.errstate(divide="ignore"):
        known = np.log1p(-new_rate) - np.log(there.sum(axis=1, keepdims=True))
        animals = np.where(there, odds.power * np.where(there, ratio, 0.0) + known, -np.inf)
        logits = np.concatenate([animals, np.full((len(ratio), 1), np.log(new_rate) + odds.nobody)], axis=1)
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


def fit(found: Searches) -> Odds:
    """The numbers of most likelihood, half of the searches being strangers'. Raises ValueError if there is none to fit on."""
    if not len(found):
        raise ValueError("no sighting whose animal is among the candidates, beside another one")
    strange, rows = found.without_own(), np.arange(len(found))

    def loss(numbers: NDArray[np.float64]) -> float:
        odds = Odds(float(numbers[0]), float(numbers[1]))
        known = log_posterior(found.ratio, odds, 0.5)[rows, found.right]
        nobody = log_posterior(strange, odds, 0.5)[:, -1]
        return float(-(known.mean() + nobody.mean()) / 2 + SHRINK * ((numbers - [1.0, 0.0]) ** 2).sum())

    best = minimize(loss, np.array([1.0, 0.0]), method="L-BFGS-B", bounds=[(0.0, None), (None, None)]).x
    return Odds(float(best[0]), float(best[1]))


@dataclass(frozen=True)
class Reliability:
    """At a rate of strangers: mean probability of the first answer (an animal, or nobody) and how often it is right; mean
    probability of nobody, to be held against the rate."""

    new_rate: float
    claimed: float
    right: float
    nobody: float


def judged(evidence: Evidence) -> list[tuple[Searches, Odds]]:
    """Each group's searches, by weights and odds that were fitted on the others alone: these odds on ratios by weights of all
    others but the own group. Empty if there are fewer than three groups; without groups whose others are too little to fit on."""
    found = []
    groups = np.unique(evidence.group)
    for group in groups if len(groups) > 2 else []:
        learn, use = evidence.only(evidence.group != group), evidence.only(evidence.group == group)
        try:
            odds = fit(searches(learn, crossed(learn)))
            own = searches(use, fit_weights(learn).by_part(use.cosine))
        except ValueError:
            continue
        if len(own):
            found.append((own, odds))
    return found


def reliability(found: Sequence[tuple[Searches, Odds]], rates: Sequence[float]) -> list[Reliability]:
    """What probabilities claim and what is right in `judged` searches; empty without any."""
    rows = []
    for rate in rates if found else []:
        weight, claimed, right, nobody = [], [], [], []
        for some, numbers in found:
            for ratio, answer, share in (
                (some.ratio, some.right, 1 - rate),
                (some.without_own(), np.full(len(some), some.ratio.shape[1]), rate),
            ):
                p = np.exp(log_posterior(ratio, numbers, rate))
                weight.append(np.full(len(some), share))
                claimed.append(p.max(axis=1))
                right.append(p.argmax(axis=1) == answer)
                nobody.append(p[:, -1])
        weights = np.concatenate(weight)
        means = (float(np.average(np.concatenate(one), weights=weights)) for one in (claimed, right, nobody))
        rows.append(Reliability(rate, *means))
    return rows
