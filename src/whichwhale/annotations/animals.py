"""Which point belongs to which box, and which animal is #0: what formats leave open that keep points and boxes apart.

A row under way is a dictionary of contract 1's columns, in its pixels, whose `item` is a number (−1: not known yet).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

Row = dict[str, Any]
ANOTHER_PART = 1e9  # cost in pixels: more than any photo has


@dataclass(frozen=True)
class Mark:
    """A point without its row: pixels, NAME_v, and the animal's number, its part and the row's source if the file says so (−1
    and '' if not)."""

    x: float
    y: float
    v: int
    item: int = -1
    part: str = ""
    source: str = ""


def join(rows: list[Row], name: str, marks: list[Mark]) -> None:
    """Put each point into the row that it belongs to: the one it names, else so that all lie least far from their boxes
    (optimal assignment, one point a row); into a new row if there is none. Changes `rows`."""
    free = list(range(len(rows)))
    loose = []
    for mark in marks:
        if mark.item < 0:
            loose.append(mark)
            continue
        key = (mark.item, mark.part or "head")
        own = next((i for i in free if (rows[i]["item"], rows[i]["part"]) == key), None)
        if own is None:
            rows.append(_new(mark, *key))
        else:
            free.remove(own)
        put(rows[-1 if own is None else own], name, mark)
    cost = np.array([[_distance(mark, rows[i]) for i in free] for mark in loose]).reshape(len(loose), len(free))
    pairs = dict(zip(*(side.tolist() for side in linear_sum_assignment(cost)), strict=True))
    pairs = {i: j for i, j in pairs.items() if cost[i, j] < ANOTHER_PART}
    for i, mark in enumerate(loose):
        if i not in pairs:
            rows.append(_new(mark, -1, mark.part or "head"))
        put(rows[free[pairs[i]]] if i in pairs else rows[-1], name, mark)


def number(rows: list[Row], image: str, size: tuple[float, float]) -> list[Row]:
    """Rows with their item, in its order. Known numbers stay; of the others the largest box of each part gets the smallest free
    number, of equal ones that nearest the photo's centre (`size`: width, height in pixels, NaN if unknown)."""

    def rank(row: Row) -> tuple[float, float]:
        left, top, width, height = _extent(row)
        centre = math.hypot(left + width / 2 - (size[0] - 1) / 2, top + height / 2 - (size[1] - 1) / 2)
        return -width * height, 0.0 if math.isnan(centre) else centre

    taken = {(row["part"], row["item"]) for row in rows}
    numbered = [row for row in rows if row["item"] >= 0]
    for row in sorted((row for row in rows if row["item"] < 0), key=rank):
        item = next(k for k in range(len(rows)) if (row["part"], k) not in taken)
        taken.add((row["part"], item))
        numbered.append(row | {"item": item})
    numbered.sort(key=lambda row: (row["item"], row["part"] != "head", row["part"]))
    return [row | {"item": f"{image}#{row['item']}"} for row in numbered]


def put(row: Row, name: str, mark: Mark) -> None:
    """Write a point into a row; one of this name that is there already is replaced."""
    row |= {f"{name}_x": mark.x, f"{name}_y": mark.y, f"{name}_v": mark.v}


def _new(mark: Mark, item: int, part: str) -> Row:
    return {"item": item, "part": part} | ({"source": mark.source} if mark.source else {})


def _distance(mark: Mark, row: Row) -> float:
    """Pixels from a point to a row's box, 0 inside; where boxes overlap, the nearer centre decides. Another part is far away."""
    left, top, width, height = _extent(row)
    outside = math.hypot(max(left - mark.x, mark.x - left - width, 0), max(top - mark.y, mark.y - top - height, 0))
    centre = math.hypot(mark.x - left - width / 2, mark.y - top - height / 2)
    return outside + 1e-3 * centre + (ANOTHER_PART if mark.part not in ("", row["part"]) else 0)


def _extent(row: Row) -> tuple[float, float, float, float]:
    """Left, top, width, height of a row's box, or of its points if it has none."""
    if "x" in row:
        return row["x"], row["y"], row["width"], row["height"]
    xs = [value for key, value in row.items() if key.endswith("_x")]
    ys = [value for key, value in row.items() if key.endswith("_y")]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
