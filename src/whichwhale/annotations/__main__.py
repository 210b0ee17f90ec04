"""Annotations from one format to another, looked through, and held against each other.

Formats: contract (annotations.csv), sloth, coco, yolo, label-studio; to read alone: labelme, retinanet, metadata. Which one a
file is in is guessed by what it holds. docs/annotations.md has a table of them.

examples:
  python -m whichwhale.annotations convert input/right_whale_annotations input/right_whale/annotations.csv
  python -m whichwhale.annotations convert runs/survey/aligner/annotations.csv to_look_at_in_sloth
  python -m whichwhale.annotations convert export.json annotations.csv --annotator anna@example.org
  python -m whichwhale.annotations convert annotations.csv tasks.json --to label-studio --photos input/right_whale/imgs
  python -m whichwhale.annotations convert yolo_folder annotations.csv --photos yolo_folder/images
  python -m whichwhale.annotations check annotations.csv --photos input/right_whale/imgs --csv findings.csv
  python -m whichwhale.annotations agree anna.csv ben.json --csv pairs.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from pathlib import Path

import numpy as np

from whichwhale.annotations import agree, check, faults, findings, formats, label_studio, outliers
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import FormatError, Loaded
from whichwhale.annotations.same_photos import refuse_other_sizes
from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition.photos import SUFFIXES, PhotoError, header  # the door's alone: no format opens photos
from whichwhale.files import write_text


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 `check` found errors, 2 the command can't be carried out."""
    options = _parser().parse_args(arguments)
    return carried_out({"convert": _convert, "check": _check, "agree": _agree}[options.command], options)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m whichwhale.annotations", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser("convert", help="from one format to another")
    convert.add_argument("source", type=Path, metavar="IN", help="file or folder")
    convert.add_argument(
        "target", type=Path, metavar="OUT", help="*.csv: annotations.csv; a folder: Sloth files; others need --to"
    )
    convert.add_argument("--from", dest="form", choices=formats.FORMATS, help="IN's format (default: guessed)")
    convert.add_argument("--to", choices=formats.writable(), help="OUT's format (default: guessed)")
    convert.add_argument("--boxes", action="store_true", help="leave out points, and parts without box")
    convert.add_argument(
        "--url", default=label_studio.ADDRESS, metavar="PREFIX", help="Label Studio: address before a photo's name"
    )
    convert.add_argument("--force", action="store_true", help="overwrite what OUT holds")
    look = commands.add_parser("check", help="what is wrong, a line each; exit code 1 if there are errors")
    look.add_argument("source", type=Path, metavar="IN", help="file or folder")
    look.add_argument("--from", dest="form", choices=formats.FORMATS, help="IN's format (default: guessed)")
    look.add_argument("--part", default="head", help="part that the points belong to (default: head)")
    hold = commands.add_parser("agree", help="two annotators, or an annotator and a run, held against each other")
    hold.add_argument("source", type=Path, metavar="A", help="file or folder; the rule: d is its")
    hold.add_argument("other", type=Path, metavar="B", help="file or folder")
    hold.add_argument("--from", dest="form", choices=formats.FORMATS, help="A's format (default: guessed)")
    hold.add_argument("--other-from", choices=formats.FORMATS, help="B's format (default: guessed)")
    hold.add_argument("--other-annotator", metavar="WHO", help="as --annotator, of B (default: the same)")
    hold.add_argument("--worst", type=int, default=10, metavar="N", help="worst cases to list (default: 10)")
    for command in (look, hold):
        command.add_argument(
            "--pair", nargs=2, metavar="NAME", help="points between which d lies, front one first (default: the first two)"
        )
        command.add_argument("--json", type=Path, metavar="FILE", help="write it as JSON too")
        command.add_argument("--csv", type=Path, metavar="FILE", help="write it as CSV too")
    for command in (convert, look, hold):
        command.add_argument(
            "--points", nargs="+", metavar="NAME", help="points to take (default: all; of YOLO without names: theirs)"
        )
        command.add_argument("--annotator", metavar="WHO", help="Label Studio: whose annotation, where a task has several")
        command.add_argument(
            "--photos", type=Path, metavar="DIR", help="the photos: their sizes (and EXIF) are read from the headers"
        )
        command.add_argument("--sizes", type=Path, metavar="CSV", help="table with Image, width, height of the upright photos")
    return parser


def _convert(options: argparse.Namespace) -> int:
    loaded, headers = _read(options, options.source, options.form)
    table = loaded.table
    for i, (image, *told) in enumerate(zip(table["Image"], table["photo_width"], table["photo_height"], strict=True)):
        if image in headers and not math.isnan(sum(told)) and tuple(told) != headers[image][:2]:
            there = f"{headers[image].width} x {headers[image].height}"
            raise FormatError(
                f"{options.source}, {loaded.entries[i]}: says {told[0]:g} x {told[1]:g}, the photo is {there} "
                "upright; `check` says whether EXIF turned it"
            )
    if options.boxes:
        table = contract.build(
            [
                {k: v for k, v in row.items() if k in contract.columns([])}
                for row in table.to_dict("records")
                if not _points_only(row)
            ],
            [],
        )
    asked = formats.Asked(address=options.url)
    formats.write(options.target, table, options.to, asked, options.force)
    found = int((table["status"] == "ok").sum())
    print(f"{options.target}: {table['Image'].nunique()} photos, {found} parts found")
    return 0


