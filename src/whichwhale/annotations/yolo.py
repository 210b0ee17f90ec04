"""YOLO's labels (Ultralytics' layout) at contract 1's door: boxes, and key points (pose).

A folder: `data.yaml` (names: the classes, which are parts; kpt_shape [points, 2 or 3], kpt_names), `images/` and beside it
`labels/` with a text file a photo; a line is `class cx cy width height` and for each point `px py v`. A photo with an empty
file or none shows nothing.

Numbers are shares of the upright photo's width and height, so nothing can be read without its size. They count pixel edges, 0
the photo's left edge, 1 its right one: Ultralytics mirrors boxes and key points alike as x → width − x, which takes edges to
edges (centres would go to width − 1 − x). Contract 1's x is therefore share · width − 1/2. (Its converter takes COCO's key
points without the half pixel.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
import yaml

from whichwhale.annotations import table as contract
from whichwhale.annotations.animals import Row
from whichwhale.annotations.reading import HALF, FormatError, Loaded, Photo, Sizes, assemble, box, found, points_of

TOLERANCE = 0.01  # shares this far outside 0 … 1 are still taken by Ultralytics (verify_image_label); beyond it drops the photo

CLASSES = "classes.txt"  # LabelImg leaves the names of the classes beside the labels; data.yaml says them


def read(path: str | Path, sizes: Sizes, points: Sequence[str] | None = None) -> Loaded:
    """Read labels: source `hand`, fold −1; #0 is the largest box of its part. A sixth number of a line without points is a score.

    Args:
        path: the folder, or its data.yaml.
        sizes: of all photos; one without label file shows nothing.
        points: names, in the order of the columns, where data.yaml has none; otherwise those to take.

    Raises:
        FormatError: data.yaml or a line is malformed, or a label's photo has no size; names file and line.
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    settings = Path(path) if Path(path).is_file() else folder / "data.yaml"
    parts, names, dims = _settings(settings, points)
    by_stem: dict[str, str] = {}
    for image in sizes:
        stem = PurePath(image).stem
        if stem in by_stem:
            raise FormatError(f"{settings}: {by_stem[stem]} and {image} would have the same label file; rename one photo")
        by_stem[stem] = image
    files = label_files(folder)
    if not files:
        raise FormatError(
            f"{folder / 'labels'}: has no label files (*.txt); is {folder} the folder that holds data.yaml and labels/?"
        )
    photos = {}
    for file in files:
        if file.stem not in by_stem:
            raise FormatError(
                f"{file}: no size is known of a photo {file.stem}.*, and YOLO's numbers are shares of it; "
                "give the photos' folder (--photos) or a table of sizes (--sizes)"
            )
        image = by_stem[file.stem]
        if image in photos:
            raise FormatError(f"{file}: {image} has another label file; put the lines into one")
        photo = photos[image] = Photo(image, str(file), sizes[image])
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise FormatError(f"{file}: not a text file ({error})") from None
        for line, content in enumerate(lines, 1):
            if content.strip():
                row = _row(content.split(), parts, names, dims, sizes[image], f"{file}, line {line}")
                photo.rows.append(row | {"entry": f"{file.name}, line {line}"})
    rest = (Photo(image, image, sizes[image]) for image in sizes if image not in photos)
    return assemble(path, [*photos.values(), *rest], points, (name for own in names.values() for name in own))


def label_files(folder: Path) -> list[Path]:
    """The label files of a folder, without LabelImg's list of classes."""
    found = (folder / "labels").rglob("*")
    return sorted(file for file in found if file.suffix.lower() == ".txt" and file.name != CLASSES and file.is_file())


def texts(table: pd.DataFrame) -> dict[str, str]:
    """The table as label files and data.yaml: path in the folder → content. With point names in the table each line has them.

    YOLO has no place for score, sd, source, fold, the photo's size, and the animals' numbers (it is read back by size of boxes).

    Raises:
        AnnotationsError: the table breaks contract 1.
        FormatError: a row without box, a photo without size, or numbers for which Ultralytics would drop the photo; names lines.
    """
    rows, names = found(table), contract.point_names(table)
    parts = list(dict.fromkeys([row["part"] for row, _, _ in rows])) or ["head"]
    files: dict[str, list[str]] = {}
    stems: dict[str, str] = {}
    for image in dict.fromkeys(table["Image"]):
        stem = PurePath(image).stem
        if stem in stems:
            raise FormatError(f"{stems[stem]} and {image} would have the same label file; rename one photo")
        stems[stem] = image
        files[f"labels/{stem}.txt"] = []
    problems = []
    for row, line, _ in rows:
        where, (width, height) = f"line {line} ({row['item']})", (row["photo_width"], row["photo_height"])
        if math.isnan(width) or math.isnan(height):
            problems.append(f"{where}: the photo's size is not known; give --photos or --sizes")
            continue
        if math.isnan(row["x"]):
            problems.append(f"{where}: has no box, and YOLO keeps points only with one; draw a box around them")
            continue
        shares = [(row["x"] + HALF + row["width"] / 2) / width, (row["y"] + HALF + row["height"] / 2) / height]
        shares += [row["width"] / width, row["height"] / height]
        present = points_of(row, names)
        values: list[str] = []
        for name in names:
            x, y, v = present.get(name, (-HALF, -HALF, contract.ABSENT))
            shares += [(x + HALF) / width, (y + HALF) / height]
            values += [repr(float(share)) for share in shares[-2:]] + [str(v)]
        if min(shares) < -TOLERANCE or max(shares) > 1 + TOLERANCE:
            problems.append(
                f"{where}: box or point lies outside the photo, for which YOLO drops the photo; see `check`, cut the box "
                "to the photo and take out the point"
            )
        values = [str(parts.index(row["part"])), *(repr(float(share)) for share in shares[:4]), *values]
        files[f"labels/{PurePath(row['Image']).stem}.txt"].append(" ".join(values) + "\n")
    if problems:
        more = [f"... and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise FormatError("\n".join(problems[:20] + more))
    # without `path`, which Ultralytics would take from where it is started: images lie beside data.yaml
    settings: dict[str, Any] = {"train": "images", "val": "images", "names": dict(enumerate(parts))}
    if names:
        settings |= {"kpt_shape": [len(names), 3], "flip_idx": [names.index(_mirrored(name, names)) for name in names]}
        settings["kpt_names"] = {i: list(names) for i in range(len(parts))}
    return {"data.yaml": yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)} | {
        k: "".join(v) for k, v in files.items()
    }


