"""keras-retinanet's CSV at contract 1's door, to read: a line a box, `path/w_1.jpg,x1,y1,x2,y2,class`; a class is a part.

A photo with nothing has one line `path/w_1.jpg,,,,,`. There is no header, and there are no points.

Pixels. Corners count pixel edges, half a pixel more than contract 1, and a box is x2 − x1 wide: the package refuses x2 ≤ x1 and
lays its anchors about (k + 1/2) · stride (`utils/anchors.py`, shift), the middle of a cell that begins at the edge k · stride.
Files that were made from Pascal VOC's (first pixel 1, both corners' pixels inside) have had 1 subtracted from both corners and
are half a pixel to one pixel short at right and below; nothing in the file tells.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from whichwhale.annotations.reading import FormatError, Loaded, Photo, assemble, base_name, box, number


def read(path: str | Path, points: Sequence[str] | None = None) -> Loaded:
    """Read boxes: source `hand`, fold −1; #0 is the largest box of its part. `points` makes (empty) columns.

    Raises:
        FormatError: missing, or a line that is malformed; names it.
    """
    path = Path(path)
    photos: dict[str, Photo] = {}
    paths: dict[str, str] = {}
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (FileNotFoundError, IsADirectoryError):
        raise FormatError(f"{path}: the file is missing") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a CSV table ({error})") from None
    for line, cells in enumerate(lines, 1):
        where = f"{path}, line {line}"
        cells = [cell.strip() for cell in cells]
        if not cells:
            continue
        if len(cells) != 6 or not cells[0]:
            raise FormatError(
                f"{where}: has {len(cells)} cells, must be path,x1,y1,x2,y2,class, or path,,,,, for a photo without any"
            )
        image = base_name(cells[0])
        if paths.setdefault(image, cells[0]) != cells[0]:
            raise FormatError(
                f"{where}: {cells[0]} and {paths[image]} have one file name, by which contract 1 knows photos; rename one"
            )
        photo = photos.setdefault(image, Photo(image, where))
        if not any(cells[1:]):
            continue
        left, top, right, bottom = (
            number(_float(cell), what, where) for cell, what in zip(cells[1:5], ("x1", "y1", "x2", "y2"), strict=True)
        )
        for less, more, axis in ((left, right, "x"), (top, bottom, "y")):
            if more <= less:
                raise FormatError(
                    f"{where}: {axis}2 is {more:g}, must be above {axis}1 = {less:g}; exchange them or draw the box again"
                )
        if not cells[5]:
            raise FormatError(f"{where}: the box has no class; name its part")
        photo.rows.append({"item": -1, "part": cells[5], "entry": f"line {line}"} | box(left, top, right, bottom))
    return assemble(path, photos.values(), points)


def _float(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
