"""Do the probabilities mean what they say? At stated rates of strangers, sizes of the gallery, and numbers of photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.calibration import NEW, REST
from whichwhale.catalogue.trials import Trials
from whichwhale.score.calibration import Reliability, debiased_square

RATES = (0.05, 0.3)
BINS = 10
LEAST = 20  # queries that a row needs
FEWER = "thinned"  # photos column of rows of single photos, of animals that are known by fewer photos than there are

Judge = Callable[[float], NDArray[np.float64]]
"""A rate of strangers to probabilities [Q, K + 2] of all trials, NaN rows for those that can't be judged."""


def at_rate(stranger: NDArray[np.bool_], kept: NDArray[np.bool_], rate: float, seed: int) -> NDArray[np.bool_]:
    """Of the `kept` queries [Q], as many as make the share of strangers `rate`, drawn by the seed."""
    draw = np.random.default_rng([seed, 3])
    known, strange = np.flatnonzero(kept & ~stranger), np.flatnonzero(kept & stranger)
    wanted = min(len(strange), round(len(known) * rate / (1 - rate)))
    fewer = min(len(known), round(wanted * (1 - rate) / rate)) if wanted == len(strange) else len(known)
    chosen = np.zeros(len(stranger), bool)
    chosen[draw.permutation(known)[:fewer]] = True
    chosen[draw.permutation(strange)[:wanted]] = True
    return chosen


def reliability(trials: Trials, judge: Judge, seed: int) -> list[dict[str, Any]]:
    """A row for each rate of strangers and share of the animals, of single photos and of encounters, and one of single photos
    where animals were thinned to fewer photos: how many were `asked`, of
    how many `animals`; what the first guess (an animal, or nobody) `claimed` and how often it was `right`; `error`, the
    calibration error of that; `nobody_claimed`, `nobody_right`, `nobody_error`, the same of "nobody we know"; `curve`, (claimed,
    right, count) of first guesses. Errors are debiased root mean squares (score/calibration.py).
    """
    rows = []
    for rate in RATES:
        p = judge(rate)
        judged = ~np.isnan(p[:, 0])
        for share in sorted(set(trials.share.tolist()), reverse=True):
            for photos in ("one", "several", FEWER):
                kept = judged & (trials.share == share) & ((trials.asked.own > 1) == (photos == "several"))
                kept &= trials.thinned == (photos == FEWER)
                kept = at_rate(trials.stranger, kept, rate, seed)
                if kept.sum() < LEAST:
                    continue
                animals = round(float(trials.asked.animals[kept].mean()))
                about = {
                    "new_rate": rate,
                    "animals": animals,
                    "photos": photos,
                    "asked": int(kept.sum()),
                }
                rows.append(about | judged_row(p[kept], trials.target[kept]))
    return rows


def judged_row(p: NDArray[np.float64], target: NDArray[np.int64]) -> dict[str, Any]:
    """The figures of probabilities [Q, K + 2] with the right columns [Q]."""
    named = np.delete(p, p.shape[1] + REST, axis=1)  # "some other animal" is an answer, but no guess
    claimed = named.max(axis=1)
    right = named.argmax(axis=1) == np.where(
        target > p.shape[1] + REST, target - 1, np.where(target == p.shape[1] + REST, -1, target)
    )
    curve = event_curve(claimed, right, BINS)
    nobody, happened = p[:, NEW], target == p.shape[1] + NEW
    return {
        "claimed": float(claimed.mean()),
        "right": float(right.mean()),
        "error": math.sqrt(max(0.0, debiased_square(curve))),
        "nobody_claimed": float(nobody.mean()),
        "nobody_right": float(happened.mean()),
        "nobody_error": math.sqrt(max(0.0, debiased_square(event_curve(nobody, happened, BINS)))),
        "curve": np.column_stack([curve.confidence, curve.accuracy, curve.count]).round(4).tolist(),
    }


def event_curve(p: NDArray[np.float64], happened: NDArray[np.bool_], bins: int) -> Reliability:
    """The reliability curve of one event's probability [Q], in at most `bins` equally filled bins of at least two queries."""
    order = np.argsort(p, kind="stable")
    bins = max(1, min(bins, len(p) // 2))
    parts = np.array_split(order, bins)
    return Reliability(
        np.array([p[part].mean() for part in parts]),
        np.array([happened[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text."""
    head = f"{'strangers':>9} {'animals':>8} {'photos':>8} {'asked':>6} | {'claimed':>8} {'right':>7} {'error':>6} |"
    lines = [f"{head} {'nobody: claimed':>15} {'true':>6} {'error':>6}"]
    for row in rows:
        first = f"{row['new_rate']:>9.0%} {row['animals']:>8} {row['photos']:>8} {row['asked']:>6} |"
        guess = f"{row['claimed']:>8.1%} {row['right']:>7.1%} {row['error']:>6.1%} |"
        lines.append(f"{first} {guess} {row['nobody_claimed']:>15.1%} {row['nobody_right']:>6.1%} {row['nobody_error']:>6.1%}")
    if any(row["photos"] == FEWER for row in rows):
        lines.append(f"{FEWER}: one photo asked, where every animal is known by 1 to all of its photos, as the lot falls")
    return "\n".join(lines)
