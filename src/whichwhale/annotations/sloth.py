"""Sloth's JSON at contract 1's door: one file a point (points1.json: bonnet tips), one for boxes (slot.json: heads).

A file is a list of `{"class": "image", "filename": …, "annotations": […]}`; an annotation is `{"class": "point", "x", "y"}` or
`{"class": "rect", "x", "y", "width", "height"}`, or has a class of its own and says `"type": "point"` or `"rect"`.
Sloth draws on a Qt scene where the first pixel reaches from 0 to 1, so its coordinates are half a pixel more than contract 1's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whichwhale.annotations import animals
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import FormatError, is_number, load_json
from whichwhale.files import write_text

POINT_FILES = {"bonnet_tip": "points1.json", "blowhole": "points2.json"}  # any other NAME is NAME.json
BOX_FILE = "slot.json"
HALF = 0.5  # pixel


class SlothError(ValueError):
    """A Sloth file that can't be read; the message names the file and the entry, counted from 0."""


@dataclass(frozen=True)
class Shape:
    """One annotation in Sloth's pixels; a point has no width and height.

    `item` (the animal's number), `part` and `hidden` are not Sloth's: they are written only where a photo has several animals or
    parts, or a point is hidden, which Sloth keeps as it keeps any key, and are −1, '' and False where the file has none.
    """

    kind: str
    label: str
    x: float
    y: float
    width: float = math.nan
    height: float = math.nan
    item: int = -1
    part: str = ""
    hidden: bool = False


def read(path: str | Path) -> dict[str, list[Shape]]:
    """Photo (without folder) → its annotations, in the file's order; a photo without any has an empty list.

    Raises:
        SlothError: missing, not JSON, or an entry that is not as this module's head says; names the entry.
    """
    path = Path(path)
    try:
        entries = load_json(path)
    except FormatError as error:
        raise SlothError(str(error)) from None
    if not isinstance(entries, list):
        raise SlothError(f"{path}: must be a list of images, not {type(entries).__name__}")
    photos: dict[str, list[Shape]] = {}
    for number, entry in enumerate(entries):
        where = f"{path}, entry {number}"
        if not isinstance(entry, dict) or not isinstance(entry.get("filename"), str) or not entry["filename"]:
            raise SlothError(f"{where}: must have a filename")
        image = re.split(r"[/\\]", entry["filename"])[-1]
        where += f" ({image})"
        if entry.get("class", "image") != "image" or not isinstance(entry.get("annotations"), list):
            raise SlothError(f"{where}: must have class 'image' and a list of annotations")
        if image in photos:
            raise SlothError(f"{where}: the photo has an entry above; put its annotations into one")
        photos[image] = [_shape(value, f"{where}, annotation {i}") for i, value in enumerate(entry["annotations"])]
    return photos


def write(path: str | Path, photos: Mapping[str, list[Shape]]) -> None:
    """Write a Sloth file, beside and then renamed, laid out as Sloth does; `read` gives the same back."""
    write_text(path, _text(photos))


def from_sloth(
    points: Mapping[str, str | Path],
    boxes: str | Path | None = None,
    sizes: Mapping[str, tuple[int, int]] | None = None,
) -> pd.DataFrame:
    """Merge Sloth files into contract 1's rows: source `hand`, fold −1, each point visible unless the file says hidden.

    Points and boxes of a photo with several animals are put together by the number that `to_sloth` writes, else so that points
    lie least outside their boxes. #0 is the largest animal, then the one nearest the photo's centre.

    Args:
        points: point name → file; of a file with own classes, those of class NAME (or the plain `point`).
        boxes: file of rects; an own class is the row's part, the plain `rect` is `head`.
        sizes: photo → (width, height) in pixels, upright; a photo that no file lists gets a row with status none.

    Raises:
        SlothError: a file can't be read.
    """
    sizes = sizes or {}
    by_name = {name: read(path) for name, path in points.items()}
    rects = read(boxes) if boxes is not None else {}
    rows: list[dict[str, Any]] = []
    for image in dict.fromkeys([*(i for file in by_name.values() for i in file), *rects, *sizes]):
        width, height = sizes.get(image, (math.nan, math.nan))
        known: dict[str, Any] = {"Image": image, "photo_width": width, "photo_height": height}
        parts = [_box(shape) for shape in rects.get(image, []) if shape.kind == "rect"]
        for name, file in by_name.items():
            mine = [_mark(s) for s in file.get(image, []) if s.kind == "point" and s.label in ("point", name)]
            animals.join(parts, name, mine)
        rows += [known | row for row in animals.number(parts, image, (width, height))] or [known | {"status": "none"}]
    return contract.build(rows, list(points))


