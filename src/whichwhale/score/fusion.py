"""Several parts of an animal, one score: how far do ear, whiskers and nose together say that two sightings show one animal?

Of a pair of sightings there is a cosine for each part that both show. The fused score is the log likelihood ratio

    ln p(cosines | one animal) / p(cosines | two) = sum over the parts that both show of slope_k * cosine_k + offset_k,

so a part that is missing says nothing, and one that tells nobody from anybody gets the slope 0. All slopes and offsets are fitted
together, by logistic regression with the share of pairs of one animal as an offset (as `verification.calibrate`, the case of one
part). Which parts are there must say nothing either, though sightings of one animal may show the same parts more often than those
of two: pairs are weighted so that of those that show the same parts the same share is of one animal. Source: Brümmer et al.,
Fusion of heterogeneous speaker recognition systems (IEEE Transactions on Audio, Speech, and Language Processing 15, 2007),
section IV.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from whichwhale.score import roc
from whichwhale.score.bootstrap import Interval

PRIOR = 0.5  # share of pairs of one animal that fits are weighted to
SHRINK = 0.01  # of the squared slopes, in nats a pair, where a cosine's standard deviation is 1: few animals, many parts
EQUAL, FUSED = "equal weights", "fitted weights"


@dataclass(frozen=True, eq=False)
class Evidence:
    """Pairs of sightings [P], one asked about, one it is compared with.

    cosine  [P, K] of each of `parts`; NaN where one of the two does not show it
    same    bool [P], whether both show one animal
    query   [P] number of the sighting that is asked about: the pairs of one are the candidates that it is ranked among
    first, second  [P] numbers of the animals, below `animals`
    group   [P] pairs of one group are judged by what was fitted on the others; no animal is in two of them
    """

    parts: tuple[str, ...]
    cosine: NDArray[np.float64]
    same: NDArray[np.bool_]
    query: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    group: NDArray[np.int64]
    animals: int

    def __len__(self) -> int:
        return len(self.same)

    def only(self, kept: NDArray[np.bool_]) -> Evidence:
        """Some of the pairs."""
        rows = (getattr(self, name)[kept] for name in ("cosine", "same", "query", "first", "second", "group"))
        return Evidence(self.parts, *rows, self.animals)


def joined(several: Sequence[Evidence]) -> Evidence:
    """The pairs of several tables of the same parts and animals; their queries stay apart."""
    shift, queries = 0, []
    for one in several:
        queries.append(one.query + shift)
        shift += int(one.query.max(initial=-1)) + 1
    names = ("cosine", "same", "first", "second", "group")
    cosine, same, first, second, group = (np.concatenate([getattr(one, name) for one in several]) for name in names)
    return Evidence(several[0].parts, cosine, same, np.concatenate(queries), first, second, group, several[0].animals)


@dataclass(frozen=True)
class Fusion:
    """Plain numbers: slope and offset of each part, in its order."""

    parts: tuple[str, ...]
    slope: tuple[float, ...]
    offset: tuple[float, ...]

    def log_ratio(self, cosine: ArrayLike) -> NDArray[np.float64]:
        """Log likelihood ratio [...] of cosines [..., K]; NaN is a part that is missing, and 0 the ratio where all are."""
        return np.nan_to_num(self.by_part(cosine)).sum(axis=-1)

    def by_part(self, cosine: ArrayLike) -> NDArray[np.float64]:
        """Its summands [..., K], NaN where a part is missing."""
        return np.asarray(cosine, np.float64) * self.slope + self.offset


def fit(evidence: Evidence, columns: Sequence[int] | None = None, prior: float = PRIOR) -> Fusion:
    """Slopes and offsets of the parts `columns` (None: all), fitted together; no slope is negative.

    The other parts get zeros, and so do those that are in no pair of one animal of which a pair of two animals shows the same
    parts.

    Raises:
        ValueError: no part with pairs of both kinds, a prior outside (0, 1).
    """
    if not 0 < prior < 1:
        raise ValueError(f"prior={prior:g}: the share of pairs that show one animal lies between 0 and 1, exclusive")
    wanted = list(range(len(evidence.parts)) if columns is None else columns)
    there = ~np.isnan(evidence.cosine[:, wanted])
    weight = _weights(there, evidence.same, prior)
    kept = weight > 0
    has = there[kept].any(axis=0)  # each part of a pair that counts has pairs of both kinds, for they show the same parts
    if not has.any():
        names = ", ".join(evidence.parts[k] for k in wanted)
        raise ValueError(f"no pairs of both kinds, of one animal and of two, in which both sightings show a part ({names})")
    used = [k for k, one in zip(wanted, has, strict=True) if one]
    cosine, same, weight = evidence.cosine[kept][:, used], evidence.same[kept], weight[kept]
    has = ~np.isnan(cosine)
    mean = np.array([cosine[has[:, k], k].mean() for k in range(len(used))])
    spread = np.array([cosine[has[:, k], k].std() for k in range(len(used))])
    spread = np.where(spread > 0, spread, 1.0)
    features = np.concatenate([np.where(has, (np.nan_to_num(cosine) - mean) / spread, 0.0), has], axis=1)
    sign, start, count = np.where(same, 1.0, -1.0), logit(prior), len(used)

    def loss(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (features @ numbers + start)
        pull = features.T @ (-weight * sign * expit(-margin))
        pull[:count] += 2 * SHRINK * numbers[:count]
        return float(weight @ np.logaddexp(0, -margin) + SHRINK * (numbers[:count] ** 2).sum()), pull

    bounds = [(0.0, None)] * count + [(None, None)] * count
    found = minimize(loss, np.zeros(2 * count), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000}).x
    slope, offset = np.zeros(len(evidence.parts)), np.zeros(len(evidence.parts))
    slope[used] = found[:count] / spread
    offset[used] = found[count:] - found[:count] * mean / spread
    return Fusion(evidence.parts, tuple(slope.tolist()), tuple(offset.tolist()))


def _weights(there: NDArray[np.bool_], same: NDArray[np.bool_], prior: float) -> NDArray[np.float64]:
    """Weights [P], of sum 1, with which the share `prior` of the pairs that show the same parts is of one animal: pairs of one
    animal weigh alike, those of two as their parts come among these. 0 where no part is shown, or these parts by one kind
    alone."""
    patterns, of = np.unique(there, axis=0, return_inverse=True)
    of = of.reshape(-1)
    one, two = (np.bincount(of, kind, len(patterns)) for kind in (same, ~same))
    some = (one > 0) & (two > 0) & patterns.any(axis=1)
    if not some.any():
        return np.zeros(len(same))
    share = np.where(some, one, 0) / one[some].sum()  # of each pattern
    return np.where(same, prior * share[of] / np.maximum(one, 1)[of], (1 - prior) * share[of] / np.maximum(two, 1)[of])


def crossed(evidence: Evidence) -> NDArray[np.float64]:
    """Log likelihood ratios [P, K] of each part that a pair shows (NaN: not shown), by weights fitted on the other groups' pairs.

    Raises:
        ValueError: as `scores`.
    """
    found = np.full(evidence.cosine.shape, np.nan)
    for group in _several(evidence):
        use = evidence.group == group
        found[use] = fit(evidence.only(~use)).by_part(evidence.cosine[use])
    return found


def _several(evidence: Evidence) -> NDArray[np.int64]:
    groups = np.unique(evidence.group)
    if len(groups) < 2:
        raise ValueError("one group of animals: it takes two at least, to fit on the one and judge on the other")
    return groups


def scores(evidence: Evidence) -> dict[str, NDArray[np.float64]]:
    """For each part alone, for equal weights, and for the fitted ones a score a pair [P], fitted on the other groups' pairs.

    Equal weights: the mean over the parts that are there of cosines in the spread of pairs of two animals. Where nothing is
    there the score says nothing (0).

    Raises:
        ValueError: fewer than two groups, or too little in the others to fit on.
    """
    found = {name: np.zeros(len(evidence)) for name in (*evidence.parts, EQUAL, FUSED)}
    for group in _several(evidence):
        learn, use = evidence.only(evidence.group != group), evidence.group == group
        asked = evidence.cosine[use]
        for k, part in enumerate(evidence.parts):
            try:
                found[part][use] = fit(learn, [k]).log_ratio(asked)
            except ValueError:  # seen in no pair of the others: it says nothing
                continue
        found[EQUAL][use] = _equal(learn, asked)
        found[FUSED][use] = fit(learn).log_ratio(asked)
    return found


def _equal(learn: Evidence, asked: NDArray[np.float64]) -> NDArray[np.float64]:
    total, number = np.zeros(len(asked)), np.zeros(len(asked))
    for k in range(len(learn.parts)):
        two = learn.cosine[~learn.same, k]
        two = two[~np.isnan(two)]
        there = ~np.isnan(asked[:, k])
        if len(two) > 1 and two.std() > 0:
            total[there] += (asked[there, k] - two.mean()) / two.std()
            number += there
    return np.where(number > 0, total / np.maximum(number, 1), 0.0)


@dataclass(frozen=True)
class Row:
    """How well a score tells one animal from two (auc), and finds the animal of a sighting among the candidates (top_1, top_5: a
    share of the `queries` whose animal is among them; ties are broken by chance). `there`: share of those queries' right pairs of
    which the score knows anything. Intervals are over animals."""

    name: str
    there: float
    auc: Interval
    top_1: Interval
    top_5: Interval


@dataclass(frozen=True)
class Judgement:
    """`rows`: each part, equal weights, fitted weights, over all pairs, a missing part saying nothing. `best`: the part with the
    highest auc, which is chosen with hindsight; `gain`: fitted weights less that part (auc, top_1, top_5), paired; `gain_there`
    the same of the pairs and queries that show the part."""

    pairs: int
    same: int
    queries: int
    animals: int
    candidates: float
    rows: list[Row]
    best: str
    gain: dict[str, Interval]
    gain_there: dict[str, Interval]


FIGURES = ("auc", "top_1", "top_5")


def judge(evidence: Evidence, *, seed: int = 0, draws: int = 1000) -> Judgement:
    """The table of all scores, and what fusing brings over the best part; fits are of other groups' animals.

    Bootstrap: animals are drawn with replacement; a pair of one animal counts as often as it was drawn, a pair of two as often
    as the product says (as `verification.verification`), a query as often as its animal.

    Raises:
        ValueError: as `scores`; no pair of one animal.
    """
    table = scores(evidence)
    times = roc.animals_drawn(evidence.animals, draws, seed)
    there = {part: ~np.isnan(evidence.cosine[:, k]) for k, part in enumerate(evidence.parts)}
    any_there = np.logical_or.reduce(list(there.values()))
    figures = {name: _figures(evidence, score, times) for name, score in table.items()}
    rows, several = [], len(np.unique(evidence.first[evidence.same]))
    for name, (estimate, drawn) in figures.items():
        has = there.get(name, any_there)[evidence.same].mean()
        told = zip(estimate, drawn.T, strict=True)
        rows.append(Row(name, float(has), *(roc.interval(one, column, animals=several) for one, column in told)))
    best = max(evidence.parts, key=lambda part: figures[part][0][0])
    gain = _gain(figures[FUSED], figures[best])
    # Whoever sees the part asks about candidates that show it too, and finds the right one among them.
    kept = there[best]
    kept &= np.isin(evidence.query, evidence.query[kept & evidence.same])
    some = evidence.only(kept)
    gain_there = _gain(*(_figures(some, table[name][kept], times) for name in (FUSED, best)))
    queries = np.unique(evidence.query[evidence.same])
    asked = evidence.query[_best_of_each(evidence, np.zeros(len(evidence)))]
    candidates = float(np.bincount(asked)[queries].mean())  # animals
    counts = len(evidence), int(evidence.same.sum()), len(queries), len(np.unique([evidence.first, evidence.second]))
    return Judgement(*counts, candidates, rows, best, gain, gain_there)


def _figures(
    evidence: Evidence, score: NDArray[np.float64], times: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Figures [3] and their bootstrap samples [draws, 3]."""
    ranked = roc.Roc(score, evidence.same)
    animal, hit_1, hit_5 = _hits(evidence, score)
    asked = np.bincount(animal, minlength=evidence.animals)
    hits = [np.bincount(animal, hit, minlength=evidence.animals) for hit in (hit_1, hit_5)]
    drawn = np.empty((len(times), 3))
    for row, time in enumerate(times):
        own = time[evidence.first]
        drawn[row, 0] = roc.area(*ranked.curve(np.where(evidence.same, own, own * time[evidence.second]).astype(np.float64)))
        total = time @ asked
        drawn[row, 1:] = [time @ one / total if total else np.nan for one in hits]
    return np.array([roc.area(*ranked.curve()), hit_1.mean(), hit_5.mean()]), drawn


