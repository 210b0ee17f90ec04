"""The right-whale competitors' table of heads at contract 1's door, to read: one line a photo, `metadata.csv`.

Columns Image, bbox1_x, bbox1_y (upper left corner), bbox2_x, bbox2_y (lower right), bonnet_x, bonnet_y, blowhead_x, blowhead_y,
height, width; others are passed over. Cells of a box or a point may be empty together.

Pixels. The numbers are those of Sloth's files (`sloth.py`), rounded to 1/100, so they count pixel edges: half a pixel more than
contract 1.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from whichwhale.annotations import animals
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import HALF, FormatError, Loaded, Photo, assemble, box

BOX = ("bbox1_x", "bbox1_y", "bbox2_x", "bbox2_y")
POINTS = {"bonnet_tip": "bonnet", "blowhole": "blowhead"}


def read(path: str | Path, points: Sequence[str] | None = None) -> Loaded:
    """Read heads with their points: source `hand`, fold −1.

    Raises:
        FormatError: missing, a column is missing, or a line is malformed; names it.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        raise FormatError(f"{path}: the file is missing") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a CSV table ({error})") from None
    reader = csv.DictReader(lines)
    needed = ["Image", *BOX, *(f"{name}_{axis}" for name in POINTS.values() for axis in "xy")]
    missing = [name for name in needed if name not in (reader.fieldnames or [])]
    if missing:
        raise FormatError(f"{path}: has no column {', '.join(missing)}")
    photos = [_photo(cells, f"{path}, line {reader.line_num}", reader.line_num) for cells in reader]
    return assemble(path, photos, points, POINTS)


def _photo(cells: dict[str, str], where: str, line: int) -> Photo:
    if not cells["Image"]:
        raise FormatError(f"{where}: Image is empty")
    where += f" ({cells['Image']})"
    size = _numbers(cells, ("width", "height"), where) if {"width", "height"} <= cells.keys() else None
    photo = Photo(cells["Image"], where, (size[0], size[1]) if size else (math.nan, math.nan))
    row: animals.Row = {"item": -1, "part": "head", "entry": f"line {line} ({cells['Image']})"}
    corners = _numbers(cells, BOX, where)
    if corners is not None:
        if corners[2] <= corners[0] or corners[3] <= corners[1]:
            raise FormatError(f"{where}: bbox2 must lie right of and below bbox1; exchange them or draw the box again")
        row |= box(*corners)
    for name, short in POINTS.items():
        at = _numbers(cells, (f"{short}_x", f"{short}_y"), where)
        if at is not None:
            animals.put(row, name, animals.Mark(at[0] - HALF, at[1] - HALF, contract.VISIBLE))
    if len(row) > 3:
        photo.rows.append(row)
    return photo


def _numbers(cells: dict[str, str], names: Sequence[str], where: str) -> list[float] | None:
    """The cells' numbers, None if all are empty."""
    if not any(cells[name] for name in names):
        return None
    values = []
    for name in names:
        try:
            values.append(float(cells[name]))
        except (TypeError, ValueError):
            raise FormatError(
                f"{where}, column {name}: {cells[name]!r} is no number; fill it, or empty {', '.join(names)}"
            ) from None
        if not math.isfinite(values[-1]):
            raise FormatError(f"{where}, column {name}: {cells[name]!r} is not finite")
    return values
