"""Which points and boxes a folder of Sloth files holds: all of them, whatever their names are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whichwhale.annotations.reading import load_json
from whichwhale.annotations.sloth import BOX_FILE, POINT_FILES, Shape, SlothError, read


@dataclass(frozen=True)
class Held:
    """What `from_sloth` is to be told of a folder.

    Attributes:
        points: name → its file, the competition's two first. Plain points are called after their file, others by their class.
        boxes: the file that has rects, slot.json if it is there.
        passed: *.json that are no Sloth files.
    """

    points: dict[str, Path]
    boxes: Path | None
    passed: list[Path]


def look(folder: Path) -> Held:
    """Look through the *.json of a folder.

    Raises:
        SlothError: a file can't be read, or something in it would be lost or taken for something else: plain points in slot.json
            or beside classes of their own, one point in two files, rects in two; names file and photo.
    """
    plain_name = {file: name for name, file in POINT_FILES.items()}
    found: dict[str, tuple[Path, str]] = {}
    boxes: list[tuple[Path, str]] = []
    passed = []
    for file in _json_files(folder):
        if not (file.name in plain_name or file.name == BOX_FILE or is_sloth(file)):
            passed.append(file)
            continue
        photos = read(file)
        own = "" if file.name == BOX_FILE else plain_name.get(file.name, file.stem)
        for name, where in _points(file, photos, own):
            other = found.setdefault(name, (file, where))[0]
            if other != file:
                raise SlothError(f"{where}: a {name}, of which {other.name} has some too; put them into one file")
        rect = next((image for image, shapes in photos.items() if any(shape.kind == "rect" for shape in shapes)), None)
        if rect is not None or file.name == BOX_FILE:
            boxes.append((file, f"{file} ({rect})"))
    boxes.sort(key=lambda one: one[0].name != BOX_FILE)
    if len(boxes) > 1:
        where, holder = boxes[1][1], boxes[0][0].name
        raise SlothError(f"{where}: has a rect, but {holder} holds the boxes; put it there, or the file elsewhere")
    names = [name for name in POINT_FILES if name in found] + [name for name in found if name not in POINT_FILES]
    return Held({name: found[name][0] for name in names}, boxes[0][0] if boxes else None, passed)


def is_sloth(file: Path) -> bool:
    """Whether a JSON file is a list of images as Sloth has it. Raises FormatError if it is no JSON."""
    content = load_json(file)
    return isinstance(content, list) and bool(content) and isinstance(content[0], dict) and "filename" in content[0]


def files_of(folder: Path) -> list[Path]:
    """The Sloth files of a folder, in the order of their names; those that are no JSON are none."""
    return [file for file in _json_files(folder) if _says_sloth(file)]


def _says_sloth(file: Path) -> bool:
    try:
        return is_sloth(file)
    except ValueError:
        return False


def _json_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix.lower() == ".json" and file.is_file())


def _points(file: Path, photos: dict[str, list[Shape]], own: str) -> Iterator[tuple[str, str]]:
    """Names of the points that a file has, each with file and photo of its first; `own`: that of plain ones ('': slot.json)."""
    first: dict[str, str] = {}
    for image, shapes in photos.items():
        for shape in shapes:
            if shape.kind == "point":
                first.setdefault(shape.label, f"{file} ({image})")
    others = [label for label in first if label not in ("point", own)]
    if "point" in first and not own:
        raise SlothError(
            f"{first['point']}: a plain point in the file of boxes has no name; put it into NAME.json, or give it a class of its "
            'own and "type": "point"'
        )
    if "point" in first and others:
        raise SlothError(
            f"{first[others[0]]}: a point of class {others[0]!r} among plain ones; give all a class of their own, or put it into "
            f"{others[0]}.json"
        )
    if own and not others and (first or not any(photos.values())):
        yield own, first.get("point") or first.get(own, str(file))
    else:
        yield from first.items()
