"""Annotations that don't go together: one animal drawn twice, several heads, two animals' points exchanged, copied numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from whichwhale.annotations import table as contract
from whichwhale.annotations.agree import iou
from whichwhale.annotations.faults import A_PIXEL, Box, away
from whichwhale.annotations.findings import ERROR, WARNING

TWICE = 0.8  # IoU of two boxes of one part: one animal drawn twice
SAME = 1e-6  # pixels


def in_photos(
    table: pd.DataFrame, entries: Sequence[str], pair: Sequence[str], part: str
) -> Iterator[tuple[int, str, str, str, str]]:
    """Several heads, none, one animal drawn twice, points in each other's boxes: (row, level, kind, what, fix)."""
    parts = table["part"].to_numpy()
    shown = set(table["Image"][parts == part])
    for i in np.flatnonzero(~table["Image"].isin(shown) & (table["status"] == "ok") & ~table["Image"].duplicated()):
        yield (
            int(i),
            WARNING,
            f"no {part}",
            f"a {parts[i]} but no {part} is marked",
            f"mark the {part}, or leave it if there is none",
        )
    several = table["Image"].duplicated(keep=False)
    for _, rows in table[several].groupby("Image", sort=False):
        places = [int(i) for i in table.index.get_indexer(rows.index)]
        heads = [i for i in places if parts[i] == part]
        double = set()
        for n, i in enumerate(places):
            for j in places[:n]:
                if parts[i] == parts[j] and i not in double and _same(table, i, j):
                    double.add(i)
                    yield i, ERROR, "duplicate", f"the {parts[i]} is the one of {entries[j]}", "remove one of them"
        left = [i for i in heads if i not in double]
        if len(left) > 1:
            yield (
                left[1],
                WARNING,
                f"two {part}s",
                f"{len(left)} {part}s are marked",
                "leave them if there are as many animals, remove others",
            )
        for n, i in enumerate(left):
            for j in left[:n]:
                mine, other = _box(table, i), _box(table, j)
                if mine is None or other is None:
                    continue
                for name in contract.point_names(table):
                    a, b = _point(table, i, name), _point(table, j, name)
                    if a and b and away(a, other) == 0 < away(a, mine) and away(b, mine) == 0 < away(b, other):
                        yield (
                            i,
                            ERROR,
                            "swapped",
                            f"{name} lies in the box of {entries[j]}, and that one's in this box",
                            "exchange them",
                        )


def copied(
    table: pd.DataFrame, entries: Sequence[str], pair: Sequence[str], part: str
) -> Iterator[tuple[int, str, str, str, str]]:
    """Rows with the very numbers of another photo's."""
    names = contract.point_names(table)
    values = table[[*contract.BOX, *(f"{name}{axis}" for name in names for axis in ("_x", "_y"))]].to_numpy(float)
    keys: dict[tuple, int] = {}
    for i, row in enumerate(values):
        if np.isfinite(row).sum() < 4:  # nothing, or a point or two: too little to be no chance
            continue
        key = table["part"].iloc[i], *np.where(np.isfinite(row), np.round(row / SAME), -1).tolist()
        j = keys.setdefault(key, i)
        if table["Image"].iloc[j] != table["Image"].iloc[i]:
            yield (
                i,
                ERROR,
                "duplicate",
                f"has the very numbers of {table['Image'].iloc[j]} ({entries[j]})",
                "mark it again, or remove one if both are the same photo",
            )


def _box(table: pd.DataFrame, i: int) -> Box | None:
    values = table[contract.BOX].iloc[i].to_numpy(float)
    return tuple(values.tolist()) if np.isfinite(values).all() else None


def _point(table: pd.DataFrame, i: int, name: str) -> tuple[float, float] | None:
    x, y = table[[f"{name}_x", f"{name}_y"]].iloc[i].to_numpy(float).tolist()
    return None if math.isnan(x) else (x, y)


def _same(table: pd.DataFrame, i: int, j: int) -> bool:
    """Whether two rows of a photo show one animal: boxes that nearly coincide, or, without boxes, the same points."""
    a, b = _box(table, i), _box(table, j)
    if a is not None and b is not None:
        return iou(a, b) >= TWICE
    points = [(_point(table, i, name), _point(table, j, name)) for name in contract.point_names(table)]
    both = [(p, q) for p, q in points if p and q]
    return bool(both) and all(math.hypot(p[0] - q[0], p[1] - q[1]) < A_PIXEL for p, q in both)
