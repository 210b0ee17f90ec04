"""Rows of annotations that are unlike all others: absurd d, and points that look exchanged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import swapped
from whichwhale.annotations.faults import A_PIXEL
from whichwhale.annotations.findings import ERROR, WARNING

ABSURD = 6.0  # robust standard deviations of log d; were it normal, one in a million would lie beyond 4.9
ODD = 4.5
FEWEST = 20  # values from which on a median and a spread are taken
SWAPPED = 20.0  # times as many photos lean the other way


def distances(
    table: pd.DataFrame, entries: Sequence[str], pair: Sequence[str], part: str
) -> Iterator[tuple[int, str, str, str, str]]:
    """d that other photos' don't have: by itself, of the photo's width, of the box's side."""
    if not pair:
        return
    front, back, _ = _geometry(table, pair, part)
    d = np.hypot(*(back - front).T)
    scales = {
        "of the photo's width": table["photo_width"].to_numpy(float),
        "of its box's side (root of the area)": np.sqrt(table["width"].to_numpy(float) * table["height"].to_numpy(float)),
    }
    if np.isnan(scales["of the photo's width"]).all():
        scales["px"] = np.ones(len(table))
    told = set()
    for i in np.flatnonzero(d < A_PIXEL):
        told.add(i)
        yield int(i), ERROR, "absurd d", f"{pair[0]} and {pair[1]} lie {d[i]:.2f} px apart", "move one onto its place"
    for scale, size in scales.items():
        shares = d / size
        z, middle = _deviations(shares)
        for i in np.flatnonzero(np.abs(np.nan_to_num(z)) > ODD):
            if i in told:
                continue
            told.add(i)
            level = ERROR if abs(z[i]) > ABSURD else WARNING
            yield (
                int(i),
                level,
                "absurd d",
                f"d is {d[i]:.0f} px, {shares[i]:.3g} {scale}; the others' median is {middle:.3g}, "
                f"{abs(z[i]):.1f} robust standard deviations (of the logarithm) from it",
                "look whether both points lie on this head, and the box around it",
            )


def exchanged(
    table: pd.DataFrame, entries: Sequence[str], pair: Sequence[str], part: str
) -> Iterator[tuple[int, str, str, str, str]]:
    """Points exchanged, by parts that lie behind the head, or by the lean of the box."""
    if not pair:
        return
    front, back, centre = _geometry(table, pair, part)
    fix = f"exchange {pair[0]} and {pair[1]} if the photo shows it so"
    all_centres = table[["x", "y"]].to_numpy(float) + table[["width", "height"]].to_numpy(float) / 2
    told = set()
    tails = {}
    for j, (item, other) in enumerate(zip(table["item"], table["part"], strict=True)):
        if swapped.behind(other) and np.isfinite(all_centres[j]).all():
            tails.setdefault(item, []).append(j)
    for i in np.flatnonzero(np.isfinite(front + back).all(axis=1)):
        for j in tails.get(table["item"].iloc[i], []):
            to_front, to_back = (np.hypot(*(point[i] - all_centres[j])) for point in (front, back))
            if to_front < to_back and i not in told:
                told.add(i)
                yield (
                    int(i),
                    ERROR,
                    "swapped",
                    f"{pair[0]} is nearer the {table['part'].iloc[j]} than {pair[1]} is ({to_front:.0f} and {to_back:.0f} px)",
                    fix,
                )
    leans = swapped.lean(front, back, centre)
    odds = swapped.odds(leans)
    for i in np.flatnonzero(odds >= SWAPPED):
        if i not in told:
            yield (
                int(i),
                WARNING,
                "swapped",
                f"the box reaches {abs(leans[i]):.2f} d further beyond the wrong point than beyond the other; "
                f"{odds[i]:.0f} times as many photos do so the other way round",
                fix,
            )


def too_few(table: pd.DataFrame, pair: Sequence[str], part: str) -> list[str]:
    """What isn't looked for, in words, since too few rows of `part` have both points (and a box)."""
    if not pair:
        return []
    front, back, centre = _geometry(table, pair, part)
    both = np.isfinite(front + back).all(axis=1)
    told = []
    if 0 < both.sum() < FEWEST:
        told.append(f"absurd d isn't looked for: {both.sum()} of the {FEWEST} pairs of points that a usual d takes")
    boxed = (both & np.isfinite(centre).all(axis=1)).sum()
    if 0 < boxed < swapped.FEWEST:
        told.append(f"how boxes lean isn't looked at: {boxed} of the {swapped.FEWEST} boxes with both points that it takes")
    return told


def swap_power(table: pd.DataFrame, pair: Sequence[str], part: str) -> float:
    """Share of exchanged pairs of points that the lean of these boxes would tell; NaN where they can't be asked."""
    return swapped.power(swapped.lean(*_geometry(table, pair, part)), SWAPPED) if pair else math.nan


def _deviations(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Robust standard deviations (1.4826 times the median absolute one) of the logarithm from its median; e to that median."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(values)
    known = logs[np.isfinite(logs)]
    if len(known) < FEWEST:
        return np.full(len(values), np.nan), math.nan
    middle = float(np.median(known))
    spread = max(1.4826 * float(np.median(np.abs(known - middle))), 0.02)  # all but equal ones: 2 % is no absurdity
    return (logs - middle) / spread, math.exp(middle)


def _geometry(table: pd.DataFrame, pair: Sequence[str], part: str) -> tuple[NDArray, NDArray, NDArray]:
    """Front point, back point and box centre [n, 2] of the rows of `part`, NaN where there is none."""
    ours = (table["part"] == part).to_numpy()[:, None]
    front, back = (np.where(ours, table[[f"{name}_x", f"{name}_y"]].to_numpy(float), np.nan) for name in pair)
    return front, back, table[["x", "y"]].to_numpy(float) + table[["width", "height"]].to_numpy(float) / 2
