"""From scores to probabilities: of each animal, of one that is not among the nearest, and of nobody whom the catalogue knows.

A query of m photos was held against A animals; the K nearest have scores s_j. For a rate of strangers r

    P(animal j)              ∝ (1 - r) / A            exp(a · f_j)
    P(some other known one)  ∝ (1 - r) (A - K) / A    exp(b · g)
    P(nobody we know)        ∝ r                      exp(c · h)

which is Bayes' rule with fitted log likelihood ratios: a stranger is as likely as r says before anybody looks, and each of A
animals equally likely. Hence the size of the gallery and the rate may be others than those that the weights were fitted with. The
features: f_j = z_j, (z_j - knots)+, s_j, z_j ln m, ln n_j, z_j ln n_j; g = 1, ln(A / A0), z of the last of the K, ln m; h = 1,
ln(A / A0), ln m, level, ln spread. z = (s - level) / spread says how a score stands out among the query's cosines with a fixed
cohort of the catalogue's photos, whose median is `level` and whose 90th percentile lies `spread` above it: some photos are near
to everybody. (Score normalization by a cohort is speaker verification's; Matejka et al. 2017, "Analysis of score normalization in
multilingual speaker recognition", compares its kinds.)

n_j is the number of animal j's photos that were searched: more of them are nearer by chance alone. It can be a feature since in
the trials the right animal lacks no more than the others do (thinning.py), or is told to have what it has (trials.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.config import PoolConfig
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.manifest import Calibration
from whichwhale.catalogue.pooling import together
from whichwhale.catalogue.search import Ranking

LEAST_SPREAD = 0.02  # of a cosine; a cohort of two photos may be at one place
OF_ANIMAL, OF_REST, OF_NEW = 5, 4, 5  # how many features they have; an animal one more for each knot
REST, NEW = -2, -1  # the last two columns of a table of probabilities


@dataclass(frozen=True, eq=False)
class Asked:
    """Q queries and what search found. Per query the K nearest animals' `score` [Q, K] (descending, -inf where there are fewer);
    [Q]: how many `animals` were searched, how many photos the query has (`own`), `level` and `spread`. `photos` [Q, K]: how many
    of each of the K were searched, 1 where there are fewer animals."""

    score: NDArray[np.float64]
    animals: NDArray[np.int64]
    own: NDArray[np.int64]
    level: NDArray[np.float64]
    spread: NDArray[np.float64]
    photos: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.score)

    def only(self, kept: NDArray) -> Asked:
        """Some of the queries."""
        return Asked(*(getattr(self, name)[kept] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Design:
    """Features [Q, K + 2, F] (K animals, the rest, nobody), zero outside a column's own kind, and `base` [Q, K + 2]: the log
    prior but for the rate of strangers, -inf where there is no such answer."""

    features: NDArray[np.float64]
    base: NDArray[np.float64]


def background(query: NDArray[np.float32], cohort: NDArray[np.float32], pool: PoolConfig) -> tuple[float, float]:
    """`level` and `spread` of a query's unit vectors [m, D] among a cohort's [C, D], its photos pooled as an encounter's are."""
    middle, high = np.quantile(together(query @ cohort.T, pool), [0.5, 0.9])
    return float(middle), max(float(high - middle), LEAST_SPREAD)


def asked(
    rankings: Sequence[Ranking],
    queries: Sequence[NDArray[np.float32]],
    cohort: NDArray[np.float32],
    candidates: int,
    pool: PoolConfig,
) -> Asked:
    """What search found of queries, unit vectors [m, D] each, as the calibration looks at it."""
    score, photos = np.full((len(rankings), candidates), -np.inf), np.ones((len(rankings), candidates))
    for row, ranking in enumerate(rankings):
        count = min(len(ranking), candidates)
        score[row, :count], photos[row, :count] = ranking.score[:count], ranking.photos[:count]
    level, spread = np.array([background(query, cohort, pool) for query in queries]).reshape(-1, 2).T
    animals = np.array([ranking.animals for ranking in rankings], np.int64)
    return Asked(score, animals, np.array([len(query) for query in queries], np.int64), level, spread, photos)


def design(asks: Asked, knots: Sequence[float], animals: int) -> Design:
    """The features; `animals` is A0."""
    there = np.isfinite(asks.score)
    found = there.sum(axis=1)
    z = np.where(there, (np.where(there, asks.score, 0) - asks.level[:, None]) / asks.spread[:, None], 0)
    log_m, log_a = np.log(asks.own), np.log(asks.animals / animals)
    one = np.ones(len(asks))
    of_animal = [
        z,
        *(np.maximum(z - knot, 0) for knot in knots),
        np.where(there, asks.score, 0),
        z * log_m[:, None],
        np.log(asks.photos),
        z * np.log(asks.photos),
    ]
    last = z[np.arange(len(asks)), np.maximum(found - 1, 0)]
    of_rest, of_new = [one, log_a, last, log_m], [one, log_a, log_m, asks.level, np.log(asks.spread)]
    count = asks.score.shape[1]
    features = np.zeros((len(asks), count + 2, len(of_animal) + len(of_rest) + len(of_new)))
    features[:, :count, : len(of_animal)] = np.stack(of_animal, -1)
    features[:, REST, len(of_animal) : len(of_animal) + len(of_rest)] = np.stack(of_rest, -1)
    features[:, NEW, len(of_animal) + len(of_rest) :] = np.stack(of_new, -1)
    features[:, :count][~there] = 0
    base = np.zeros((len(asks), count + 2))
    base[:, :count] = np.where(there, -np.log(asks.animals)[:, None], -np.inf)
    others = asks.animals - found
    with np.errstate(divide="ignore"):
        base[:, REST] = np.log(others / asks.animals)
    return Design(features, base)


def log_posterior(table: Design, weights: NDArray[np.float64], new_rate: float) -> NDArray[np.float64]:
    """Log probabilities [Q, K + 2]; rows of exp sum to 1."""
    logits = table.features @ weights + table.base
    with np.errstate(divide="ignore"):
        logits[:, :NEW] += np.log1p(-new_rate)
        logits[:, NEW] += np.log(new_rate)
    top = logits.max(axis=1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))


def ratios(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many times likelier than nobody each of the K nearest animals is, [Q, K]; in the order of the probabilities even where
    nobody has none."""
    return p[:, :REST] / np.maximum(p[:, NEW:], 1e-12)


def check_rate(new_rate: float) -> None:
    """Raises CatalogueError if it is no rate of strangers."""
    if not 0 <= new_rate < 1:
        raise CatalogueError(f"the rate of strangers is {new_rate:g}; it is a share, at least 0 and below 1, such as 0.05")


def probabilities(asks: Asked, calibration: Calibration, new_rate: float) -> NDArray[np.float64]:
    """Probabilities [Q, K + 2]: of the K nearest animals in order, of the other known ones together, of nobody we know.

    Raises:
        CatalogueError: a rate that is no share.
    """
    check_rate(new_rate)
    if asks.score.shape[1] != calibration.candidates:
        raise ValueError(f"{asks.score.shape[1]} candidates, but the calibration was fitted with {calibration.candidates}")
    of_photos = [0.0] * (OF_ANIMAL + len(calibration.knots) - len(calibration.animal))  # weights of schema 3 knew none
    weights = np.array([*calibration.animal, *of_photos, *calibration.rest, *calibration.new])
    return np.exp(log_posterior(design(asks, calibration.knots, calibration.animals), weights, new_rate))
