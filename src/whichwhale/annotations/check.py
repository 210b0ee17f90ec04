"""What is wrong, or looks wrong, in annotations: points and boxes off the photo, swapped points, absurd d, doubles, EXIF."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import swapped
from whichwhale.annotations import table as contract
from whichwhale.annotations.agree import iou
from whichwhale.annotations.findings import ERROR, WARNING, Finding
from whichwhale.annotations.reading import HALF, Loaded

Box = tuple[float, float, float, float]  # contract 1's x, y, width, height

TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
A_PIXEL = 1.0  # what rounding at some tool's door may cost
BESIDE_BOX = 0.05  # of the box's longer side: further out a point is no careless box, but a wrong point or another animal's box
ABSURD = 6.0  # robust standard deviations of log d; were it normal, one in a million would lie beyond 4.9
ODD = 4.5
FEWEST = 20  # values from which on a median and a spread are taken
SWAPPED = 20.0  # times as many photos lean the other way
TWICE = 0.8  # IoU of two boxes of one part: one animal drawn twice
SAME = 1e-6  # pixels


class Upright(NamedTuple):
    """A photo's header: (width, height) of the upright photo in pixels, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int = 1


def check(
    loaded: Loaded, photos: Mapping[str, Upright] | None = None, pair: Sequence[str] | None = None, part: str = "head"
) -> list[Finding]:
    """All findings of a table, in its order.

    Args:
        loaded: contract 1's table and its rows' places in the file.
        photos: headers of the photos that are there; the others' sizes are believed.
        pair: the two points between which d lies, the front one first; None: the table's first two, or none.
        part: the part that has these points.
    """
    table = loaded.table
    names = contract.point_names(table)
    pair = tuple(pair) if pair is not None else tuple(names[:2])
    unknown = [name for name in pair if name not in names]
    if unknown or len(pair) not in (0, 1, 2):
        raise ValueError(f"pair is {', '.join(pair)}; must be two of the table's points {', '.join(names)}")
    pair = pair if len(pair) == 2 else ()
    sizes = _sizes(table, photos or {})
    findings: list[tuple[int, Finding]] = []
    for i, row in enumerate(table.to_dict("records")):
        for level, kind, what, fix in _row(row, names, sizes[i], (photos or {}).get(row["Image"]), pair, part):
            findings.append((i, Finding(level, kind, row["Image"], loaded.entries[i], what, fix)))
    for many in (_photo_findings, _copied, _distances, _swapped):
        for i, level, kind, what, fix in many(table, loaded.entries, pair, part):
            findings.append((i, Finding(level, kind, table["Image"].iloc[i], loaded.entries[i], what, fix)))
    listed = set(table["Image"])
    more = [
        Finding(WARNING, "no entry", image, image, "the photo has none", "mark it, or give it one with nothing found")
        for image in photos or {}
        if image not in listed
    ]
    return [finding for _, finding in sorted(findings, key=lambda one: one[0])] + more


def swap_power(table: pd.DataFrame, pair: Sequence[str] | None = None, part: str = "head") -> float:
    """Share of exchanged pairs of points that the lean of these boxes would tell; NaN where they can't be asked."""
    pair = tuple(pair) if pair is not None else tuple(contract.point_names(table)[:2])
    return swapped.power(swapped.lean(*_geometry(table, pair, part)), SWAPPED) if len(pair) == 2 else math.nan


def _sizes(table: pd.DataFrame, photos: Mapping[str, Upright]) -> list[tuple[float, float]]:
    """(width, height) of each row's photo: of its header, else as the row says, else NaN."""
    told = zip(table["Image"], table["photo_width"], table["photo_height"], strict=True)
    return [photos[image][:2] if image in photos else (width, height) for image, width, height in told]


