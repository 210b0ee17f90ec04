"""Find heads and points in photos; compare found points with true ones, see whether their uncertainty is worth anything, look.

example:
  python -m whichwhale.localize find runs/survey/aligner folder_of_photos found/annotations.csv
  python -m whichwhale.localize find runs/survey/aligner photo.jpg found.csv --localizer runs/survey/localizer_retinanet
  python -m whichwhale.localize find runs/survey/aligner folder_of_photos found.csv localizer.least_score=0.15 look_again=0.04
  python -m whichwhale.localize error runs/survey/aligner/annotations.csv input/survey
  python -m whichwhale.localize doubt runs/survey/aligner/annotations.csv input/survey
  python -m whichwhale.localize look runs/survey/aligner/annotations.csv input/survey input/survey/imgs worst.png --worst
  python -m whichwhale.localize look found/annotations.csv folder_of_photos found.png
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from PIL import Image

from whichwhale.annotations import point_names, read, write
from whichwhale.annotations.same_photos import refuse_other_sizes
from whichwhale.annotations.table import BY_HAND, MEAN_OF_FOLDS
from whichwhale.command_line import carried_out, parsed, parser_of
from whichwhale.detect import seen
from whichwhale.files import refuse_unwritable, write_atomically
from whichwhale.localize.doubt import as_text, doubt, rank_correlation, risk_coverage
from whichwhale.localize.error import animal, errors, false_heads, in_one_place, in_words, summary
from whichwhale.localize.sheet import draw
from whichwhale.localize.truth import read_table
from whichwhale.localize.truth_config import TruthConfig
from whichwhale.pictures.reading import left_below, photos_at, why_unreadable
from whichwhale.pictures.sheet import two_a_row

NAMED = 10  # unreadable photos that are named


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    parser = parser_of("python -m whichwhale.localize", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    find = commands.add_parser("find", help="look for head and points in a folder of photos, with all fitted folds of a model")
    find.set_defaults(run=_find)
    find.add_argument("model", type=Path, metavar="MODEL", help="runs/<dataset>/<name> of an aligner, or of a localizer alone")
    find.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of photos, or one photo")
    find.add_argument("out", type=Path, metavar="OUT.csv", help="annotations.csv to write")
    find.add_argument(
        "changes",
        nargs="*",
        metavar="KEY=VALUE",
        help="another least_score, step_back, look_again or views than the model's own; of an aligner's localizer as "
        "localizer.KEY=VALUE",
    )
    find.add_argument(
        "--localizer", type=Path, metavar="RUN", help="localizer or part detector before it (default: the one it was fitted on)"
    )
    error = commands.add_parser("error", help="point error in %% of d, and how often both points lie in the box")
    error.set_defaults(run=_error)
    look = commands.add_parser("look", help="draw photos with box and points, found (discs) and true (crosses)")
    look.set_defaults(run=_look)
    unsure = commands.add_parser(
        "doubt", help="whether the points' sd tell large errors from small ones: rank correlation, risk and coverage"
    )
    unsure.set_defaults(run=_doubt)
    for command in (error, unsure):
        command.add_argument(
            "--model", type=Path, metavar="MODEL", help="whose photos of training are left out (default: beside FOUND)"
        )
    for command in (error, unsure, look):
        command.add_argument("found", type=Path, metavar="FOUND", help="annotations.csv of a run")
        command.add_argument(
            "truth",
            type=Path,
            metavar="TRUTH",
            nargs="?" if command is look else None,
            help="annotations.csv by hand, or a folder of Sloth files" + (" (may be left out)" if command is look else ""),
        )
        command.add_argument("--part", default="head")
    look.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of the photos")
    look.add_argument("out", type=Path, metavar="OUT.png")
    look.add_argument("--count", type=int, default=8, help="how many photos (default %(default)s)")
    look.add_argument("--worst", action="store_true", help="those with the largest error first; without TRUTH the unsurest")
    options = parsed(parser, arguments, "changes")
    return carried_out(options.run, options)


def _find(options: argparse.Namespace) -> None:
    photos = photos_at(options.photos)
    refuse_unwritable(options.out)
    from whichwhale.localize import unlike
    from whichwhale.localize.locating import load  # the networks' packages take seconds: not for a look at a table

    locator = load(options.model, options.localizer, options.changes)
    table = locator.locate(photos)
    write(options.out, table)
    told = [f"{n} {what}" for what, n in table["status"].value_counts().to_dict().items()]
    print(f"{options.out}: {len(photos)} photos; {', '.join(told)}")
    if below := left_below(options.photos):
        print(below)
    if lost := table.loc[table["status"] == "unreadable", "Image"].tolist():
        why = [why_unreadable(photos[image]) for image in lost[:NAMED]]
        more = [f"and {len(lost) - NAMED} more"] if len(lost) > NAMED else []
        print("\n".join(f"unreadable: {each}" for each in why + more))
    if locator.home and (unsure := unlike.in_words(table, unlike.usual_score(locator.home, locator.part), locator.part)):
        print(unsure)


def _compared(options: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame, list[str], pd.DataFrame]:
    """What was found, the truth, the points' names, and the errors of the photos that both know.

    Raises ValueError if there is no such photo.
    """
    found = read(options.found)
    names = point_names(found)
    if len(names) < 2:
        has = f"has the point {names[0]} alone" if names else "has boxes alone; `python -m whichwhale.detect score` judges those"
        raise ValueError(f"{options.found}: errors are told in d, the distance of the first two points, and it {has}")
    truth = _truth(options.truth, found)
    if missing := [name for name in names if name not in point_names(truth)]:
        known = ", ".join(point_names(truth)) or "none"
        raise ValueError(f"{options.truth}: has no point {', '.join(missing)}, which {options.found} has; its points are {known}")
    refuse_other_sizes(found, truth, (str(options.found), str(options.truth)))
    if one_place := in_one_place(truth, names, options.part):
        more = f" and {len(one_place) - 1} other photos" if len(one_place) > 1 else ""
        print(f"{options.truth}: {names[0]} and {names[1]} of {one_place[0]}{more} lie in one place: left out, for there is no d")
    compared = errors(found, truth, names, options.part)
    if compared.empty:
        raise ValueError(f"{options.found} and {options.truth} have no photo in common whose points are known")
    return found, truth, names, compared


def _truth(path: Path, found: pd.DataFrame) -> pd.DataFrame:
    """Annotations by hand, from a table or a folder of Sloth files."""
    if not path.is_dir():
        return read(path)
    defaults = TruthConfig()
    files = {name: defaults.points.get(name, f"{name}.json") for name in point_names(found)}
    return read_table(TruthConfig(points=files, boxes=defaults.boxes), path)


def _unseen(options: argparse.Namespace, compared: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The photos on which no model that found them was trained, and a word on the others. Raises ValueError if none is left."""
    folder = options.model or options.found.parent
    learnt = seen.read(folder, own=options.model is None)
    if not learnt:
        if seen.by_model(found).reindex(compared["Image"]).any():
            print(seen.untold(folder))
        return compared
    if not (bad := seen.seen(found[found["Image"].isin(set(compared["Image"]))], learnt)):
        return compared
    print("{} photos are left out, the first is {}: {}".format(len(bad), *next(iter(bad.items()))))
    if len(bad) == len(compared):
        raise ValueError(f"{options.found}: the models that found them were trained on all {len(bad)} photos")
    return compared[~compared["Image"].isin(set(bad))].reset_index(drop=True)


