"""What finds heads and points best, by how much do the others lose, and what is an error worth to a classifier?

examples:
  python benchmarks/localize.py                      every row; stop it and type the same again: it goes on
  python benchmarks/localize.py --only bins one-net  some rows (those that they are combined with are always made)
  python benchmarks/localize.py --only               the table of what is there
  python benchmarks/localize.py --only retinanet ssdlite transformer    torchvision's detectors, and a crop learnt without boxes
  python benchmarks/localize.py --only --boxes theirs=theirs/annotations.csv    the table, and what somebody else's boxes give
  python benchmarks/localize.py --only --other photos --truth photos.csv         how the rows do on somebody else's photos
  python benchmarks/localize.py --quick              toy networks and one epoch: tries the road, says nothing
  python benchmarks/localize.py --rows               what the rows are and which keys they change

It draws a survey into input/DATASET (if one of other numbers lies there, that is refused), splits its labelled photos 80 to 20,
and fits each row (benchmarks/localize_rows.py) on the 80 by train.py, as anybody would type it, at most 20 minutes each (80 the
row `longer`).
Aligners learn from true boxes with jitter, since one split leaves no out-of-fold boxes; one learns about such boxes
(benchmarks/localize_inner.py), for which the localizer is fitted anew for each fold of the 80. Then photos of the 20 go the
whole way, one decode each: localizers are followed by one aligner, and so is the best box of a detector; aligners follow one
localizer. A row that was fitted on another split, or a detector on other photos, is refused. Errors are of the points at the
end, in % of d; boxes are the localizer's. Log loss is that of one classifier, fitted once on true points with jitter, on
passports cut by the points that were found; its one power is fitted on other photos. How well NAME_sd predicts the error is
calibrated and told on different photos. The last table is of photos of another survey, wider, cut so that heads are 1.8 times as
large, and recoloured (its waves, light and animals are of the same kind); nothing was fitted on it. With --other it is of the
photos of that folder that --truth knows, and files have the folder's name, of imgs/ that of the one it lies in. On a CPU as many
fits run side by side as there are cores, each with one thread. All goes to runs/DATASET/localize.json, what the commands said to
runs/DATASET/logs/. How fast photos become points tells benchmarks/localize_speed.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import localize_inner
import torch
from localize_measured import Benchmark, collect
from localize_moved import move
from localize_rows import ALIGNER, CLASSIFIER, CONFIGS, LOCALIZER, ROWS, Row, row
from localize_table import as_text
from side_by_side import Commands, Run, last_words, side_by_side

from whichwhale.checkout import Checkout
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_json
from whichwhale.fit.machine import usable_cores
from whichwhale.runs.fit import read_fit

ROOT = Path(__file__).resolve().parent.parent
NET = ("backbone.name=test_resnet", "backbone.weights=false", "fit.batch_size=8", "fit.epochs=1", "fit.lr=8e-3")
SMALL = {
    "localizer": ("width=96", "height=64", "least_score=0"),
    "detector": ("width=96", "height=64", "frozen_norms=false", "least_score=1e-5"),
    "whole": ("width=192", "height=192", "one_net={size: 64, second: {width: 64, height: 32}}", "least_score=0"),
    "aligner": ("size=96", "second.width=64", "second.height=32", "least_score=0"),
    "classifier": ("view.width=48", "view.height=24", "fit.kicks=[]", "auxiliary.weight=0"),
}


@dataclass(frozen=True)
class Size:
    """How large the benchmark is. `tiny` shrinks the networks as well."""

    whales: int = 40
    photos: int = 1200
    width: int = 1152
    others: int = 240  # photos of the other survey
    other_width: int = 1536
    scale: float = 1.0  # of the rows' epochs
    tiny: bool = False


TINY = Size(4, 60, 288, 8, 384, 1.0, True)


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 1 a row failed (its log is named), 2 it can't be carried out."""
    parser = parser_of("benchmarks/localize.py", __doc__)
    parser.add_argument("--dataset", default="", help="folder below input/ and runs/ (default localize, quick localize_quick)")
    names = ", ".join(one.name for one in ROWS)
    parser.add_argument("--only", nargs="*", metavar="ROW", help=f"some of {names}; none: the table of what is there")
    parser.add_argument("--rows", action="store_true", help="list the rows and end")
    parser.add_argument("--boxes", nargs="*", default=[], metavar="NAME=PATH", help="somebody else's boxes (contract 1), as rows")
    parser.add_argument("--other", type=Path, metavar="FOLDER", help="somebody else's photos, in place of the moved survey")
    parser.add_argument("--truth", type=Path, help="their points and boxes, contract 1 or a folder of Sloth files")
    parser.add_argument("--quick", action="store_true", help="toy size")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="fits side by side (default: cores; with a GPU 1)")
    parser.add_argument("--scale", type=float, metavar="X", help="of the rows' epochs (default 1)")
    for name, text in (
        ("whales", "of the survey"),
        ("photos", "labelled ones, 80 %% of them to train on"),
        ("others", "of the other survey"),
    ):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text} (default {getattr(Size(), name)})")
    options = parser.parse_args(arguments)
    if options.rows:
        for one in ROWS:
            print(f"{one.name:18} {one.title}: {one.config}.yaml {' '.join(one.changes)}".rstrip())
        return 0
    return carried_out(_asked, options, run, by="benchmarks/localize.py")