def _mirrored(name: str, names: Sequence[str]) -> str:
    """The point that a mirror image shows in a point's place: the other side's, or itself."""
    other = name.replace("left", "\0").replace("right", "left").replace("\0", "right")
    return other if other in names else name


def _settings(path: Path, points: Sequence[str] | None) -> tuple[dict[int, str], dict[int, list[str]], int]:
    """Class → part, class → names of its points, and numbers a point (0: no points)."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise FormatError(f"{path}: the file is missing; it names the classes: write `names: {{0: head}}`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not YAML ({error})") from None
    names = content.get("names") if isinstance(content, dict) else None
    names = dict(enumerate(names)) if isinstance(names, list) else names
    if (
        not isinstance(names, dict)
        or not names
        or not all(isinstance(k, int) and isinstance(v, str) and v for k, v in names.items())
    ):
        raise FormatError(f"{path}: names is {names!r}, must be the classes' names: a list, or numbers and names")
    shape = content.get("kpt_shape")
    if shape is None:
        return names, {k: [] for k in names}, 0
    if (
        not isinstance(shape, list)
        or len(shape) != 2
        or not all(isinstance(n, int) for n in shape)
        or shape[0] < 1
        or shape[1] not in (2, 3)
    ):
        raise FormatError(f"{path}: kpt_shape is {shape!r}, must be [number of points, 2 or 3]")
    own = content.get("kpt_names")
    if own is None:
        if points is None or len(points) != shape[0]:
            raise FormatError(
                f"{path}: has no kpt_names for its {shape[0]} points; add them, or give the names in order (--points)"
            )
        return names, {k: list(points) for k in names}, shape[1]
    own = {k: own for k in names} if isinstance(own, list) else own
    for k in names:
        listed = own.get(k) if isinstance(own, dict) else None
        if not isinstance(listed, list) or len(listed) != shape[0] or not all(isinstance(n, str) and n for n in listed):
            raise FormatError(f"{path}: kpt_names of class {k} ({names[k]}) is {listed!r}, must be {shape[0]} names")
        if len(set(listed)) < len(listed):
            raise FormatError(f"{path}: kpt_names of class {k} ({names[k]}) has a name twice: {', '.join(listed)}")
    return names, own, shape[1]


def _row(
    cells: list[str], parts: dict[int, str], names: dict[int, list[str]], dims: int, size: tuple[int, int], where: str
) -> Row:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        bad = next(cell for cell in cells if not _is_number(cell))
        raise FormatError(f"{where}: {bad!r} is no number") from None
    if not all(map(math.isfinite, values)):
        raise FormatError(f"{where}: has a number that is not finite")
    if values[0] not in parts:
        raise FormatError(f"{where}: class {cells[0]} is not among data.yaml's names; add it there")
    listed = names[int(values[0])]
    expected = 5 + dims * len(listed)
    if len(values) != expected and not (len(values) == 6 and not listed):
        shape = (
            f"class, cx, cy, width, height and {dims} for each of {len(listed)} points"
            if listed
            else "class, cx, cy, width, height"
        )
        hint = "; polygons can't be read, draw boxes" if not listed and len(values) > 6 and len(values) % 2 else ""
        raise FormatError(f"{where}: has {len(values)} numbers, must have {expected}: {shape}{hint}")
    width, height = size
    cx, cy, w, h = values[1] * width, values[2] * height, values[3] * width, values[4] * height
    if not (w > 0 and h > 0):
        raise FormatError(f"{where}: the box is {values[3]:g} by {values[4]:g} of the photo, must be above 0; draw it again")
    beyond = [value for value in values[1:5] if abs(value) > 2]
    if beyond:
        raise FormatError(f"{where}: {beyond[0]:g} is no share of the photo (0 to 1); are these pixels? divide by its size")
    row: Row = {"item": -1, "part": parts[int(values[0])]} | box(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)
    row |= {"width": w, "height": h}
    if len(values) == 6 and not listed:
        row["score"] = values[5]
    for i, name in enumerate(listed):
        x, y, *v = values[5 + dims * i : 5 + dims * (i + 1)]
        seen = v[0] if v else (contract.ABSENT if x < 0 or y < 0 else contract.VISIBLE)
        if seen not in (0, 1, 2):
            raise FormatError(f"{where}: {name} has v = {seen:g}, must be 0 (absent), 1 (hidden) or 2 (visible)")
        if seen:
            row |= {f"{name}_x": x * width - HALF, f"{name}_y": y * height - HALF, f"{name}_v": int(seen)}
    return row


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
