"""From the survey to the real world: networks that were fitted on drawn photos alone, tried on real ones.

examples:
  python benchmarks/real_photos.py                    everything; stop it and type the same again: it goes on
  python benchmarks/real_photos.py --alone            without the fits that a few real photos are added to
  python benchmarks/real_photos.py --survey usual     trained on the usual survey in place of a wild one
  python benchmarks/real_photos.py --localizer width=384 --localizer height=256 --suffix -384      other keys, fits beside
  python benchmarks/real_photos.py --photos FOLDER --truth annotations.csv --alone --table         other photos, no fit
  python benchmarks/real_photos.py --quick            toy networks: tries the road, says nothing

It draws a survey into input/DATASET, fits configs/survey/localizer_wild.yaml and aligner_wild.yaml on nine tenths of it by
train.py, and tries them on the photos of a folder (default input/right_whale_photos) that TRUTH knows (a contract-1 table, or a
folder of Sloth files; default input/right_whale_annotations). None of them is ever in a table that these networks read. Then
leave-one-out: for each labelled photo both networks go on for some epochs (`start_from`) on some of the survey's photos and all
the other real ones (benchmarks/real_mix.py), and are tried on the one left out.

The point error is the mean distance of both points from the true ones, in % of d; a head that was not found counts as 100 %. A
head is missed if nothing was found, or the aligner's field about the box lacks a true point. Beside it: what the localizer's own
points are off by, and what the aligner's are if its field lies about the true box. All goes to runs/DATASET/real_photos.json,
what was found to found_alone.csv and found_added.csv there (python -m whichwhale.localize look), with the folder's name in all
three if it is another; what the commands said to logs/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from localize import NET, SMALL
from real_mix import ADDED, is_made, labelled, mix
from real_table import as_text, measured, met
from side_by_side import Commands, Run, last_words, side_by_side

from whichwhale import annotations as contract
from whichwhale.checkout import Checkout
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, load, read_yaml, runs_dir
from whichwhale.files import null_for_nan, sha256, write_json
from whichwhale.fit.machine import usable_cores
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.locating import Locator, read_fitted
from whichwhale.runs import RunFolder
from whichwhale.runs.fit import read_fit

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "survey"
KINDS = ("localizer", "aligner")
PHOTOS = "right_whale_photos"  # the folder below input/ that is tried if none is named
Task = tuple[str, Path, Callable[[], list[str]]]  # a fit's name, its run folder, and what train.py is told


@dataclass(frozen=True)
class Size:
    """How large the benchmark is. `tiny` shrinks the networks as well."""

    whales: int = 300
    photos: int = 2400
    width: int = 1152
    scale: float = 1.0  # of the survey fits' epochs
    kept: int = 240  # photos of the survey that the real ones are added to
    copies: int = 10  # how often each real one comes in an epoch of such a fit
    epochs: int = 5  # of such a fit
    rate: float = 5e-4  # its peak learning rate
    tiny: bool = False


TINY = Size(4, 24, 240, 1.0, 8, 2, 1, 5e-4, True)


@dataclass(frozen=True, eq=False)
class Road:
    """Where everything lies, and what the fits are told beside their YAMLs."""

    size: Size
    dataset: str
    photos: Path
    truth: Path
    wild: bool
    suffix: str
    more: dict[str, list[str]]  # key=value by kind

    @property
    def home(self) -> Path:
        return runs_dir() / self.dataset

    @property
    def tag(self) -> str:
        """What the files of this table have in their names: figures of other photos stand beside them."""
        return self.suffix + ("" if self.photos == input_dir() / PHOTOS else f"-{self.photos.resolve().name}")

    @property
    def mixed(self) -> str:
        """The data set of survey and real photos."""
        return f"{self.dataset}_{ADDED}"

    def run(self, dataset: str, kind: str, fold: int) -> Path:
        return runs_dir() / dataset / f"{kind}{self.suffix}" / f"fold{fold}"

    def told(self, kind: str, dataset: str, fold: int) -> list[str]:
        """train.py's arguments of a fit, but for what only one of the two stages says."""
        small = [*NET, *SMALL[kind]] if self.size.tiny else []
        common = [f"dataset={dataset}", f"data.root={dataset}", f"fold={fold}", f"name={kind}{self.suffix}"]
        return [str(CONFIGS / f"{kind}_wild.yaml"), *common, "fit.validate_every=100", *small, *self.more[kind]]

    def alone(self, kind: str) -> list[str]:
        """Of a fit on the survey."""
        told = self.told(kind, self.dataset, 0)
        epochs = read_config(*told).fit.epochs
        scaled = [] if self.size.scale == 1 else [f"fit.epochs={max(1, round(self.size.scale * epochs))}"]
        return [*told, *scaled]

    def added(self, kind: str, fold: int, count: int) -> list[str]:
        """Of a fit that goes on with all real photos of `count` but number `fold`."""
        weights = self.run(self.dataset, kind, 0) / "model.safetensors"
        fit = [f"fit.epochs={self.size.epochs}", f"fit.lr={self.size.rate}", "fit.warmup=0.25"]
        data = ["truth.table=annotations.csv", f"folds.count={count}", f"start_from={weights.relative_to(runs_dir())}"]
        return [*self.told(kind, self.mixed, fold), *data, *fit]

    def refuse_stale(self, count: int) -> None:
        """Raises ValueError if a fit with real photos added went on from other weights than the survey's fit has now."""
        for kind in KINDS:
            weights = sha256(self.run(self.dataset, kind, 0) / "model.safetensors")
            for fold in range(count):
                run = RunFolder(self.run(self.mixed, kind, fold))
                if run.fitted and run.provenance().get("start") != weights:
                    raise ValueError(f"{run.path}: went on from weights that are gone; delete {run.path.parent}, or say --suffix")

    def locator(self, dataset: str, fold: int) -> Locator | None:
        """Localizer and aligner of one fold, which look as the YAMLs say now; None if one isn't fitted yet."""
        runs = [self.run(dataset, kind, fold) for kind in KINDS]
        if not all(RunFolder(run).fitted for run in runs):
            return None
        now = [looking(read_config(*self.told(kind, dataset, fold))) for kind in KINDS]
        return Locator(*(read_fitted(run.parent, told, fold) for run, told in zip(runs, now, strict=True)))


