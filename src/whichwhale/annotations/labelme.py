"""labelme's JSON at contract 1's door, to read: one file a photo; rectangles are parts, points are points.

An object with imagePath, imageWidth, imageHeight and `shapes`: label, shape_type, points [[x, y], …], group_id, flags. A
rectangle has two opposite corners, whichever; of a polygon or an oriented rectangle the least level box is taken. Shapes of one
group_id are one animal. A point with a flag `hidden` or `occluded` is hidden.

Pixels. Coordinates are those of a Qt canvas on which the picture lies with its first pixel from 0 to 1, so they count pixel
edges, half a pixel more than contract 1; the picture is turned by its EXIF orientation first (`apply_exif_orientation`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from whichwhale.annotations import animals
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import HALF, FormatError, Loaded, Photo, assemble, base_name, box, load_json, number, numbers

CORNERS = {"rectangle": 2, "polygon": 3, "oriented_rectangle": 4}  # of each shape that has a box; of a polygon at least
HIDDEN_FLAGS = ("hidden", "occluded")


def read(path: str | Path, points: Sequence[str] | None = None) -> Loaded:
    """Read a file, or all *.json of a folder and below it: source `hand`, fold −1.

    Args:
        points: names to take; None: all points' labels, as they first appear.

    Raises:
        FormatError: no labelme file, or a shape that can be neither part nor point; names file and shape.
    """
    path = Path(path)
    files = files_below(path) if path.is_dir() else [path]
    if not files:
        raise FormatError(f"{path}: the folder has no *.json")
    return assemble(path, [_photo(file) for file in files], points)


def files_below(folder: Path) -> list[Path]:
    """The *.json of a folder and of those below it."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".json" and file.is_file())


def _photo(file: Path) -> Photo:
    content = load_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise FormatError(f"{file}: must be an object with a list of shapes, as labelme saves it")
    if not isinstance(content.get("imagePath"), str) or not content["imagePath"]:
        raise FormatError(f"{file}: must have an imagePath, the photo's name")
    image = base_name(content["imagePath"])
    size = [math.nan if content.get(k) is None else number(content[k], k, f"{file}", 0) for k in ("imageWidth", "imageHeight")]
    photo = Photo(image, f"{file} ({image})", (size[0], size[1]))
    groups: dict[int | None, list[animals.Row]] = {}
    points: dict[int | None, list[tuple[str, animals.Mark, str]]] = {}
    for i, shape in enumerate(content["shapes"]):
        where = f"{file}, shape {i}"
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str) or not shape["label"]:
            raise FormatError(f"{where}: must have a label, the part's or the point's name")
        label, kind, group = shape["label"], shape.get("shape_type") or "polygon", shape.get("group_id")
        where += f" ({label})"
        if group is not None and (isinstance(group, bool) or not isinstance(group, int)):
            raise FormatError(f"{where}: group_id is {group!r}, must be a whole number or null")
        listed = shape.get("points")
        at = [numbers(p, 2, f"point {n}", where) for n, p in enumerate(listed)] if isinstance(listed, list) else []
        if kind == "point":
            if len(at) != 1:
                raise FormatError(f"{where}: has {len(at)} points, must have one")
            flags = shape.get("flags") or {}
            hidden = isinstance(flags, dict) and any(flags.get(flag) for flag in HIDDEN_FLAGS)
            mark = animals.Mark(at[0][0] - HALF, at[0][1] - HALF, contract.HIDDEN if hidden else contract.VISIBLE)
            points.setdefault(group, []).append((label, mark, where))
        elif kind in CORNERS:
            if len(at) < CORNERS[kind] or (kind != "polygon" and len(at) > CORNERS[kind]):
                raise FormatError(
                    f"{where}: a {kind} with {len(at)} corners; must have {CORNERS[kind]}{' or more' * (kind == 'polygon')}"
                )
            xs, ys = zip(*at, strict=True)
            if not (max(xs) > min(xs) and max(ys) > min(ys)):
                raise FormatError(f"{where}: the {kind} has no area; draw it again or remove it")
            row = {"item": -1, "part": label, "entry": f"{file.name}, shape {i} ({label})"}
            groups.setdefault(group, []).append(row | box(min(xs), min(ys), max(xs), max(ys)))
        else:
            raise FormatError(f"{where}: a {kind} is neither part nor point; draw a rectangle, a polygon or a point")
    for group, marks in points.items():
        own = groups.setdefault(group, [])
        for name in dict.fromkeys(name for name, _, _ in marks):
            mine = [mark for other, mark, _ in marks if other == name]
            if group is None:
                photo.marks += [(name, mark) for mark in mine]
            elif len(mine) > 1:
                where = [where for other, _, where in marks if other == name][1]
                raise FormatError(f"{where}: group {group} has another point of this name; give each animal a group of its own")
            else:
                animals.join(own, name, mine)
    together = [rows for group, rows in groups.items() if group is not None]
    if together:  # heads without a group are animals too, and may be larger
        together += [[row] for row in groups.get(None, []) if row["part"] == "head"]
    # the animals' numbers: largest head first (or largest part, of one without head)
    order = sorted(together, key=lambda rows: max((row["part"] == "head", _area(row)) for row in rows))
    for k, rows in enumerate(reversed(order)):
        for row in rows:
            twice = [other for other in rows if other["part"] == row["part"]]
            row["item"] = k if len(twice) == 1 or row is max(twice, key=_area) else -1
    photo.rows = [row for rows in groups.values() for row in rows]
    return photo


def _area(row: animals.Row) -> float:
    return row.get("width", 0.0) * row.get("height", 0.0)
