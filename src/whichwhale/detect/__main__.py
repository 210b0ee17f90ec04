"""Parts found in photos, scored against true ones, looked at, and cut out. FOUND is a model's folder or fit (its candidates.csv
or annotations.csv), or any annotations.csv; TRUTH any file of docs/annotations.md.

examples:
  python -m whichwhale.detect find runs/survey/parts folder_of_photos found/annotations.csv
  python -m whichwhale.detect score runs/survey/parts input/survey/parts.csv --threshold 0.3
  python -m whichwhale.detect score runs/survey/parts input/survey/parts.csv --on test --csv scores.csv
  python -m whichwhale.detect negatives runs/survey/parts input/survey/parts.csv --csv hard.csv
  python -m whichwhale.detect look runs/survey/parts input/survey/imgs found.png --truth input/survey/parts.csv
  python -m whichwhale.detect crops runs/survey/parts input/survey/imgs heads --part head --most 2 --square photo --size 224
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

from whichwhale.annotations import formats, read, write
from whichwhale.annotations.same_photos import refuse_other_sizes
from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition.photos import decode
from whichwhale.detect import crops, drawing, seen
from whichwhale.detect.asked import photos_of
from whichwhale.detect.negatives import hard_negatives
from whichwhale.detect.score import in_words, score, shared
from whichwhale.files import refuse_unwritable, write_atomically, write_text
from whichwhale.pictures.reading import left_below, photos_at
from whichwhale.pictures.sheet import two_a_row

FOUND, CANDIDATES = "annotations.csv", "candidates.csv"


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    options = _parser().parse_args(arguments)
    return carried_out(options.run, options)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("python -m whichwhale.detect", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    find = commands.add_parser("find", help="look for parts in a folder of photos, with all fitted folds of a model")
    find.set_defaults(run=_find)
    find.add_argument("model", type=Path, metavar="MODEL", help="runs/<dataset>/<name>")
    find.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos, or one photo")
    find.add_argument("out", type=Path, metavar="OUT.csv", help="annotations.csv to write")
    judge = commands.add_parser(
        "score", help="AP50, AP50:95 and, at a threshold, precision, recall, F1, counts and IoU, a row a part"
    )
    judge.set_defaults(run=_score)
    hard = commands.add_parser("negatives", help="confident false positives, worst first, and what they are instead")
    hard.set_defaults(run=_negatives)
    look = commands.add_parser("look", help="photos with boxes, part and score drawn")
    look.set_defaults(run=_look)
    out = commands.add_parser("crops", help="found parts cut out, in a folder with a table")
    out.set_defaults(run=_crops)
    for command in (judge, hard, look, out):
        command.add_argument("found", type=Path, metavar="FOUND", help="folder of a model or fit, or an annotations.csv")
    for command in (judge, hard):
        command.add_argument("truth", type=Path, metavar="TRUTH", help="boxes by hand, in any format")
        command.add_argument(
            "--on",
            choices=("out-of-fold", "test", "unseen"),
            default="unseen",
            help="photos: those of a fold, test photos, or (default) all on which no model that found them was trained",
        )
        command.add_argument(
            "--photos", type=Path, metavar="LIST", help="file with a photo's name a line: these, none of them trained on"
        )
        command.add_argument("--model", type=Path, metavar="MODEL", help="whose photos of training count (default: beside FOUND)")
        command.add_argument("--csv", type=Path, metavar="FILE", help="write it as CSV too")
    look.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of the photos")
    look.add_argument("out", type=Path, metavar="OUT.png")
    look.add_argument("--truth", type=Path, metavar="TRUTH", help="true boxes, drawn white")
    look.add_argument("--count", type=int, default=8, help="how many photos (default %(default)s)")
    look.add_argument("--width", type=int, default=768, help="px of each (default %(default)s)")
    out.set_defaults(run=_crops)
    out.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of the photos")
    out.add_argument("out", type=Path, metavar="OUT", help="folder to write to")
    out.add_argument("--part", action="append", metavar="NAME", help="part to cut out (default: all); may be given several times")
    out.add_argument("--most", type=int, default=0, metavar="N", help="parts a photo, largest first (default: all)")
    out.add_argument("--margin", type=float, default=0.1, help="on each side, as a share of the box's (default %(default)s)")
    out.add_argument(
        "--square", choices=("no", "black", "photo"), default="no", help="pad to a square: with black, or with more of the photo"
    )
    out.add_argument("--size", type=int, default=0, metavar="PX", help="side of the squares (default: as large as in the photo)")
    for command in (judge, hard, look):
        command.add_argument("--annotator", metavar="WHO", help="Label Studio: whose truth, where a photo has several")
    for command in (judge, hard, look, out):
        command.add_argument(
            "--threshold",
            type=float,
            help="least score of what counts as found (default: 0.3; of look and crops all that annotations.csv has)",
        )
    return parser


def _find(options: argparse.Namespace) -> None:
    photos = photos_at(options.photos)
    refuse_unwritable(options.out)
    from whichwhale.detect.finding import load  # imports torch, which takes seconds: not for a look at a table

    table = load(options.model).find(photos)
    write(options.out, table)
    status = table.drop_duplicates("Image")["status"].value_counts().to_dict()
    parts = table.loc[table["status"] == "ok", "part"].value_counts().to_dict()
    told = [f"{n} {what}" for what, n in (status | parts).items()]
    print(f"{options.out}: {len(photos)} photos; {', '.join(told)}")
    if below := left_below(options.photos):
        print(below)


def _score(options: argparse.Namespace) -> None:
    found, truth, learnt = _held_against(options)
    threshold = 0.3 if options.threshold is None else options.threshold
    table = score(found, truth, threshold, learnt)
    print(f"{options.found}: {len(shared(found, truth)[2])} photos\n{in_words(table, threshold)}")
    if options.csv:
        write_text(options.csv, table.to_csv(index=False, lineterminator="\n"))


def _negatives(options: argparse.Namespace) -> None:
    found, truth, learnt = _held_against(options)
    table = hard_negatives(found, truth, 0.3 if options.threshold is None else options.threshold, learnt)
    print(f"{options.found}: {len(table)} false positives")
    for row in table[:20].itertuples():
        print(f"{row.score:.3f}  {row.Image}  {row.part}: {row.why} (IoU {row.iou:.2f}), at {row.x:.0f}, {row.y:.0f}")
    if options.csv:
        write_text(options.csv, table.to_csv(index=False, lineterminator="\n"))


def _look(options: argparse.Namespace) -> None:
    found = _found(options, FOUND)
    if options.count < 1 or options.width < 32:
        raise ValueError(f"--count {options.count} --width {options.width}: at least one photo, 32 px wide")
    truth = _truth(options, found) if options.truth else None
    images = list(dict.fromkeys(found["Image"]))[: options.count]
    colour = drawing.colours(sorted(found["part"].unique()))
    size = (options.width, round(options.width * 2 / 3))
    drawn = []
    for image in images:
        true = None if truth is None else truth[truth["Image"] == image]
        drawn.append(drawing.draw(decode(options.photos / image), found[found["Image"] == image], true, size, colour))
    picture = Image.fromarray(two_a_row(drawn))
    write_atomically(options.out, lambda stream: picture.save(stream, "PNG"))
    print(f"{options.out}: {len(images)} photos")


def _crops(options: argparse.Namespace) -> None:
    found = _found(options, FOUND)
    if options.part:
        if unknown := [part for part in options.part if part not in set(found["part"])]:
            raise ValueError(f"{options.found}: has no {', '.join(unknown)}, but {', '.join(sorted(found['part'].unique()))}")
        found = found[found["part"].isin(options.part)]
    rule = crops.CropRule(options.margin, options.square, options.size, options.most)
    written = crops.write(found, options.photos, options.out, rule)
    print(f"{options.out}: {len(written)} crops of {written['Image'].nunique()} photos, and {crops.TABLE}")


def _held_against(options: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame, dict[int, set[str]]]:
    """What was found in the photos that were asked for, the truth, and what each fold's model was trained on."""
    found = _found(options, CANDIDATES)
    truth = _truth(options, found)
    refuse_other_sizes(found, truth, (str(options.found), str(options.truth)))
    folder = options.model or (options.found if options.found.is_dir() else options.found.parent)
    learnt = seen.read(folder, own=options.model is None)  # what it found elsewhere may be of any data set
    if options.on != "unseen":
        found = found[found["Image"].isin(photos_of(folder, options.on))]
    if options.photos is not None:
        asked = {line.strip() for line in options.photos.read_text(encoding="utf-8-sig").splitlines() if line.strip()} - {"Image"}
        if missing := sorted(asked - set(found["Image"])):
            raise ValueError(f"{options.photos}: {len(missing)} photos are not in {options.found}, the first is {missing[0]}")
        return found[found["Image"].isin(asked)], truth, learnt
    both = found[found["Image"].isin(set(truth["Image"]))]
    bad = seen.seen(both, learnt)
    if bad:
        print("{} photos are left out, the first is {}: {}".format(len(bad), *next(iter(bad.items()))))
        if len(bad) == both["Image"].nunique():
            raise ValueError(f"{options.found}: none of its photos with a known truth is left to score")
    elif not learnt and seen.by_model(both).any():
        print(seen.untold(folder))
    return found[~found["Image"].isin(bad)], truth, learnt