def looking(config: LocateConfig) -> list[str]:
    """key=value of what a fit doesn't depend on: how its network looks at photos."""
    told = config.model_dump(mode="json", include={"views", "least_score", "box_margin", "step_back", "look_again"})
    return [f"{key}={json.dumps(value)}" for key, value in told.items()]


def read_config(path: str, *overrides: str) -> LocateConfig:
    """A localizer's or aligner's YAML with overrides."""
    return load(AlignerConfig if read_yaml(path).get("room") == "align" else LocalizerConfig, path, overrides)


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 1 a fit failed (its log is named), 2 it can't be carried out."""
    parser = parser_of("benchmarks/real_photos.py", __doc__)
    parser.add_argument("--photos", type=Path, help="folder of real photos (default input/right_whale_photos)")
    parser.add_argument("--truth", type=Path, help="their points and boxes (default input/right_whale_annotations)")
    parser.add_argument("--survey", choices=["wild", "usual"], default="wild", help="what is trained on (default wild)")
    parser.add_argument("--dataset", default="", help="folder below input/ and runs/ (default real, real_usual, real_quick)")
    parser.add_argument("--alone", action="store_true", help="no fits with real photos added")
    parser.add_argument("--table", action="store_true", help="draw and fit nothing: the table of what is there")
    parser.add_argument("--quick", action="store_true", help="toy size")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="fits side by side (default: cores; with a GPU 1)")
    parser.add_argument("--suffix", default="", help="for the names of fits with other keys")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", action="append", default=[], metavar="KEY=VALUE", help=f"for the {kind}s")
    for name, text in (
        ("whales", "of the survey"),
        ("photos-drawn", "of the survey"),
        ("kept", "of them that real ones are added to"),
        ("copies", "of each real photo in an epoch then"),
        ("epochs", "of each fit with real photos added"),
    ):
        usual = getattr(Size(), name.removesuffix("-drawn"))
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text} (default {usual})")
    parser.add_argument("--scale", type=float, metavar="X", help="of the survey fits' epochs (default 1)")
    return carried_out(_asked, parser.parse_args(arguments), run, by="benchmarks/real_photos.py")


def _asked(options: argparse.Namespace, run: Run | None) -> int:
    """The road of the command line. Raises ValueError for what makes no sense."""
    said = {name: getattr(options, name) for name in ("whales", "kept", "copies", "epochs", "scale")}
    said["photos"] = options.photos_drawn
    if bad := [name for name, value in said.items() if value is not None and value <= 0]:
        raise ValueError(f"--{'photos-drawn' if bad[0] == 'photos' else bad[0]}: must be above 0")
    size = TINY if options.quick else Size()
    size = Size(**(vars(size) | {name: value for name, value in said.items() if value is not None}))
    usual = "real" + ("_quick" if options.quick else "") + ("" if options.survey == "wild" else "_usual")
    road = Road(
        size,
        options.dataset or usual,
        options.photos or input_dir() / PHOTOS,
        options.truth or input_dir() / "right_whale_annotations",
        options.survey == "wild",
        options.suffix,
        {kind: getattr(options, kind) for kind in KINDS},
    )
    jobs = options.jobs or (1 if torch.cuda.is_available() else usable_cores())
    return walk(road, jobs, added=not options.alone, fits=not options.table, run=run)