def _asked(options: argparse.Namespace, run: Run | None) -> int:
    """The benchmark of the command line. Raises ValueError for what makes no sense."""
    for name in options.only or []:
        row(name)
    size = TINY if options.quick else Size()
    said = {name: value for name in vars(size) if (value := getattr(options, name, None)) is not None}
    size = Size(**(vars(size) | said))
    if bad := [name for name in ("whales", "photos", "others", "scale") if getattr(size, name) <= 0]:
        raise ValueError(f"--{bad[0]}: must be above 0")
    if (options.other is None) != (options.truth is None):
        raise ValueError("--other FOLDER are photos and --truth their annotations: say both, or neither")
    elsewhere = None if options.other is None else (options.other, options.truth)
    dataset = options.dataset or ("localize_quick" if options.quick else "localize")
    jobs = options.jobs or (1 if torch.cuda.is_available() else usable_cores())
    wanted = [one for one in ROWS if options.only is None or one.name in {LOCALIZER, ALIGNER, CLASSIFIER, *options.only}]
    more = [told(text) for text in options.boxes]
    return benchmark(size, dataset, wanted if options.only != [] else [], jobs, run, more, elsewhere)


def told(text: str) -> Row:
    """The row of NAME=PATH. Raises ValueError if it is none, or the file is missing."""
    name, _, path = text.partition("=")
    if not name or not Path(path).is_file() or name in {one.name for one in ROWS}:
        raise ValueError(f"--boxes {text}: expected NAME=PATH of an annotations.csv that is there, and a name of its own")
    return Row(name, f"boxes of {name}", "localizer", "", 0, boxes=Path(path))


def benchmark(
    size: Size,
    dataset: str,
    rows: Sequence[Row],
    jobs: int,
    run: Run | None = None,
    more: Sequence[Row] = (),
    elsewhere: tuple[Path, Path] | None = None,
) -> int:
    """Draw and fit what is not there yet, then measure, print and write the tables of all that is there. `elsewhere`: other
    photos and their truth, in place of the moved survey."""
    commands = Commands(jobs)
    home, failed = runs_dir() / dataset, []
    where = Benchmark(input_dir() / dataset, input_dir() / f"{dataset}_moved", home, input_dir() / f"{dataset}_other", elsewhere)
    if elsewhere:
        where.unseen()  # what is wrong with it is said before anything is fitted
    if rows:
        draw(size, dataset, where, run or commands, jobs)
        failed = fit(size, dataset, where, rows, jobs, commands, run)
    minutes = {one.name: sum(read_fit(where.run(one)).numbers("seconds")) / 60 for one in ROWS if where.run(one).exists()}
    results = collect(where, minutes, more, jobs) if (home / "folds.csv").exists() else []
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "torch": version("torch")}
    if results:
        surveys: dict[str, Any] = {"photos": survey_of(where.photos)}
        if elsewhere is None:
            surveys["other"] = survey_of(where.other)
        else:
            surveys["elsewhere"] = {"photos": str(elsewhere[0].resolve()), "truth": str(elsewhere[1].resolve())}
        about = {"surveys": surveys, "jobs": jobs, "commit": str(Checkout.of(ROOT)), "machine": machine}
        write_json(home / f"localize{where.tag}.json", about | {"rows": results})
    print("\n" + as_text(results, where.named or None))
    return 1 if failed else 0


