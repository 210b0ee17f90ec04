"""What readers of other formats share: numbers of an entry, refusals that name it, photos put together to contract 1's table.

A reader turns each photo of its file into a `Photo` in contract 1's pixels; `assemble` joins loose points to boxes, numbers the
animals and keeps where in the file each row stood.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from whichwhale.annotations import animals
from whichwhale.annotations import table as contract

HALF = 0.5  # pixel: from a pixel's upper left edge to its centre
Sizes = Mapping[str, tuple[int, int]]  # photo → (width, height) in pixels, upright


class FormatError(ValueError):
    """A file that can't be read or written in a format; the message names file, entry and what mends it."""


@dataclass(frozen=True)
class Loaded:
    """Contract 1's table, and for each row where it stood in the file that it was read from."""

    table: pd.DataFrame
    entries: list[str]
    notes: tuple[str, ...] = ()  # what was passed over, for whoever reads it


@dataclass
class Photo:
    """One photo of a file on its way, in contract 1's pixels.

    Attributes:
        image: file name without folder.
        where: file and entry, for messages.
        size: (width, height) in pixels, NaN where the file doesn't say.
        rows: dictionaries of contract 1's columns whose `item` is a number (−1: not known); `entry` says where the row stood.
        marks: points whose row the file doesn't tell, by name.
        common: what all rows of the photo have, the row of one with nothing found too.
    """

    image: str
    where: str
    size: tuple[float, float] = (math.nan, math.nan)
    rows: list[animals.Row] = field(default_factory=list)
    marks: list[tuple[str, animals.Mark]] = field(default_factory=list)
    common: animals.Row = field(default_factory=dict)


def assemble(
    path: str | Path, photos: Iterable[Photo], points: Sequence[str] | None = None, declared: Iterable[str] = ()
) -> Loaded:
    """Contract 1's table of photos, each with a row at least; #0 is the largest animal, then that nearest the centre.

    Args:
        path: what was read, for messages.
        points: names to take, in this order; others are left out. None: all that the file has: those `declared`, then the others
            as they first appear.
        declared: names that the file says it has, whether a photo shows them or not.

    Raises:
        FormatError: two photos have the same name; or one of `points` is not there, but one that was not asked for is: a
            name that is spelt otherwise would empty its rows.
    """
    photos = list(photos)
    found = (key for photo in photos for key in [k for row in photo.rows for k in row] + [f"{n}_x" for n, _ in photo.marks])
    names = list(dict.fromkeys([*declared, *(key.removesuffix("_x") for key in found if key.endswith("_x"))]))
    if points is None:
        points = names
    elif (missing := [name for name in points if name not in names]) and set(names) - set(points):
        raise FormatError(f"{path}: has no point {', '.join(missing)}, but {', '.join(names)}")
    known = {f"{name}{suffix}" for name in points for suffix in contract.SUFFIXES}
    rows: list[dict[str, Any]] = []
    entries: list[str] = []
    seen: dict[str, str] = {}
    for photo in photos:
        if photo.image in seen:
            raise FormatError(
                f"{photo.where}: a photo of this name is at {seen[photo.image]} already; contract 1 knows photos by "
                "file name alone: rename one, or put the entries into one"
            )
        seen[photo.image] = photo.where
        parts = [{k: v for k, v in row.items() if k in known or not k.endswith(tuple(contract.SUFFIXES))} for row in photo.rows]
        parts = [row for row in parts if "x" in row or any(key in known for key in row)]
        numbered: set[tuple[int, str]] = set()
        for row in parts:
            key = row["item"], row["part"]
            if key[0] >= 0 and (key in numbered or numbered.add(key)):
                raise FormatError(
                    f"{photo.where}, {row.get('entry', key[1])}: animal {key[0]} has a {key[1]} above; "
                    "give each animal a number of its own"
                )
        for name in points:
            animals.join(parts, name, [mark for own, mark in photo.marks if own == name])
        base = {"Image": photo.image, "photo_width": photo.size[0], "photo_height": photo.size[1]} | photo.common
        for row in animals.number(parts, photo.image, photo.size) or [{"status": "none"}]:
            entries.append(row.pop("entry", row.get("item", photo.image)))
            rows.append(base | row)
    return Loaded(contract.build(rows, points), entries)


def load_json(path: str | Path) -> Any:
    """What a JSON file holds; FormatError if it is missing or no JSON."""
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, IsADirectoryError):
        raise FormatError(f"{path}: the file is missing") from None
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, a number of thousands of digits, lists in lists in lists
        raise FormatError(f"{path}: not JSON ({error}); is the file cut off?") from None


def is_number(value: object) -> bool:
    """Whether something from a JSON file is a number (no bool) that a float can hold."""
    try:
        return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False


def number(value: object, what: str, where: str, above: float = -math.inf) -> float:
    """A finite number (no bool) above `above`, or FormatError that says `what` is none."""
    if not is_number(value):
        raise FormatError(f"{where}: {what} is {value!r:.40}, must be a number")
    if value <= above:
        raise FormatError(f"{where}: {what} is {value!r}, must be above {above:g}; draw it again or take it out")
    return float(value)


def numbers(values: object, count: int, what: str, where: str) -> list[float]:
    """A list of `count` finite numbers, or FormatError."""
    if not isinstance(values, list) or len(values) != count:
        raise FormatError(f"{where}: {what} is {values!r}, must be {count} numbers")
    return [number(value, f"number {i} of {what}", where) for i, value in enumerate(values)]


def base_name(path: str) -> str:
    """A photo's name without folder, whichever way the slashes lean."""
    return re.split(r"[/\\]", path)[-1]


def box(left: float, top: float, right: float, bottom: float) -> dict[str, float]:
    """Contract 1's box from pixel edges (the photo's left edge is 0)."""
    return {"x": left - HALF, "y": top - HALF, "width": right - left, "height": bottom - top}


def named(row: Mapping[str, Any], several: bool) -> int | None:
    """The animal's number where a format without numbers needs it: if the photo has several rows, or its only one is not #0."""
    item = int(str(row["item"]).rpartition("#")[2])
    return item if several or item else None


def found(table: pd.DataFrame) -> list[tuple[dict[str, Any], int, int | None]]:
    """Rows with a part, each with its line in annotations.csv and `named`. Raises AnnotationsError if contract 1 is broken."""
    problems = contract.validate(table)
    if problems:
        raise contract.AnnotationsError("table", problems)
    several = table["Image"].duplicated(keep=False).tolist()
    rows = zip(table.to_dict("records"), several, strict=True)
    return [(row, i + 2, named(row, more)) for i, (row, more) in enumerate(rows) if row["status"] == "ok"]


def points_of(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, tuple[float, float, int]]:
    """The points that a row has: name → (x, y, NAME_v)."""
    return {name: (row[f"{name}_x"], row[f"{name}_y"], row[f"{name}_v"]) for name in names if row[f"{name}_v"] != contract.ABSENT}