def to_sloth(table: pd.DataFrame, folder: str | Path) -> None:
    """Write `texts` of a table into a folder; raises AnnotationsError like it, and nothing is written."""
    for name, content in texts(table).items():
        write_text(Path(folder) / name, content)


def texts(table: pd.DataFrame) -> dict[str, str]:
    """A table as Sloth files: slot.json and one file a point, each with an entry for each photo; file name → content.

    Sloth has no place for score, sd, source, fold and photo size; an unreadable photo reads back as one with nothing found.

    Raises:
        AnnotationsError: the table breaks contract 1.
    """
    problems = contract.validate(table)
    if problems:
        raise contract.AnnotationsError("table", problems)
    names = contract.point_names(table)
    files: dict[str, dict[str, list[Shape]]] = {name: {image: [] for image in table["Image"]} for name in [BOX_FILE, *names]}
    several = table["Image"].duplicated(keep=False)
    for row, mark in zip(table.to_dict("records"), several, strict=True):
        image, part = row["Image"], row["part"]
        mark = mark or not row["item"].endswith("#0")
        item = int(row["item"].rpartition("#")[2]) if mark else -1
        plain = part == "head"
        if not math.isnan(row["x"]):
            x, y, label = row["x"] + HALF, row["y"] + HALF, "rect" if plain else part
            files[BOX_FILE][image].append(Shape("rect", label, x, y, row["width"], row["height"], item))
        for name in names:
            if row[f"{name}_v"] != contract.ABSENT:
                x, y, hidden = row[f"{name}_x"] + HALF, row[f"{name}_y"] + HALF, row[f"{name}_v"] == contract.HIDDEN
                point = Shape("point", "point", x, y, item=item, part="" if plain else part, hidden=hidden)
                files[name][image].append(point)
    return {POINT_FILES.get(name, f"{name}.json") if name != BOX_FILE else name: _text(photos) for name, photos in files.items()}


def _text(photos: Mapping[str, list[Shape]]) -> str:
    entries = [
        {"annotations": [_annotation(shape) for shape in shapes], "class": "image", "filename": image}
        for image, shapes in photos.items()
    ]
    return json.dumps(entries, indent=4, sort_keys=True, allow_nan=False) + "\n"


def _shape(value: object, where: str) -> Shape:
    if not isinstance(value, dict) or not isinstance(value.get("class"), str):
        raise SlothError(f"{where}: must have a class")
    kind = value.get("type", value["class"])
    if kind not in ("point", "rect"):
        raise SlothError(f"{where}: {kind!r} is neither point nor rect; an own class needs a type that is one of them")
    numbers = {}
    for key in ("x", "y", "width", "height")[: 2 if kind == "point" else 4]:
        number = value.get(key)
        if not is_number(number):
            raise SlothError(f"{where}: {key} is {number!r:.40}, must be a number of pixels")
        if key in ("width", "height") and number <= 0:
            raise SlothError(f"{where}: {key} is {number!r}, must be above 0; a rect's x, y is its upper left corner")
        numbers[key] = float(number)
    item, part, hidden = value.get("item", -1), value.get("part", ""), value.get("hidden", False)
    if isinstance(item, bool) or not isinstance(item, int) or not isinstance(part, str) or not isinstance(hidden, bool):
        raise SlothError(f"{where}: item must be a whole number, part a name, hidden true or false")
    return Shape(kind, value["class"], **numbers, item=max(item, -1), part=part, hidden=hidden)


def _annotation(shape: Shape) -> dict[str, Any]:
    value: dict[str, Any] = {"class": shape.label, "x": shape.x, "y": shape.y}
    if shape.kind == "rect":
        value |= {"width": shape.width, "height": shape.height}
    if shape.label != shape.kind:
        value["type"] = shape.kind
    own = {"item": (shape.item, -1), "part": (shape.part, ""), "hidden": (shape.hidden, False)}
    return value | {key: said for key, (said, default) in own.items() if said != default}


def _box(shape: Shape) -> dict[str, Any]:
    """A row with a box, in contract 1's pixels; `item` is still a number."""
    corner = {"x": shape.x - HALF, "y": shape.y - HALF, "width": shape.width, "height": shape.height}
    return {"item": shape.item, "part": "head" if shape.label == "rect" else shape.label} | corner


def _mark(shape: Shape) -> animals.Mark:
    visible = contract.HIDDEN if shape.hidden else contract.VISIBLE
    return animals.Mark(shape.x - HALF, shape.y - HALF, visible, shape.item, shape.part)