def draw(size: Size, dataset: str, where: Benchmark, run: Run, jobs: int) -> None:
    """The survey, the other one, and their true points as contract 1; raises ValueError if a command fails, or a folder holds
    another survey."""
    log = where.home / "logs" / "survey.txt"
    drawn = [(where.photos, size.photos, size.width, 0)]
    if where.elsewhere is None:
        drawn.append((where.other, size.others, size.other_width, 7))
    for folder, photos, width, seed in drawn:
        whales = min(size.whales, photos // 2)
        numbers = {"whales": whales, "photos": photos + 1, "test-photos": 1, "width": width, "seed": seed, "workers": jobs}
        told = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
        if (folder / "annotations.csv").exists():  # whatever the code that draws has become since
            refuse_other_survey(folder, {name.replace("-", "_"): value for name, value in numbers.items() if name != "workers"})
            continue
        for module, arguments in (
            ("survey", [str(folder), *told]),
            ("annotations", ["convert", str(folder), str(folder / "annotations.csv")]),
        ):
            if run(log, [sys.executable, "-m", f"whichwhale.{module}", *arguments]):
                raise ValueError(f"whichwhale.{module} failed; {log}: {last_words(log)}")
    if where.elsewhere is None:
        move(where.other, where.moved)


def survey_of(folder: Path) -> dict[str, Any] | None:
    """What the survey in `folder` was drawn with; None if nothing says so."""
    path = folder / "truth" / "survey.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def refuse_other_survey(folder: Path, wanted: dict[str, int]) -> None:
    """Raises ValueError if the survey in `folder` was drawn with other numbers, or nothing says with which."""
    there = survey_of(folder)
    if there is None:
        raise ValueError(f"{folder}: has no truth/survey.json to say which survey it holds; give another --dataset, or delete it")
    wanted = wanted | {"wild": False}
    if differ := [f"{name} {there.get(name)}, not {value}" for name, value in wanted.items() if there.get(name, False) != value]:
        raise ValueError(
            f"{folder}: holds another survey ({', '.join(differ)}); ask for that one, give another --dataset, or delete it"
        )


def overrides(size: Size, dataset: str, one: Row, fold: int) -> list[str]:
    """What train.py is told beside the row's YAML."""
    common = [f"dataset={dataset}", f"data.root={dataset}", "folds.count=5", f"fold={fold}", f"name={one.name}"]
    common += [f"fit.epochs={max(1, round(size.scale * one.epochs))}", "fit.validate_every=100"]
    own = {
        "aligner": [f"boxes={localize_inner.NAME}" if one.inner else "boxes=''"],
        "classifier": [
            f"passports.annotations={dataset}/annotations.csv",
            f"auxiliary.table={dataset}/callosity.csv",
            "augment.geometry.jitter=0.03",
        ],
    }
    small = [*NET, *SMALL[one.kind]] if size.tiny else []
    if one.kind == "aligner" and one.config != "aligner":  # two_looks alone has a second look
        small = [change for change in small if not change.startswith("second")]
    return [*common, *own.get(one.kind, []), *one.changes, *small]


def fit(
    size: Size, dataset: str, where: Benchmark, rows: Sequence[Row], jobs: int, commands: Commands, run: Run | None
) -> list[str]:
    """Fit what is not fitted yet, those first that the others are combined with; returns what went wrong."""
    first = [row(name) for name in (LOCALIZER, ALIGNER, CLASSIFIER)]
    todo = [one for one in [*first, *(one for one in rows if one not in first)] if not one.fit and not _fitted(where, one)]
    began, failed = time.monotonic(), []
    alone, rest = (todo[:1], todo[1:]) if not (where.home / "folds.csv").exists() else ([], todo)
    last = [one for one in rest if one.inner]  # LOCALIZER's own boxes are among theirs
    parts = [alone, [one for one in rest if not one.inner], last]
    train = lambda one: _train(size, dataset, where, one, run or commands)  # noqa: E731
    for one, fault in side_by_side(parts, train, jobs, commands):
        todo.remove(one)
        failed += [fault] if fault else []
        minutes = (time.monotonic() - began) / 60
        print(fault or f"{one.name}: fitted; {len(todo)} to go, {minutes:.0f} minutes so far", flush=True)
    return failed


def _fitted(where: Benchmark, one: Row) -> bool:
    return read_fit(where.run(one)).status.get("state") == "fitted"


def _train(size: Size, dataset: str, where: Benchmark, one: Row, run: Run) -> str:
    """Fit a row; returns what went wrong, or nothing."""
    log = where.home / "logs" / f"{one.name}.txt"
    if one.inner and (fault := _inner_boxes(size, dataset, where, run)):
        return f"{one.name}: {fault}"
    command = [
        sys.executable,
        str(ROOT / "train.py"),
        str(CONFIGS / f"{one.config}.yaml"),
        *overrides(size, dataset, one, where.fold),
    ]
    if code := run(log, command):
        return f"{one.name}: train.py ended with {code}; {log}: {last_words(log)}"
    return ""


def _inner_boxes(size: Size, dataset: str, where: Benchmark, run: Run) -> str:
    """Make the boxes that a row's training crops are drawn about; returns what went wrong, or nothing."""
    log, one = where.home / "logs" / f"{localize_inner.NAME}.txt", row(LOCALIZER)
    localize_inner.make(dataset, where.fold)
    outer = overrides(size, dataset, one, where.fold)
    inner = localize_inner.told(outer, dataset)
    for script, arguments in (("train", inner), ("predict", inner), ("predict", outer)):
        command = [sys.executable, str(ROOT / f"{script}.py"), str(CONFIGS / f"{one.config}.yaml"), *arguments]
        if code := run(log, command):
            return f"{script}.py ended with {code}; {log}: {last_words(log)}"
    localize_inner.assemble(dataset, where.fold, one.name)
    return ""


if __name__ == "__main__":
    sys.exit(main())
