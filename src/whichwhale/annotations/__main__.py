"""From a folder of Sloth files to annotations.csv (contract 1), or the other way.

examples:
  python -m whichwhale.annotations convert input/right_whale_annotations input/right_whale/annotations.csv
  python -m whichwhale.annotations convert runs/survey/aligner/annotations.csv to_look_at_in_sloth
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from whichwhale.annotations import sloth, table


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m whichwhale.annotations", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True)
    convert = commands.add_parser("convert", help="Sloth JSON to annotations.csv and back")
    convert.add_argument("source", type=Path, metavar="IN", help="folder of Sloth files, or annotations.csv")
    convert.add_argument("target", type=Path, metavar="OUT", help="annotations.csv, or folder of Sloth files")
    convert.add_argument("--points", nargs="+", default=list(sloth.POINT_FILES), metavar="NAME", help="points to look for")
    convert.add_argument("--sizes", type=Path, metavar="CSV", help="table with Image, width, height of the upright photos")
    options = parser.parse_args(arguments)
    try:
        if options.source.is_dir():
            files = {name: options.source / sloth.POINT_FILES.get(name, f"{name}.json") for name in options.points}
            boxes = options.source / sloth.BOX_FILE
            sizes = _sizes(options.sizes) if options.sizes else None
            annotations = sloth.from_sloth(files, boxes if boxes.exists() else None, sizes)
            table.write(options.target, annotations)
        else:
            annotations = table.read(options.source)
            sloth.to_sloth(annotations, options.target)
    except (ValueError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 2
    found = int((annotations["status"] == "ok").sum())
    print(f"{options.target}: {annotations['Image'].nunique()} photos, {found} parts found")
    return 0


def _sizes(path: Path) -> dict[str, tuple[int, int]]:
    sizes = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"Image", "width", "height"} <= set(reader.fieldnames or []):
            raise ValueError(f"{path}: must have the columns Image, width, height")
        for row in reader:
            try:
                sizes[row["Image"]] = (int(row["width"]), int(row["height"]))
            except (TypeError, ValueError):
                raise ValueError(f"{path}, line {reader.line_num}: width and height must be whole numbers of pixels") from None
    return sizes


if __name__ == "__main__":
    sys.exit(main())
