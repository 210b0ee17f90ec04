"""Cut passports from photos by two points, and look at them.

example:
  python -m whichwhale.passport make input/survey input/survey/imgs runs/survey/look
  python -m whichwhale.passport sheet runs/survey/look sheet.png --whale whale_01234 --train input/survey/train.csv
  python -m whichwhale.passport make eyes.csv imgs look --first eye_corner --second nostril --field 3 2 --width 192 --height 128
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import load
from whichwhale.files import write_atomically
from whichwhale.passport import points
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.from_points import store_from_points
from whichwhale.passport.sheet import contact_sheet
from whichwhale.passport.store import open_store


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    parser = parser_of("python -m whichwhale.passport", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make", help="cut a store of passports; one that is there already is left as it is")
    make.add_argument("annotations", type=Path, metavar="ANNOTATIONS", help="annotations.csv, or a folder of Sloth files")
    make.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of the photos")
    make.add_argument("out", type=Path, metavar="OUT", help="folder of the store")
    make.add_argument("--first", metavar="NAME", help="point at the right (default bonnet_tip)")
    make.add_argument("--second", metavar="NAME", help="point at the left (default blowhole)")
    make.add_argument("--part", help="part of the animal that has the points (default head)")
    make.add_argument("--width", type=int, help="px of the finest passport that a model will see (default 160)")
    make.add_argument("--height", type=int, help="(default 80)")
    make.add_argument("--field", type=float, nargs=2, metavar=("W", "H"), help="what it shows, in point distances (default 2 1)")
    make.add_argument("--centre", type=float, nargs=2, metavar=("X", "Y"), help="its centre, from their middle (default -0.1 0)")
    make.add_argument("--margin", type=float, help="how much more of it the store keeps (default 1.6)")
    make.add_argument("--oversampling", type=float, help="how much finer the store is (default 1.5)")
    make.add_argument("--threads", type=int, help="(default one a core, at most 8)")
    make.set_defaults(run=_make)
    sheet = commands.add_parser("sheet", help="draw a contact sheet of a store")
    sheet.add_argument("store", type=Path, metavar="STORE")
    sheet.add_argument("out", type=Path, metavar="OUT.png")
    which = sheet.add_mutually_exclusive_group()
    which.add_argument("--items", nargs="+", metavar="PHOTO#K", help="which passports (default: the first 40 that are not black)")
    which.add_argument("--whale", metavar="ID", help="all passports of one whale; needs --train")
    sheet.add_argument("--train", type=Path, metavar="CSV", help="table with Image and whaleID")
    sheet.add_argument("--columns", type=int, default=5)
    sheet.set_defaults(run=_sheet)
    options = parser.parse_args(arguments)
    return carried_out(options.run, options)


def _make(options: argparse.Namespace) -> None:
    said = {name: getattr(options, name) for name in ("first", "second", "part", "margin", "oversampling")}
    said |= {f"view.{name}": getattr(options, name) for name in ("width", "height", "field", "centre")}
    config = load(PassportConfig, None, [f"{key}={value}" for key, value in said.items() if value is not None])
    table = points.read(options.annotations, [config.first, config.second])
    store = store_from_points(options.out, table, lambda image: options.photos / image, config, options.threads)
    counts = store.index["status"].value_counts()
    height, width = store.images.shape[1:3]
    found, none, unreadable = (counts.get(status, 0) for status in ("ok", "none", "unreadable"))
    print(f"{options.out}: {found} passports of {width} x {height} pixels, {none} without points, {unreadable} unreadable")


def _sheet(options: argparse.Namespace) -> None:
    store = open_store(options.store)
    items = options.items or list(store.index.loc[store.index["status"] == "ok", "item"][:40])
    if options.whale is not None:
        if options.train is None:
            raise ValueError("--whale needs --train: the table that says which photos are this whale's")
        train = pd.read_csv(options.train, dtype=str)
        if missing := {"Image", "whaleID"} - set(train.columns):
            raise ValueError(f"{options.train}: has no column {sorted(missing)[0]}")
        images = set(train.loc[train["whaleID"] == options.whale, "Image"])
        items = [item for item in store.index["item"] if item.rpartition("#")[0] in images and item.endswith("#0")]
        if not items:
            raise ValueError(f"{options.train}: whale {options.whale!r} has no photo in {options.store}")
    picture = Image.fromarray(contact_sheet(store, items, options.columns))
    write_atomically(options.out, lambda stream: picture.save(stream, "PNG"))
    print(f"{options.out}: {len(items)} passports")


if __name__ == "__main__":
    sys.exit(main())