def _truth(options: argparse.Namespace, found: pd.DataFrame) -> pd.DataFrame:
    """The boxes by hand; where their format doesn't tell a photo's size, what found the parts does."""
    known = found.dropna(subset=["photo_width", "photo_height"]).drop_duplicates("Image")
    sides = zip(known["photo_width"].astype(int), known["photo_height"].astype(int), strict=True)
    sizes = dict(zip(known["Image"], sides, strict=True))
    form = formats.guess(options.truth)
    try:
        return formats.read(options.truth, form, formats.Asked(sizes=sizes or None, annotator=options.annotator)).table
    except formats.FormatError as error:
        if form != "yolo":
            raise
        told = f"python -m whichwhale.annotations convert {options.truth} truth.csv --photos FOLDER"
        raise ValueError(f"{error}. Or let it have sizes first: {told}") from None


def _found(options: argparse.Namespace, file: str) -> pd.DataFrame:
    """The table that was named, or that lies in the folder that was."""
    path = options.found
    if path.is_dir():
        path = path / file
        if not path.is_file():
            raise ValueError(f"{path}: there is none; predict.py writes it (the one of all folds once each is predicted)")
    table = read(path)
    if file == FOUND and options.threshold is not None:
        table = table[~(table["score"] < options.threshold)]
    return table


if __name__ == "__main__":
    sys.exit(main())