def _check(options: argparse.Namespace) -> int:
    loaded, headers = _read(options, options.source, options.form)
    found = check.check(loaded, headers if headers or options.photos else None, options.pair, options.part)
    for finding in found:
        print(findings.line(finding, options.source))
    table = loaded.table
    print(findings.summary(found, table["Image"].nunique(), int((table["status"] == "ok").sum())))
    if not math.isnan(power := outliers.swap_power(table, check.points_of_d(loaded, options.pair), options.part)):
        print(f"of exchanged points these boxes would tell {power:.1%}; hold them against a second opinion too (`agree`)")
    for untold in outliers.too_few(table, check.points_of_d(loaded, options.pair), options.part):
        print(untold)
    if options.json:
        write_text(options.json, findings.as_json(found))
    if options.csv:
        write_text(options.csv, findings.as_csv(found))
    return int(any(finding.level == findings.ERROR for finding in found))


def _agree(options: argparse.Namespace) -> int:
    first, _ = _read(options, options.source, options.form)
    options.annotator = options.other_annotator or options.annotator
    second, _ = _read(options, options.other, options.other_from)
    refuse_other_sizes(first.table, second.table, (str(options.source), str(options.other)))
    result = agree.agree(first.table, second.table, options.pair)
    print(agree.report(result, (str(options.source), str(options.other)), options.worst))
    if options.csv:
        write_text(options.csv, result.pairs.to_csv(index=False, lineterminator="\n"))
    if options.json:
        pairs = result.pairs.astype(object).where(result.pairs.notna(), None).to_dict("records")
        content = {
            "pairs": pairs,
            "alone": result.alone.to_dict("records"),
            "photos_a": result.photos_a,
            "photos_b": result.photos_b,
            "points_a": result.points_a,
            "points_b": result.points_b,
        }
        write_text(options.json, json.dumps(content, indent=1, ensure_ascii=False, default=_plain) + "\n")
    return 0


def _points_only(row: dict) -> bool:
    return row["status"] == "ok" and math.isnan(row["x"])


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no JSON")


def _read(options: argparse.Namespace, path: Path, form: str | None) -> tuple[Loaded, dict[str, faults.Upright]]:
    """A file, and the headers of the photos that were named, or that lie in a YOLO folder's images/.

    `check` asks what the file itself says of its photos' sizes, so headers fill them only for the other commands, and for YOLO.
    """
    form = form or formats.guess(path)
    folder = path if path.is_dir() else path.parent
    photos = options.photos
    if form == "yolo" and photos is None and options.sizes is None and (folder / "images").is_dir():
        photos = folder / "images"
    headers = _headers(photos) if photos else {}
    sizes = {image: head[:2] for image, head in headers.items()} if options.command != "check" or form == "yolo" else {}
    sizes |= _sizes(options.sizes) if options.sizes else {}
    asked = formats.Asked(options.points, sizes or None, options.annotator)
    loaded = formats.read(path, form, asked)
    for note in loaded.notes:
        print(note, file=sys.stderr)
    return loaded, headers


def _headers(folder: Path) -> dict[str, faults.Upright]:
    """The photos in a folder and below it, by name."""
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder of photos")
    found: dict[str, faults.Upright] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES):
        if path.name in found:
            raise FormatError(f"{path}: another photo below {folder} has this name, by which contract 1 knows photos; rename one")
        try:
            head = header(path)
        except PhotoError as problem:
            print(f"{problem} (left out)", file=sys.stderr)
            continue
        found[path.name] = faults.Upright(head.width, head.height, head.orientation)
    return found


def _sizes(path: Path) -> dict[str, tuple[int, int]]:
    sizes: dict[str, tuple[int, int]] = {}
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV table in UTF-8 ({error})") from None
    if not {"Image", "width", "height"} <= set(reader.fieldnames or []):
        raise ValueError(f"{path}: must have the columns Image, width, height")
    for line, row in enumerate(rows, 2):
        try:
            size = int(row["width"]), int(row["height"])
        except (TypeError, ValueError):
            size = (0, 0)
        if not all(0 < side <= contract.LARGEST for side in size):
            told = f"{row['width']!r} and {row['height']!r}"
            raise ValueError(f"{path}, line {line}: width and height are {told}, must be whole numbers of pixels above 0")
        if sizes.setdefault(row["Image"], size) != size:
            raise ValueError(f"{path}, line {line}: {row['Image']} has another size above; which is it?")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
