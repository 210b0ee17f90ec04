"""Fitting a catalogue's calibration, and saying how far it can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from whichwhale.catalogue import bands
from whichwhale.catalogue import trials as asking
from whichwhale.catalogue.calibration import OF_NEW, OF_REST, Design, design, log_posterior, ratios
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Calibration
from whichwhale.catalogue.pooling import DEFAULT_SCALE
from whichwhale.catalogue.reliability import Judge, at_rate, reliability
from whichwhale.catalogue.trials import Trials, halves
from whichwhale.score.novelty import best_threshold

LEAST = 30  # queries of known animals, and of strangers
SCALES = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
POWERS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SCALE_QUERIES = 300
KNOTS = (0.5, 0.9)  # quantiles of z of the right animals
SHRINK = 1e-5  # of the squared weights, but for intercepts: keeps what the queries do not tell near nothing
HALF = 0.5  # rate of strangers among the queries, each of which is asked both ways
THRESHOLD_RATE = 0.3


def calibrate(
    gallery: Gallery, held_out: Incoming | None = None, errors: tuple[float, float] | None = None
) -> tuple[Calibration | None, NDArray[np.float32], str]:
    """The calibration of a gallery and its cohort's vectors; or None, and why there can't be one.

    Args:
        held_out: photos with known animals to ask, in place of the gallery's own.
        errors: allowed of the bands auto and new; None: those of the gallery's calibration, if it has bands.
    """
    config, pool = gallery.manifest.config.calibration, gallery.manifest.config.pool
    nobody = np.zeros((0, gallery.manifest.model.dims), np.float32)
    if len(gallery.animals) < 3:
        return (
            None,
            nobody,
            f"{len(gallery.animals)} animals are too few to tell how often the nearest is the right one; it takes 3",
        )
    queries, learned = (
        asking.own_queries(gallery, config) if held_out is None else asking.held_out_queries(gallery, held_out, config)
    )
    scale = pool.scale
    if pool.kind == "log_sum_exp" and scale is None:  # one of few numbers, chosen on all animals; all else is cross-fitted
        alone = [query for query in queries if len(query.vectors) == 1][:SCALE_QUERIES]
        scale = asking.fit_scale(gallery, alone, SCALES, POWERS, config.seed) if alone else DEFAULT_SCALE
    met = asking.meetings(gallery.table) is not None and (held_out is None or asking.meetings(held_out.table) is not None)
    cohort = asking.choose_cohort(gallery, config)
    trials = asking.run(gallery, queries, cohort, config, scale or DEFAULT_SCALE)
    largest = trials.share == max(config.sizes)
    known, strangers = int((~trials.stranger & largest).sum()), int((trials.stranger & largest).sum())
    if min(known, strangers) < LEAST:
        why = f"only {known} queries of known animals and {strangers} of strangers could be asked, it takes {LEAST} of each: "
        return None, nobody, why + "photos whose animal has another one. Add photos, or give labelled --queries"
    knots, weights = fit(trials, len(gallery.animals))
    crossed = cross_fitted(trials, len(gallery.animals))
    parts = np.split(weights, [len(weights) - OF_REST - OF_NEW, len(weights) - OF_NEW])
    before = gallery.manifest.calibration
    if errors is None:
        errors = bands.check(before.bands.errors) if before and before.bands else bands.ERRORS
    fitted = Calibration(
        scale=scale if pool.kind == "log_sum_exp" else None,
        knots=knots,
        animal=parts[0].tolist(),
        rest=parts[1].tolist(),
        new=parts[2].tolist(),
        threshold=threshold(trials, crossed, config.seed),
        candidates=config.candidates,
        cohort="",
        photos=len(gallery),
        animals=len(gallery.animals),
        queries=len(queries),
        learned=learned,
        meetings=met,
        reliability=reliability(trials, crossed, config.seed),
        bands=bands.fit(trials, crossed, errors),
    )
    return fitted, gallery.vectors(cohort), ""


def fit(trials: Trials, animals: int) -> tuple[list[float], NDArray[np.float64]]:
    """Knots and weights of most likelihood for trials of which half, by weight, are strangers'; `animals` is A0."""
    asked, right = trials.asked, trials.target
    own = np.flatnonzero(right < asked.score.shape[1])
    z = (asked.score[own, right[own]] - asked.level[own]) / asked.spread[own] if len(own) else np.zeros(1)
    knots = [float(knot) for knot in np.quantile(z, KNOTS)]
    table = design(asked, knots, animals)
    return knots, _most_likely(table, right, _weights(trials))


def _weights(trials: Trials) -> NDArray[np.float64]:
    """Weights [Q], of sum 1. Queries of one number of photos are known animals' and strangers' half each, as much as the rarer
    kind has: else the number of photos would tell who is a stranger, for whoever has few photos can seldom be asked as known."""
    weight = np.zeros(len(trials))
    for own in np.unique(trials.asked.own):
        of = trials.asked.own == own
        kinds = [of & ~trials.stranger, of & trials.stranger]
        least = min(int(kind.sum()) for kind in kinds)
        for kind in kinds:
            weight[kind] = least / max(int(kind.sum()), 1)
    return weight / max(weight.sum(), 1e-12)


def _most_likely(table: Design, right: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, count = np.arange(len(right)), table.features.shape[2]
    penalty = np.full(count, SHRINK)
    penalty[[count - OF_REST - OF_NEW, count - OF_NEW]] = 0  # the intercepts of the rest and of nobody

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_p = log_posterior(table, weights, HALF)
        p = np.exp(log_p) * weight[:, None]
        p[rows, right] -= weight
        gradient = np.tensordot(p, table.features, axes=([0, 1], [0, 1]))
        return (
            float(-(weight * log_p[rows, right]).sum() + (penalty * weights**2).sum()),
            gradient + 2 * penalty * weights,
        )

    start = np.zeros(count)
    start[0] = 1.0
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x


def cross_fitted(trials: Trials, animals: int) -> Judge:
    """Probabilities by fits that did not see the animal: two, each on the queries of half of the animals."""
    half = halves(trials.name, "probabilities")
    fits = {}
    for side in (0, 1):
        learn = trials.only(half != side)
        if learn.stranger.any() and not learn.stranger.all():
            fits[side] = fit(learn, animals)

    def judge(rate: float) -> NDArray[np.float64]:
        p = np.full((len(trials), trials.asked.score.shape[1] + 2), np.nan)
        for side, (knots, weights) in fits.items():
            rows = half == side
            if rows.any():
                p[rows] = np.exp(log_posterior(design(trials.asked.only(rows), knots, animals), weights, rate))
        return p

    return judge


def threshold(trials: Trials, judge: Judge, seed: int) -> float:
    """The ratio of an animal's probability to nobody's below which `new_whale` comes first, of most MAP@5 on single photos of
    which `THRESHOLD_RATE` are strangers'; 1 is what probabilities alone say."""
    p = judge(THRESHOLD_RATE)
    kept = at_rate(trials.stranger, (trials.asked.own == 1) & ~np.isnan(p[:, 0]), THRESHOLD_RATE, seed)
    if not kept.any():
        return 1.0
    ratio = ratios(p[kept])
    candidates = ratio.shape[1]
    right = trials.target[kept]
    column = np.where(right == candidates + 1, -1, right)  # a known animal that is not among the candidates has the last column
    table = np.column_stack([ratio, np.full(len(ratio), -1.0)])
    return best_threshold(table, column)[0]