def _row(row: dict, names: Sequence[str], size: tuple[float, float], photo: Upright | None, pair: Sequence[str], part: str):
    """Findings of a row by itself: (level, kind, what, fix)."""
    if row["status"] != "ok":
        if row["status"] == "unreadable":
            yield WARNING, "unreadable", "the photo could not be read", "fetch it again"
        else:
            yield WARNING, f"no {part}", "nothing is marked in the photo", f"mark the {part}, or leave it if there is none"
        return
    points = {name: (row[f"{name}_x"], row[f"{name}_y"]) for name in names if row[f"{name}_v"] != contract.ABSENT}
    box = (row["x"], row["y"], row["width"], row["height"]) if not math.isnan(row["x"]) else None
    outside = [name for name, at in points.items() if _beyond(at, size) > 0]
    leaves = _leaves(box, size) if box else 0.0
    if photo is not None:
        told = row["photo_width"], row["photo_height"]
        stored = (photo.height, photo.width) if photo.orientation in TURNED else (photo.width, photo.height)
        turn = "turn the points and boxes as EXIF turns the photo, or mark the upright photo again"
        unsaid = any(map(math.isnan, told))
        if not unsaid and told != size:
            outside, leaves = [], 0.0  # of another frame
            given, there = f"{told[0]:g} x {told[1]:g}", f"{size[0]} x {size[1]}"
            if told == stored:
                yield (
                    ERROR,
                    "exif rotation",
                    f"the size {given} is that of the photo before its EXIF rotation ({photo.orientation}; "
                    f"upright it is {there})",
                    turn,
                )
            else:
                yield (
                    ERROR,
                    "photo size",
                    f"the entry says {given}, the photo is {there}",
                    "mark this photo again, or put the right one there",
                )
        elif unsaid and photo.orientation in TURNED and (outside or leaves > A_PIXEL) and _fits(box, points, stored):
            yield (
                ERROR,
                "exif rotation",
                f"box or points leave the upright photo ({size[0]} x {size[1]}), but would lie within it before "
                f"its EXIF rotation ({photo.orientation})",
                turn,
            )
            outside, leaves = [], 0.0
        elif unsaid and photo.orientation != 1:
            yield (
                WARNING,
                "exif rotation",
                f"EXIF turns the photo ({photo.orientation}), and the entry doesn't say which it was marked in",
                "look whether the marks lie on the animal in the upright photo",
            )
    for name in outside:
        x, y = points[name]
        yield (
            ERROR,
            "point outside photo",
            f"{name} ({x:.1f}, {y:.1f}) lies {_beyond((x, y), size):.1f} px outside the photo ({size[0]:g} x {size[1]:g})",
            "move it onto the animal, or take it out if that end is not in the photo",
        )
    if leaves > 0:
        level = ERROR if leaves > A_PIXEL else WARNING
        left, top = max(box[0], -HALF), max(box[1], -HALF)
        right, bottom = min(box[0] + box[2], size[0] - HALF), min(box[1] + box[3], size[1] - HALF)
        cut = (
            f"cut it to x={left:g}, y={top:g}, width={right - left:g}, height={bottom - top:g}"
            if right > left and bottom > top
            else "remove it"
        )
        yield (
            level,
            "box leaves photo",
            f"the {row['part']} box leaves the photo{_told(size)} by {leaves:.1f} px",
            cut,
        )
    if box:
        for name, at in points.items():
            if name in outside:
                continue
            away = _away(at, box)
            if away > 0:
                level = ERROR if away > BESIDE_BOX * max(box[2:]) else WARNING
                yield (
                    level,
                    "point outside box",
                    f"{name} ({at[0]:.1f}, {at[1]:.1f}) lies {away:.1f} px outside the {row['part']} box, "
                    f"{away / max(box[2:]):.0%} of its longer side",
                    "move the point, or draw the box around it",
                )
    if row["part"] == part:
        missing = [name for name in pair if name not in points]
        if missing:
            yield WARNING, "no point", f"{' and '.join(missing)} not marked", "mark it, as hidden if water or spray cover it"
        if box is None and points:
            yield WARNING, "no box", f"the {part} has points but no box", "draw it"


def _photo_findings(table: pd.DataFrame, entries: list[str], pair: Sequence[str], part: str):
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
                    if a and b and _away(a, other) == 0 < _away(a, mine) and _away(b, mine) == 0 < _away(b, other):
                        yield (
                            i,
                            ERROR,
                            "swapped",
                            f"{name} lies in the box of {entries[j]}, and that one's in this box",
                            "exchange them",
                        )


def _copied(table: pd.DataFrame, entries: list[str], pair: Sequence[str], part: str):
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


def _distances(table: pd.DataFrame, entries: list[str], pair: Sequence[str], part: str):
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


def _swapped(table: pd.DataFrame, entries: list[str], pair: Sequence[str], part: str):
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


def _told(size: tuple[float, float]) -> str:
    return "" if any(map(math.isnan, size)) else f" ({size[0]:g} x {size[1]:g})"


def _beyond(at: tuple[float, float], size: tuple[float, float]) -> float:
    """Pixels by which a point lies outside the photo (whose pixels' centres are integers), 0 if within or the size is unknown."""
    sides = [value for x, side in zip(at, size, strict=True) for value in (-HALF - x, x - side + HALF)]
    return max((value for value in sides if value > 0), default=0.0)


def _leaves(box: Box, size: tuple[float, float]) -> float:
    return max(_beyond((box[0], box[1]), size), _beyond((box[0] + box[2], box[1] + box[3]), size))


def _away(at: tuple[float, float], box: Box) -> float:
    """Pixels from a point to a box, 0 within."""
    return math.hypot(max(box[0] - at[0], at[0] - box[0] - box[2], 0), max(box[1] - at[1], at[1] - box[1] - box[3], 0))


def _fits(box: Box | None, points: Mapping[str, tuple[float, float]], size: tuple[float, float]) -> bool:
    return (box is None or _leaves(box, size) <= A_PIXEL) and all(_beyond(at, size) == 0 for at in points.values())


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
