"""Look at what an identification model is trained on.

example:
  python -m whichwhale.identify sheet configs/right_whale_heads/lite0_160_heavy.yaml --out sheet.png
  python -m whichwhale.identify sheet configs/survey/passports.yaml augment.glint=1 --out glint.png --photos 4 --draws 8
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

from whichwhale.command_line import carried_out, parser_of
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
    options = parser.parse_args(arguments)
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


if __name__ == "__main__":
    sys.exit(main())
