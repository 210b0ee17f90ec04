"""The formats by name: which one a file is in, how it is read to contract 1 and written from it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from whichwhale.annotations import coco, label_studio, labelme, metadata, retinanet, sloth, sloth_folder, yolo
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import FormatError, Loaded, Sizes, load_json
from whichwhale.files import write_text

ONE_FILE = ""  # key of a writer's text that is the target itself


@dataclass(frozen=True)
class Asked:
    """What a format may be told: `points` to take (None: all), photos' `sizes`, Label Studio's `annotator` and `address`."""

    points: Sequence[str] | None = None
    sizes: Sizes | None = None
    annotator: str | None = None
    address: str = label_studio.ADDRESS


@dataclass(frozen=True)
class Format:
    """What it is in words, `read(path, asked)`, `texts(table, asked)`: path in the target → content (None: only read)."""

    what: str
    read: Callable[[Path, Asked], Loaded]
    texts: Callable[[pd.DataFrame, Asked], dict[str, str]] | None = None


def _read_contract(path: Path, asked: Asked) -> Loaded:
    table = contract.read(path)
    if asked.points is not None:
        missing = [name for name in asked.points if name not in contract.point_names(table)]
        if missing:
            raise FormatError(f"{path}: has no point {', '.join(missing)}, but {', '.join(contract.point_names(table))}")
        table = table[contract.columns(asked.points)]
    return Loaded(table, [f"line {i + 2} ({item})" for i, item in enumerate(table["item"])])


def _read_sloth(path: Path, asked: Asked) -> Loaded:
    if path.is_file():
        raise FormatError(f"{path}: one file of several; give the folder that holds {sloth.BOX_FILE} and the points' files")
    held = sloth_folder.look(path)
    names = held.points
    if asked.points is not None:
        names = {name: names.get(name, path / sloth.POINT_FILES.get(name, f"{name}.json")) for name in asked.points}
    if not names and held.boxes is None:
        raise FormatError(f"{path}: has neither {sloth.BOX_FILE} nor {' or '.join(sloth.POINT_FILES.values())}")
    table = sloth.from_sloth(names, held.boxes, asked.sizes)
    entries = [f"{item} {part}" if part != "head" else item for item, part in zip(table["item"], table["part"], strict=True)]
    return Loaded(table, entries, tuple(f"{file}: no Sloth file, passed over" for file in held.passed))


def _read_yolo(path: Path, asked: Asked) -> Loaded:
    if asked.sizes is None:
        raise FormatError(f"{path}: YOLO's numbers are shares of the photo's size; give the photos' folder (--photos) or --sizes")
    return yolo.read(path, asked.sizes, asked.points)


def _contract_text(table: pd.DataFrame) -> dict[str, str]:
    problems = contract.validate(table)
    if problems:
        raise contract.AnnotationsError("table", problems)
    return {ONE_FILE: contract.text(table)}


FORMATS: dict[str, Format] = {
    "contract": Format("annotations.csv, contract 1", _read_contract, lambda table, _: _contract_text(table)),
    "sloth": Format("folder of Sloth files", _read_sloth, lambda table, _: sloth.texts(table)),
    "coco": Format(
        "COCO boxes and key points", lambda p, a: coco.read(p, a.points), lambda table, _: {ONE_FILE: coco.text(table)}
    ),
    "yolo": Format("folder of YOLO labels and data.yaml", _read_yolo, lambda table, _: yolo.texts(table)),
    "label-studio": Format(
        "Label Studio's JSON",
        lambda p, a: label_studio.read(p, a.points, a.annotator),
        lambda table, a: {ONE_FILE: label_studio.text(table, a.address)},
    ),
    "labelme": Format("folder of labelme's JSON", lambda p, a: labelme.read(p, a.points)),
    "retinanet": Format("keras-retinanet's CSV", lambda p, a: retinanet.read(p, a.points)),
    "metadata": Format("the right-whale competitors' metadata.csv", lambda p, a: metadata.read(p, a.points)),
}


def guess(path: Path) -> str:
    """The format that a file or folder is in, by what it holds. Raises FormatError if it looks like none."""
    if path.is_dir():
        if (path / "data.yaml").is_file() or (path / "labels").is_dir():
            return "yolo"
        if any((path / name).is_file() for name in (sloth.BOX_FILE, *sloth.POINT_FILES.values())):
            return "sloth"
        first = next(iter(labelme.files_below(path)), None)
        if first is not None and (kind := guess(first)) in ("labelme", "sloth"):
            return kind
    elif not path.exists():
        raise FormatError(f"{path}: the file is missing")
    elif path.suffix.lower() == ".csv":
        cells = next(csv.reader([path.open(encoding="utf-8-sig", errors="replace").readline()]), [])
        if {"Image", "item"} <= set(cells):
            return "contract"
        if {"Image", *metadata.BOX} <= set(cells):
            return "metadata"
        if len(cells) == 6 and "Image" not in cells:
            return "retinanet"
    elif path.suffix.lower() in (".yaml", ".yml"):
        return "yolo"
    elif path.suffix.lower() == ".json":
        content = load_json(path)
        one = content[0] if isinstance(content, list) and content and isinstance(content[0], dict) else {}
        if isinstance(content, dict) and "shapes" in content:
            return "labelme"
        if isinstance(content, dict) and "images" in content or "category_id" in one:
            return "coco"
        if "data" in one or {"annotation_id", "annotator"} <= set(one):  # JSON-MIN, which its reader refuses
            return "label-studio"
        if "filename" in one:
            return "sloth"
    raise FormatError(
        f"{path}: looks like none of the formats {', '.join(FORMATS)}; say which with --from (or --to, of a target)"
    )


def guess_target(path: Path) -> str:
    """The format that a file or folder yet to be written should have, by what is there or else by its name."""
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        return guess(path)
    if path.suffix.lower() == ".csv":
        return "contract"
    if path.suffix.lower() in (".yaml", ".yml"):
        return "yolo"
    if path.suffix:
        raise FormatError(f"{path}: {path.suffix} may be one of several formats; say which with --to ({', '.join(writable())})")
    return "sloth"


def writable() -> list[str]:
    """Names of the formats that can be written."""
    return [name for name, form in FORMATS.items() if form.texts is not None]


def read(path: str | Path, form: str | None = None, asked: Asked | None = None) -> Loaded:
    """Read a file or folder in the format `form` (None: guessed); photo sizes that it doesn't tell are filled from `asked.sizes`.

    Raises:
        FormatError, SlothError, AnnotationsError: malformed, or what it says breaks contract 1; the message names file, entry and
            fix.
    """
    path, asked = Path(path), asked or Asked()
    loaded = FORMATS[form or guess(path)].read(path, asked)
    if broken := contract.broken_rows(loaded.table):
        more = [f"... and {len(broken) - 20} more"] if len(broken) > 20 else []
        raise FormatError("\n".join([f"{path}, {loaded.entries[row]}: {why}" for row, why in broken[:20]] + more))
    if asked.sizes:
        table = loaded.table.copy()
        for i, side in enumerate(("photo_width", "photo_height")):
            known = table["Image"].map({image: float(size[i]) for image, size in asked.sizes.items()}).astype(float)
            table[side] = table[side].fillna(known)
        loaded = replace(loaded, table=table)
    return loaded


def write(
    path: str | Path, table: pd.DataFrame, form: str | None = None, asked: Asked | None = None, force: bool = False
) -> None:
    """Write a table in the format `form` (None: guessed from the target). What is there already and the same is left alone.

    Raises:
        FormatError: the format can only be read or can't hold the table; the target holds something else, and `force` is not set;
            a folder holds label files of other photos (even with `force`: a trainer would take them in).
        AnnotationsError: the table breaks contract 1.
    """
    path, asked = Path(path), asked or Asked()
    form = form or guess_target(path)
    texts = FORMATS[form].texts
    if texts is None:
        raise FormatError(f"{path}: {FORMATS[form].what} can only be read; write one of {', '.join(writable())}")
    if form == "yolo" and path.suffix in (".yaml", ".yml"):
        path = path.parent
    files = {path / name if name else path: content for name, content in texts(table, asked).items()}
    if path.is_file() and path not in files:
        raise FormatError(f"{path}: is a file, and {FORMATS[form].what} is written to a folder; give another name")
    if path in files and path.is_dir():
        raise FormatError(f"{path}: is a folder, and {FORMATS[form].what} is one file; give its name")
    there = {"yolo": yolo.label_files, "sloth": sloth_folder.files_of}.get(form, lambda _: [])(path)
    if stale := sorted(set(there) - set(files)):
        raise FormatError(
            f"{stale[0]}: would be read with what is written, as would {len(stale) - 1} other files of {path}, and is of "
            "photos or points that the table doesn't have; remove them or write to another folder"
        )
    other = [file for file, content in files.items() if file.exists() and file.read_bytes() != content.encode("utf-8")]
    if other and not force:
        raise FormatError(f"{other[0]}: holds something else already, which is not overwritten; give another name, or --force")
    for file, content in files.items():
        write_text(file, content)