def _hits(evidence: Evidence, score: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each query whose animal is among its candidates the animal, and the chance that it is first, and among the first five,
    if ties are broken by lot. Of several sightings of one candidate the one of highest score counts."""
    kept = _best_of_each(evidence, score)
    order = kept[np.lexsort((~evidence.same[kept], -score[kept], evidence.query[kept]))]
    query, same, value = evidence.query[order], evidence.same[order], score[order]
    right = np.flatnonzero(same)
    _, first = np.unique(query[right], return_index=True)
    best = right[first]
    starts, ends = np.searchsorted(query, query[best], "left"), np.searchsorted(query, query[best], "right")
    animal, hits = np.empty(len(best), np.int64), np.empty((2, len(best)))
    for n, (at, start, end) in enumerate(zip(best, starts, ends, strict=True)):
        others = value[start:end][~same[start:end]]
        above, ties = int((others > value[at]).sum()), int((others == value[at]).sum())
        animal[n] = evidence.first[order[at]]
        hits[:, n] = [np.clip((k - above) / (ties + 1), 0, 1) for k in (1, 5)]
    return animal, hits[0], hits[1]


def _best_of_each(evidence: Evidence, score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Of each query and candidate animal the pair of highest score."""
    order = np.lexsort((-score, evidence.second, evidence.query))
    of = np.stack([evidence.query[order], evidence.second[order]])
    return order[np.append(True, (np.diff(of, axis=1) != 0).any(axis=0))] if len(order) else order


def _gain(
    ours: tuple[NDArray[np.float64], NDArray[np.float64]], theirs: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> dict[str, Interval]:
    estimate, drawn = ours[0] - theirs[0], ours[1] - theirs[1]
    return {name: roc.interval(one, column) for name, one, column in zip(FIGURES, estimate, drawn.T, strict=True)}
