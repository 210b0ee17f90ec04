"""Look at a competition's tables and photos before a training does, and deal its photos out to folds.

examples:
  python -m whichwhale.competition check input/right_whale
  python -m whichwhale.competition check input/right_whale --headers --others input/right_whale_annotations/callosity.csv
  python -m whichwhale.competition check input/att_faces --test-share 0
  python -m whichwhale.competition folds input/right_whale --folds 5 --kind disjoint --out runs/right_whale/folds.csv
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition import dealing, layout
from whichwhale.competition import folds as folds_csv
from whichwhale.competition.check import check, skip_bad, told
from whichwhale.competition.problems import errors


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 the check found errors, 2 the command can't be carried out."""
    parser = parser_of("python -m whichwhale.competition", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    folds = commands.add_parser("folds", help="deal the training photos out to folds")
    folds.add_argument("--folds", type=int, default=3, metavar="N", help="how many (default %(default)s)")
    folds.add_argument("--seed", type=int, default=0, metavar="S", help="of the shuffles (default %(default)s)")
    kind = "each fold model knows every whale (closed, the default), or whales are held out whole"
    folds.add_argument("--kind", choices=folds_csv.KINDS, default="closed", help=kind)
    folds.add_argument("--out", type=Path, required=True, help="folds.csv to write")
    more = "keep the folds of the photos that OUT has, deal the others to them"
    folds.add_argument("--extend", action="store_true", help=more)
    folds.set_defaults(run=_folds)
    checking = commands.add_parser("check", help="find what is wrong with tables and photos before a training does")
    checking.add_argument("--skip-bad", action="store_true", help="go on without the bad training photos, and say how many")
    checking.add_argument("--headers", action="store_true", help="don't decode: quick, but truncated photos stay unnoticed")
    checking.add_argument("--others", nargs="*", default=[], metavar="CSV", help="further tables whose Image must be known")
    checking.set_defaults(run=_check)
    for command in (folds, checking):
        command.add_argument("root", type=Path, help="the competition's folder")
        command.add_argument("--train", default="train.csv", metavar="CSV", help="in it (default %(default)s)")
        command.add_argument("--sample-submission", default="sample_submission.csv", metavar="CSV", help="(default %(default)s)")
        command.add_argument("--images", default="imgs", metavar="FOLDER", help="of the photos (default %(default)s)")
        what = "tables, or one folder of photos a class; auto, the default, finds out"
        command.add_argument("--layout", choices=get_args(layout.Layout), default="auto", help=what)
        share = "of a class's photos, where they lie in folders (default %(default)s)"
        command.add_argument("--test-share", type=float, default=0.2, metavar="P", help=share)
        command.add_argument("--group", default="", metavar="PATTERN", help="in the files' names: photos that stay together")
    options = parser.parse_args(arguments)
    return carried_out(options.run, options)


def _how(options: argparse.Namespace) -> dict[str, str | float]:
    names = ("train", "sample_submission", "images", "layout", "test_share", "group")
    return {name: getattr(options, name) for name in names}


def _folds(options: argparse.Namespace) -> int:
    competition = layout.read(options.root, **_how(options))
    photos, whales = competition.train["Image"].tolist(), competition.train["whaleID"].tolist()
    if options.extend:
        made = dealing.extend(folds_csv.read(options.out), photos, whales, competition.groups)
    else:
        made = dealing.make(photos, whales, options.folds, options.seed, options.kind, competition.groups)
    folds_csv.write(options.out, made, replace=options.extend)
    sizes = ", ".join(f"{fold}: {count}" for fold, count in made["fold"].value_counts().sort_index().items())
    print(f"{options.out}: {len(made)} photos, {len(set(whales))} whales; photos per fold (-1 always trains) {sizes}")
    return 0


def _check(options: argparse.Namespace) -> int:
    competition, problems = layout.inspect(options.root, **_how(options))
    problems += check(competition, options.others, decode=not options.headers, progress=True)
    for problem in problems:
        print(problem)
    wrong = errors(problems)
    read = f"{len(competition.train)} training and {len(competition.test)} test photos, {len(competition.class_id)} whales"
    print(f"{read}: {len(wrong)} errors, {len(problems) - len(wrong)} notes")
    if not options.skip_bad:
        return 1 if wrong else 0
    kept, _ = skip_bad(competition, problems)
    print(told(kept, problems))
    return 0


if __name__ == "__main__":
    sys.exit(main())