def walk(road: Road, jobs: int, added: bool, fits: bool, run: Run | None = None) -> int:
    """Draw and fit what is not there yet, then measure, print and write the table."""
    truth, paths = labelled(road.photos, road.truth)
    if added and len(truth) < 2:
        raise ValueError(f"{road.photos}: leave-one-out needs two labelled photos, {road.truth} knows {len(truth)}; say --alone")
    commands, failed = Commands(jobs), []
    images = list(truth["Image"])
    mixture = road.dataset, road.mixed, truth, paths, road.size.kept, road.size.copies
    if fits:
        draw(road, run or commands, jobs)
        survey: list[Task] = [
            (kind, road.run(road.dataset, kind, 0), lambda kind=kind: road.alone(kind)) for kind in KINDS
        ]  # fmt: skip
        failed = fit(survey, road.home, jobs, commands, run)
        if added and not failed:
            mix(*mixture)
            road.refuse_stale(len(images))
            tasks: list[Task] = [
                (f"{kind} without {image}", road.run(road.mixed, kind, fold),
                 lambda kind=kind, fold=fold: road.added(kind, fold, len(images)))
                for fold, image in enumerate(images) for kind in KINDS
            ]  # fmt: skip
            failed = fit(tasks, road.home, jobs, commands, run)
    results = {}
    if (locator := road.locator(road.dataset, 0)) is not None:
        table, results["alone"] = measured(locator, paths, truth)
        contract.write(road.home / f"found_alone{road.tag}.csv", table)
    if added and is_made(*mixture):
        found = [
            measured(locator, {image: paths[image]}, truth)
            for fold, image in enumerate(images)
            if (locator := road.locator(road.mixed, fold)) is not None
        ]
        if found:
            results["added"] = [row for _, rows in found for row in rows]
            tables = [row for table, _ in found for row in table.to_dict("records")]
            contract.write(road.home / f"found_added{road.tag}.csv", contract.build(tables, contract.point_names(found[0][0])))
    if results:
        machine = {"cores": os.cpu_count(), "machine": platform.machine(), "torch": version("torch")}
        about = {"size": vars(road.size), "survey": "wild" if road.wild else "usual", "more": road.more, "jobs": jobs}
        about |= {"commit": str(Checkout.of(ROOT)), "machine": machine, "minutes": minutes(road, len(images))}
        write_json(road.home / f"real_photos{road.tag}.json", null_for_nan(about | results | {"aims_met": met(results)}))
    print("\n" + as_text(results, images))
    return 1 if failed else 0


def draw(road: Road, run: Run, jobs: int) -> None:
    """The survey; raises ValueError if the command fails."""
    log, size, key = road.home / "logs" / "survey.txt", road.size, input_dir() / road.dataset / "truth" / "survey.json"
    if key.exists() and len(list((key.parent.parent / "imgs").glob("*.jpg"))) == size.photos + 1:
        there = json.loads(key.read_text())
        if (there["whales"], there["width"], there.get("wild", False)) != (min(size.whales, size.photos), size.width, road.wild):
            raise ValueError(f"{key.parent.parent}: holds another survey; give another --dataset, or delete it")
        return  # whatever the code that draws has become since
    numbers = {"whales": min(size.whales, size.photos), "photos": size.photos + 1, "test-photos": 1, "width": size.width}
    numbers |= {"seed": 0, "workers": jobs}
    told = [part for name, value in numbers.items() for part in (f"--{name}", str(value))]
    folder = str(input_dir() / road.dataset)
    if run(log, [sys.executable, "-m", "whichwhale.survey", folder, *(["--wild"] if road.wild else []), *told]):
        raise ValueError(f"whichwhale.survey failed; {log}: {last_words(log)}")


def fit(tasks: Sequence[Task], home: Path, jobs: int, commands: Commands, run: Run | None) -> list[str]:
    """Fit what is not fitted yet, as many at a time as there are jobs; returns what went wrong."""
    todo = [task for task in tasks if not RunFolder(task[1]).fitted]
    began, failed, left = time.monotonic(), [], len(todo)
    # One of each kind goes before the others of it: it makes the pictures that they read.
    first = list({task[1].parent: task for task in reversed(todo)}.values())
    parts = [first, [task for task in todo if task not in first]]
    for (name, _, _), fault in side_by_side(parts, lambda task: _train(task, home, run or commands), jobs, commands):
        failed, left = failed + [fault] * bool(fault), left - 1
        spent = (time.monotonic() - began) / 60
        print(fault or f"{name}: fitted; {left} to go, {spent:.0f} minutes so far", flush=True)
    return failed


def _train(task: Task, home: Path, run: Run) -> str:
    """Fit one; returns what went wrong, or nothing."""
    name, folder, told = task
    log = home / "logs" / f"{folder.parent.parent.name}-{folder.parent.name}-{folder.name}.txt"
    if code := run(log, [sys.executable, str(ROOT / "train.py"), *told()]):
        return f"{name}: train.py ended with {code}; {log}: {last_words(log)}"
    return ""


def minutes(road: Road, count: int) -> dict[str, float]:
    """Of training: of each network on the survey, and of all fits with real photos added."""
    found = {}
    for kind in KINDS:
        for what, runs in (
            ("alone", [road.run(road.dataset, kind, 0)]),
            ("added", [road.run(road.mixed, kind, fold) for fold in range(count)]),
        ):
            found[f"{kind} {what}"] = sum(sum(read_fit(one).numbers("seconds")) for one in runs if one.exists()) / 60
    return found


if __name__ == "__main__":
    sys.exit(main())
