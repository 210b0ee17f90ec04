"""Stacking: a log-linear pool's candidates re-ranked by what the members say of each (blend/listing.py).

Both start from the pool and share each photo's candidates' probability anew, which the pool has given them together; whales that
are no candidate keep the pool's. So a stack that has learned nothing is the pool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from whichwhale.blend.candidates import Candidates, base_score, linear
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.listing import candidates
from whichwhale.blend.log_linear import LogLinear
from whichwhale.blend.memo import Memo

LOGIT_L2 = 1e-3  # nats for a coefficient of 1 of a feature of sd 1: on 1,800 photos a normal prior of sd 0.5
# Shallow trees, few of them, leaves of many photos: some thousand photos are all there is to learn from.
TREES = {"num_leaves": 4, "learning_rate": 0.05, "min_data_in_leaf": 60, "lambda_l2": 5.0, "max_bin": 63}
ROUNDS = 60


def base_pool(evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> LogLinear:
    """The log-linear pool of the distinct members."""
    key = "base of stacks"
    if key not in memo.fitted:
        memo.fitted[key] = LogLinear.fit(evidence.of_members(evidence.distinct), truth, l2, memo)
    return memo.fitted[key]


def _learnable(evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> tuple[Candidates, NDArray[np.int64]]:
    """Candidates of the photos whose true whale is one, and which photos these are."""
    key = "candidates"
    if key not in memo.fitted:
        found = candidates(evidence)
        hit = np.zeros(len(truth), bool)
        hit[found.photo[found.true_rows(truth)]] = True
        at = np.flatnonzero(hit)
        memo.fitted[key] = found.of_photos(at), at
    return memo.fitted[key]


@dataclass(frozen=True)
class LogitStack:
    """Conditional (multinomial) logistic regression: score = log p of the pool + sum of coefficient * standardised feature.

    Source: McFadden, Conditional logit analysis of qualitative choice behavior (1974).
    """

    base: LogLinear
    scale: dict[str, float]
    names: list[str]
    mean: list[float]
    sd: list[float]
    coefficients: list[float]

    @classmethod
    def fit(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> LogitStack:
        base = base_pool(evidence, truth, l2, memo)
        found, at = _learnable(evidence, truth, memo)
        names = linear(found.names)
        x = found.of(names)
        mean, sd = (x.mean(axis=0), x.std(axis=0)) if len(x) else (np.zeros(len(names)), np.ones(len(names)))
        sd = np.where(sd > 0, sd, 1.0)
        x = (x - mean) / sd
        start = base_score(found, base.log_p(evidence.rows(at)))
        true = found.true_rows(truth[at])

        def objective(beta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            score = start + x @ beta
            sums = found.sums(score)
            p = np.exp(score - sums[found.photo])
            loss = (sums.sum() - score[true].sum()) / len(truth) + LOGIT_L2 * beta @ beta
            return float(loss), (x.T @ (p - true)) / len(truth) + 2 * LOGIT_L2 * beta

        beta = np.zeros(len(names))
        if len(at):
            options = {"ftol": 1e-10, "gtol": 1e-6, "maxiter": 300}
            beta = minimize(objective, beta, jac=True, method="L-BFGS-B", options=options).x
        return cls(base, found.scale, names, mean.tolist(), sd.tolist(), beta.tolist())

    def log_p(self, evidence: Evidence) -> NDArray:
        """[N, C]."""
        log_p = self.base.log_p(evidence)
        found = candidates(evidence, self.scale)
        x = (found.of(self.names) - np.array(self.mean)) / np.array(self.sd)
        return found.spread(base_score(found, log_p) + x @ np.array(self.coefficients), log_p)


@dataclass(frozen=True)
class TreeStack:
    """Gradient-boosted trees on the rows of candidates: score = log p of the pool + sum of trees, boosted on the log loss of the
    softmax over each photo's candidates. `text` is LightGBM's own."""

    base: LogLinear
    scale: dict[str, float]
    names: list[str]
    text: str

    @classmethod
    def fit(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> TreeStack:
        import lightgbm  # slow to import

        base = base_pool(evidence, truth, l2, memo)
        found, at = _learnable(evidence, truth, memo)
        if not len(at):
            return cls(base, found.scale, found.names, "")
        start = base_score(found, base.log_p(evidence.rows(at)))
        true = found.true_rows(truth[at])

        def objective(score: NDArray, _: object) -> tuple[NDArray, NDArray]:
            p = found.softmax(score)
            return p - true, np.maximum(p * (1 - p), 1e-6)

        fixed = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1, "seed": 0}
        data = lightgbm.Dataset(found.features, true.astype(np.float64), init_score=start, params=fixed | TREES)
        trees = lightgbm.train({"objective": objective} | fixed | TREES, data, ROUNDS)
        return cls(base, found.scale, found.names, trees.model_to_string())

    def log_p(self, evidence: Evidence) -> NDArray:
        """[N, C]."""
        log_p = self.base.log_p(evidence)
        if not self.text:
            return log_p
        import lightgbm

        found = candidates(evidence, self.scale)
        trees = lightgbm.Booster(model_str=self.text)
        score = trees.predict(found.of(self.names), raw_score=True, num_threads=1)
        return found.spread(base_score(found, log_p) + np.asarray(score), log_p)
