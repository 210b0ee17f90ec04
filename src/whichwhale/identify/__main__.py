"""Look at what an identification model is trained on, and make weak labels of sightings.

examples:
  python -m whichwhale.identify sheet configs/right_whale_heads/lite0_160_heavy.yaml --out sheet.png
  python -m whichwhale.identify sheet configs/survey/passports.yaml augment.glint=1 --out glint.png --photos 4 --draws 8
  python -m whichwhale.identify links sightings.csv --out input/sea_lions/links.csv
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image

from whichwhale.command_line import carried_out, parsed, parser_of
from whichwhale.files import write_atomically


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    parser = parser_of("python -m whichwhale.identify", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("sheet", help="draw training passports as the network sees them, several draws a photo")
    sheet.add_argument("config", type=Path, metavar="CONFIG", help="a model's YAML")
    sheet.add_argument("overrides", nargs="*", metavar="key=value", help="what differs from it, for example augment.wash=1")
    sheet.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="a .png or .jpg; the first column is the plain view"
    )
    sheet.add_argument("--photos", type=_positive, default=8, metavar="N", help="how many photos (default %(default)s)")
    sheet.add_argument("--draws", type=_positive, default=6, metavar="M", help="epochs of each (default %(default)s)")
    sheet.set_defaults(run=_sheet)
    links = commands.add_parser("links", help="must and cannot links (weak.links) from tracks, and from places on one day")
    links.add_argument(
        "sightings", type=Path, metavar="CSV", help="Image, and track, or date (YYYY-MM-DD) and place, or all three"
    )
    links.add_argument("--out", type=Path, required=True, metavar="CSV", help="first, second, link: must or cannot")
    links.set_defaults(run=_links)
    options = parsed(parser, arguments, "overrides")
    return carried_out(options.run, options)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _sheet(options: argparse.Namespace) -> None:
    from whichwhale.identify.door import open_experiment  # imports torch: not before the command is known to be one
    from whichwhale.identify.sheet import training_sheet

    kinds = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if options.out.suffix.lower() not in kinds:
        raise ValueError(f"--out {options.out}: ends in neither {' nor '.join(kinds)}")
    picture = Image.fromarray(training_sheet(open_experiment(options.config, options.overrides), options.photos, options.draws))
    write_atomically(options.out, lambda stream: picture.save(stream, kinds[options.out.suffix.lower()]))
    print(f"{options.out}: {picture.width} x {picture.height} pixels")


def _links(options: argparse.Namespace) -> None:
    import numpy as np
    import pandas as pd

    from whichwhale.identify import links

    table = pd.read_csv(options.sightings, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    found = links.of_sightings(table, str(options.sightings))
    if not found:
        raise ValueError(f"{options.sightings}: no two photos of one track, and none of one day at two places: nothing to write")
    photos = sorted({photo for link in found for photo in (link.first, link.second)})
    numbered = [replace(link, line=row) for row, link in enumerate(found, 2)]  # lines of the file that is written
    groups = links.groups_of(photos, np.full(len(photos), -1), numbered, str(options.out))
    links.write(options.out, found)
    musts = sum(link.must for link in found)
    print(
        f"{options.out}: {musts} must and {len(found) - musts} cannot links between {len(photos)} photos, "
        f"which are {len(groups.whale)} groups of one animal each"
    )


if __name__ == "__main__":
    sys.exit(main())
