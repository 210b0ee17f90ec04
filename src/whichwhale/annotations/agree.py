"""How far two people (or one and a run) agree about the same photos: IoU of boxes, points' distance in d, what one alone has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from whichwhale.annotations import table as contract

PERCENTILES = (50, 75, 90, 95, 99, 100)
APART = 10.0  # d: points further apart than this are no pair of one animal's


@dataclass(frozen=True)
class Agreement:
    """Two tables held against each other.

    Attributes:
        pairs: one row a part that both have: Image, part, item_a, item_b, iou (NaN where one has no box), d (px, of the first
            table, else of the second), and for each point that both tables have NAME_px and NAME_d (NaN where one has none),
            NAME_v_differs; `exchanged`: the two points of d lie less than half as far from the other's if they are swapped.
        alone: one row a part that one has alone: Image, part, item, who ('a' or 'b').
        photos_a, photos_b: photos that only the first, only the second table knows.
        points: names that both tables have.
        points_a, points_b: names that only the first, only the second has.
    """

    pairs: pd.DataFrame
    alone: pd.DataFrame
    photos_a: list[str]
    photos_b: list[str]
    points: list[str]
    points_a: list[str]
    points_b: list[str]


def iou(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x, y, width, height); NaN if a number is."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if math.isnan(width + height):
        return math.nan
    common = max(width, 0.0) * max(height, 0.0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def agree(a: pd.DataFrame, b: pd.DataFrame, pair: Sequence[str] | None = None) -> Agreement:
    """Hold two of contract 1's tables against each other.

    Parts of a photo are paired part by part so that boxes overlap most, or, where one has no box, points lie nearest (optimal
    assignment); the animals' numbers don't matter. Boxes that don't touch, and points more than 10 d apart, are no pair.

    Args:
        pair: the two points whose distance is d; None: the first two that both have, if there are two.
    """
    points = [name for name in contract.point_names(a) if name in contract.point_names(b)]
    pair = tuple(points[:2]) if pair is None else tuple(pair)
    if any(name not in points for name in pair) or len(set(pair)) < len(pair):
        raise ValueError(f"pair is {', '.join(pair)}; the points that both have are {', '.join(points) or 'none'}")
    images = dict.fromkeys([*a["Image"], *b["Image"]])
    known_a, known_b = set(a["Image"]), set(b["Image"])
    groups: list[dict[str, list[dict]]] = [{}, {}]
    for group, t in zip(groups, (a, b), strict=True):
        for row in t[t["status"] == "ok"].to_dict("records"):  # at once: one call a photo takes a hundred times as long
            group.setdefault(row["Image"], []).append(row)
    pairs, alone = [], []
    for image in images:
        if image not in known_a or image not in known_b:
            continue
        mine, other = (group.get(image, []) for group in groups)
        for part in dict.fromkeys(row["part"] for row in [*mine, *other]):
            left, right = ([row for row in rows if row["part"] == part] for rows in (mine, other))
            taken = _assign(left, right, points, pair)
            for i, j in taken:
                pairs.append({"Image": image, "part": part} | _compare(left[i], right[j], points, pair))
            for who, rows, used in (("a", left, {i for i, _ in taken}), ("b", right, {j for _, j in taken})):
                alone += [
                    {"Image": image, "part": part, "item": row["item"], "who": who} for k, row in enumerate(rows) if k not in used
                ]
    columns = [
        "Image",
        "part",
        "item_a",
        "item_b",
        "iou",
        "d",
        *(f"{n}{s}" for n in points for s in ("_px", "_d", "_v_differs")),
        "exchanged",
    ]
    return Agreement(
        pd.DataFrame(pairs, columns=columns),
        pd.DataFrame(alone, columns=["Image", "part", "item", "who"]),
        [image for image in images if image not in known_b],
        [image for image in images if image not in known_a],
        points,
        [name for name in contract.point_names(a) if name not in points],
        [name for name in contract.point_names(b) if name not in points],
    )


def report(found: Agreement, names: tuple[str, str], worst: int = 10) -> str:
    """What `agree` found, to read: percentiles, the worst cases, and who has what alone."""
    pairs, (first, second) = found.pairs, names
    both = pairs["Image"].nunique()
    lines = [f"a: {first}", f"b: {second}", f"{len(pairs)} parts in {both} photos are in both"]
    measures = [("IoU", pairs["iou"], True, "{:.4f}")]
    for name in found.points:
        measures += [
            (f"{name}, px", pairs[f"{name}_px"], False, "{:.3f}"),
            (f"{name}, % of d", 100 * pairs[f"{name}_d"], False, "{:.3f}"),
        ]
    lines.append(f"{'':<24}{'pairs':>7}{'mean':>9}" + "".join(f"{f'{p}th' if p < 100 else 'worst':>9}" for p in PERCENTILES))
    for title, values, high, form in measures:
        values = values.dropna().to_numpy(float)
        if len(values):
            at = np.percentile(values, [100 - p if high else p for p in PERCENTILES])
            lines.append(f"{title:<24}{len(values):>7}" + "".join(f"{form.format(v):>9}" for v in [values.mean(), *at]))
    lines.append("(of the IoU the percentiles count from the best)")
    for title, values, high, form in measures:
        apart = values[values < 1] if high else values[values > 0]
        order = apart.sort_values(ascending=high, kind="stable").head(worst)
        if len(order) and "px" not in title:
            lines.append(f"worst by {title}:")
            lines += [f"  {pairs.loc[i, 'item_a']} {pairs.loc[i, 'part']}: {form.format(value)}" for i, value in order.items()]
    swapped = pairs[pairs["exchanged"].astype(bool)]
    lines.append(f"points that agree better when exchanged: {len(swapped)}" + _named(swapped["item_a"].tolist(), worst))
    differ = (
        pairs[[f"{name}_v_differs" for name in found.points]].astype(bool).any(axis=1)
        if found.points
        else pairs["exchanged"] == 2
    )
    lines.append(
        f"parts with a point that one calls hidden or absent, the other not: {int(differ.sum())}"
        + _named(pairs.loc[differ, "item_a"].tolist(), worst)
    )
    for who in "ab":
        mine = found.alone[found.alone["who"] == who]
        lines.append(
            f"parts that only {who} has: {len(mine)}"
            + _named([f"{i} {p}" for i, p in zip(mine["item"], mine["part"], strict=True)], worst)
        )
    for who, points in (("a", found.points_a), ("b", found.points_b)):
        if points:
            lines.append(f"points that only {who} has, not compared: {', '.join(points)}")
    for who, images in (("a", found.photos_a), ("b", found.photos_b)):
        lines.append(f"photos that only {who} has: {len(images)}" + _named(images, worst))
    return "\n".join(lines)


def _named(names: Sequence[str], most: int) -> str:
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f" ({', '.join(names[:most])}{more})" if names and most else ""


def _at(row: dict, name: str) -> tuple[float, float]:
    return row[f"{name}_x"], row[f"{name}_y"]


def _box(row: dict) -> tuple[float, float, float, float]:
    return row["x"], row["y"], row["width"], row["height"]


def _d(row: dict, pair: Sequence[str]) -> float:
    return math.dist(_at(row, pair[0]), _at(row, pair[1])) if len(pair) == 2 else math.nan


def _assign(left: list[dict], right: list[dict], points: Sequence[str], pair: Sequence[str]) -> list[tuple[int, int]]:
    cost = np.array([[_cost(one, other, points, pair) for other in right] for one in left]).reshape(len(left), len(right))
    pairs = zip(*(side.tolist() for side in linear_sum_assignment(cost)), strict=True)
    return [(i, j) for i, j in pairs if cost[i, j] < 2]


def _cost(one: dict, other: dict, points: Sequence[str], pair: Sequence[str]) -> float:
    """Below 1: overlapping boxes; below 2: points less than 10 d apart; else no pair."""
    overlap = iou(_box(one), _box(other))
    if overlap > 0:
        return 1 - overlap
    apart = [math.dist(_at(one, name), _at(other, name)) for name in points]
    apart = [distance for distance in apart if not math.isnan(distance)]
    if not apart or overlap == 0:  # boxes that don't touch are two animals, whatever their points say
        return 2.0
    d = _ruler(one, other, pair)
    return 1 + min(float(np.mean(apart)) / (APART * (1.0 if math.isnan(d) or d == 0 else d)), 1.0)


def _ruler(one: dict, other: dict, pair: Sequence[str]) -> float:
    mine = _d(one, pair)
    return _d(other, pair) if math.isnan(mine) else mine


def _compare(one: dict, other: dict, points: Sequence[str], pair: Sequence[str]) -> dict[str, object]:
    d = _ruler(one, other, pair)
    row: dict[str, object] = {"item_a": one["item"], "item_b": other["item"], "iou": iou(_box(one), _box(other)), "d": d}
    for name in points:
        apart = math.dist(_at(one, name), _at(other, name))
        row |= {
            f"{name}_px": apart,
            f"{name}_d": apart / d if d > 0 else math.nan,
            f"{name}_v_differs": one[f"{name}_v"] != other[f"{name}_v"],
        }
    row["exchanged"] = False
    if len(pair) == 2:
        front, back = pair
        straight = math.dist(_at(one, front), _at(other, front)) + math.dist(_at(one, back), _at(other, back))
        crossed = math.dist(_at(one, front), _at(other, back)) + math.dist(_at(one, back), _at(other, front))
        row["exchanged"] = crossed < straight / 2
    return row
