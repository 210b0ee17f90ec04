"""Means of probabilities: each member tempered first, equal or fitted weights; and the 2016 winners' recipe.

A mean of probabilities keeps what any member believes, where a log-linear pool wants all to agree; it is never surer than its
members, hence a power after it (`+power`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from whichwhale.blend.copies import first_alike, shared
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.memo import Memo
from whichwhale.blend.weigh import sizes

LEAST = 1e-6  # of a true whale's probability while weights are fitted: no row's loss is infinite
WINNERS_FIRST, WINNERS_OTHERS, WINNERS_ADDED, WINNERS_POWER, WINNERS_PRIOR = 2.0, 1.0, 1e-4, 1.5, 0.01


@dataclass(frozen=True)
class Mixture:
    """p = sum_m a_m softmax(t_m z_m) / sum a_m over the members that have a row."""

    members: list[str]
    powers: list[float]  # t
    weights: list[float]  # a, sum 1

    @classmethod
    def fit(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> Mixture:
        """Powers: each member's own best. Weights of the M distinct members, which copies share: least mean log loss + l2 *
        mean((M a - 1)^2), a >= 0, sum 1."""
        powers, first = _powers(evidence, truth, memo), first_alike(evidence.z)
        kept = np.unique(first)
        rows, count = np.arange(len(truth)), len(kept)
        q = np.stack([softmax(powers[m] * evidence.z[m], axis=1)[rows, truth] for m in kept])
        q = np.maximum(q.astype(np.float64), LEAST)

        def objective(a: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            p, off = a @ q, count * a - 1
            return -np.log(p).mean() + l2 * np.mean(off**2), -(q / p).mean(axis=1) + 2 * l2 * off

        # Started from the best of the corners and the middle, it ends no higher than any member alone.
        starts = [np.full(count, 1 / count), *np.eye(count)]
        best = min(starts, key=lambda a: objective(a)[0])
        found = minimize(
            objective,
            0.98 * best + 0.02 / count,
            jac=True,
            method="SLSQP",
            bounds=[(0, 1)] * count,
            constraints={"type": "eq", "fun": lambda a: a.sum() - 1, "jac": np.ones_like},
            options={"ftol": 1e-12, "maxiter": 200},
        )
        a = np.clip(found.x, 0, 1) / np.clip(found.x, 0, 1).sum()
        a = min((a, best), key=lambda one: objective(one)[0])
        return cls(list(evidence.members), powers.tolist(), shared(a, first).tolist())

    @classmethod
    def fit_equal(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> Mixture:
        """Equal weights, each member at its own best power."""
        powers = _powers(evidence, truth, memo)
        return cls(list(evidence.members), powers.tolist(), [1 / len(powers)] * len(powers))

    def log_p(self, evidence: Evidence) -> NDArray[np.floating]:
        """[N, C]; uniform where no member has a row."""
        return np.log(_mean(evidence.of_members(self.members), self.powers, self.weights) + 1e-12)


@dataclass(frozen=True)
class Winners:
    """The 2016 winners' constants, nothing fitted: p ~ ((2 p_1 + p_2 + p_3) / 4 + 1e-4)^1.5 prior^0.01, further members as p_2.

    Source: deepsense.io, Which whale is it, anyway? Face recognition for right whales using deep learning (2016).
    """

    members: list[str]

    @classmethod
    def fit(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> Winners:
        return cls(list(evidence.members))

    def log_p(self, evidence: Evidence) -> NDArray[np.floating]:
        """[N, C]."""
        weights = [WINNERS_FIRST] + [WINNERS_OTHERS] * (len(self.members) - 1)
        mean = _mean(evidence.of_members(self.members), [1.0] * len(weights), weights)
        return log_softmax(WINNERS_POWER * np.log(mean + WINNERS_ADDED) + WINNERS_PRIOR * evidence.log_prior, axis=1)


def _powers(evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> NDArray[np.float64]:
    """Each member's own best power [M]."""
    key = f"powers {' '.join(evidence.members)}"
    if key not in memo.fitted:
        memo.fitted[key] = np.array([
            memo.weigh(f"power {name}", z[None] / np.asarray(size, z.dtype), truth)[0] / size
            for name, z, size in zip(evidence.members, evidence.z, sizes(evidence.z), strict=True)
        ])  # fmt: skip
    return memo.fitted[key]


def _mean(evidence: Evidence, powers: list[float], weights: list[float]) -> NDArray[np.floating]:
    """Weighted mean of the tempered members [N, C] over those that have the row; uniform where none has."""
    total, p = np.zeros(evidence.z.shape[1]), np.zeros(evidence.z.shape[1:], evidence.z.dtype)
    for z, has, power, weight in zip(evidence.z, evidence.has, powers, weights, strict=True):
        share = weight * has
        p += share[:, None].astype(z.dtype) * softmax(np.asarray(power, z.dtype) * z, axis=1)
        total += share
    p[total == 0] = 1 / p.shape[1]
    return p / np.where(total > 0, total, 1.0)[:, None].astype(p.dtype)