def _by_finder(compared: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Rows by what found them, in words, where there are any."""
    fold = compared["fold"]
    for what, rows in (
        ("out-of-fold", fold >= 0),
        ("mean of fold models", fold == MEAN_OF_FOLDS),
        ("by hand, or of a format without folds", fold == BY_HAND),
    ):
        if rows.any():
            yield what, rows


def _error(options: argparse.Namespace) -> None:
    found, truth, _, compared = _compared(options)
    compared = _unseen(options, compared, found)
    for what, rows in _by_finder(compared):
        print(f"{what}: {in_words(summary(compared[rows]))}")
    if empty := false_heads(found, truth, compared["Image"].tolist(), options.part):
        print(empty)


def _doubt(options: argparse.Namespace) -> None:
    found, _, names, compared = _compared(options)
    compared = _unseen(options, compared, found)
    meant = found[found["item"].str.endswith("#0")].drop_duplicates("Image").set_index("Image", drop=False)
    for what, rows in _by_finder(compared):
        sd, error = doubt(meant.loc[compared.loc[rows, "Image"]], names), compared.loc[rows, "error"].to_numpy()
        print(f"{what}: {rows.sum()} photos, rank correlation of sd and error {rank_correlation(sd, error):.2f}")
        print(as_text(risk_coverage(sd, error)))


def _look(options: argparse.Namespace) -> None:
    if options.count < 1:
        raise ValueError(f"--count {options.count}: at least one photo")
    if options.truth is None:
        found = animal(read(options.found), options.part)
        if options.worst:
            found = found.sort_values("score", na_position="first", kind="stable")
        told = {image: f"{row['status']}, score {row['score']:.2f}" for image, row in found[: options.count].iterrows()}
        pairs = [(row, None) for _, row in found[: options.count].iterrows()]
    else:
        found, truth, _, compared = _compared(options)
        if options.worst:
            compared = compared.sort_values("error", ascending=False)
        by_image = [animal(table, options.part) for table in (found, truth)]
        rows = compared[: options.count]
        pairs = [tuple(table.loc[image] for table in by_image) for image in rows["Image"]]
        told = {
            row.Image: f"{100 * row.error:.1f} % of d, fold {row.fold}, {'' if row.inside else 'not '}both points in the box"
            for row in rows.itertuples()
        }
    drawn = [draw(options.photos / str(mine["Image"]), mine, true) for mine, true in pairs]
    picture = Image.fromarray(two_a_row(drawn))
    write_atomically(options.out, lambda stream: picture.save(stream, "PNG"))
    for image, words in told.items():
        print(f"{image}: {words}")


if __name__ == "__main__":
    sys.exit(main())
