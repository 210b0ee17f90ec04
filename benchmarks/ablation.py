"""What is each choice worth? One change a row against one base, fitted on the same photos and scored on the same held-out fold.

examples:
  python benchmarks/ablation.py                         every row with two seeds; stop it and type the same again: it goes on
  python benchmarks/ablation.py --only base twins       some rows, and those that they are compared with
  python benchmarks/ablation.py --only                  the table of what is there
  python benchmarks/ablation.py --quick                 toy networks and one epoch: tries the road, says nothing
  python benchmarks/ablation.py --rows                  what the rows are and which keys they change

Each row is the base's config with some keys changed (benchmarks/ablation_rows.py), fitted by train.py and predict.py as anybody
would type it. Log loss is that of probabilities whose one power is fitted on other photos of the held-out fold, so that
a row is not judged by its temperature. The difference to the base (of a piece of augmentation: to none at all) is that on the
same photos, with the 95 % interval of a paired bootstrap over photos; beside it the seeds' own differences. On a CPU as many fits
run side by side as there are cores, each with one thread. All goes to runs/DATASET/ablation.json, what the commands said to
runs/DATASET/logs/.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from ablation_rows import BASE, KICK, ROWS, Row
from ablation_table import as_text, collapsed, collect
from duration import in_words
from side_by_side import Commands, Run, last_words, side_by_side

from whichwhale.checkout import Checkout
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import load, runs_dir
from whichwhale.files import write_json
from whichwhale.fit.machine import usable_cores
from whichwhale.identify.config import IdentifyConfig
from whichwhale.runs.fit import read_fit

ROOT = Path(__file__).resolve().parent.parent
TINY = ("backbone.name=test_resnet", "backbone.weights=false", "fit.batch_size=16", "fit.kicks=[]", "views.shifts=[[0, 0]]")


@dataclass(frozen=True)
class Options:
    """How large the ablation is, and where it is kept."""

    config: Path
    dataset: str
    fold: int
    epochs: int
    pixels: int
    seeds: int
    quick: bool

    def overrides(self, row: Row, seed: int) -> list[str]:
        """What train.py and predict.py are told beside the config."""
        size = (f"view.width={self.pixels}", f"view.height={self.pixels}", f"fit.epochs={self.epochs}")
        kick = f"fit.kicks=[{{epoch: {round(KICK * self.epochs)}, epochs: 1, factor: 2.5}}]"
        home = (f"dataset={self.dataset}", f"fold={self.fold}", f"seed={seed}", f"name={row.name}-{seed}")
        return [*home, *BASE, *size, kick, *row.changes, *(TINY if self.quick else ())]


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 1 a row failed (its log is named), 2 it can't be carried out."""
    parser = parser_of("benchmarks/ablation.py", __doc__)
    data = ROOT / "configs/right_whale_heads/lite0_160.yaml"
    parser.add_argument("--config", type=Path, default=data, help="says which data (default %(default)s)")
    parser.add_argument("--dataset", default="", help="folder below runs/ (default ablation, quick ablation_quick)")
    parser.add_argument("--only", nargs="*", metavar="ROW", help="some of the rows; none: print the table of what is there")
    parser.add_argument("--rows", action="store_true", help="list the rows and end")
    parser.add_argument("--quick", action="store_true", help="toy size")
    parser.add_argument("--jobs", type=int, default=0, metavar="N", help="fits side by side (default: cores; with a GPU 1)")
    for name, default, text in (
        ("fold", 0, "which fold is held out"),
        ("seeds", 2, "fits of each row"),
        ("epochs", 15, "of each fit"),
        ("pixels", 128, "width and height of what the networks see"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default {default})")
    options = parser.parse_args(arguments)
    if options.rows:
        for row in ROWS:
            print(f"{row.name:16} {row.title}: {' '.join(row.changes) or 'no change'}")
        return 0
    return carried_out(_asked, options, run, by="benchmarks/ablation.py")


def _asked(options: argparse.Namespace, run: Run | None) -> int:
    """The ablation of the command line. Raises ValueError for what makes no sense."""
    if unknown := sorted(set(options.only or []) - {row.name for row in ROWS}):
        raise ValueError(f"--only: no row is called {unknown[0]!r}; --rows lists them")
    for name in ("seeds", "epochs", "pixels"):
        if getattr(options, name) < 1:
            raise ValueError(f"--{name}: must be 1 or more")
    size = (1, 32) if options.quick else (options.epochs, options.pixels)
    dataset = options.dataset or ("ablation_quick" if options.quick else "ablation")
    kept = Options(options.config, dataset, options.fold, *size, options.seeds, options.quick)
    jobs = options.jobs or (1 if torch.cuda.is_available() else usable_cores())
    named = {"base", *(options.only or [])}
    named |= {row.against for row in ROWS if row.name in named}
    wanted = [row for row in ROWS if options.only is None or row.name in named]
    return ablation(kept, wanted if options.only != [] else [], jobs, run)


def ablation(options: Options, rows: Sequence[Row], jobs: int, run: Run | None = None) -> int:
    """Fit and predict what is not there yet of `rows`, seed by seed; then print and write the table of all that is there."""
    home = runs_dir() / options.dataset
    refuse_other_settings(home, options)
    todo = [(row, seed) for seed in range(options.seeds) for row in rows if not ended(home, row, seed, options.fold)]
    # Those that take another row's fit come last; the base, which makes folds and passports, goes alone before all others.
    todo.sort(key=lambda one: (one[1], bool(one[0].fit)))
    commands = Commands(jobs)
    failed, began = [], time.monotonic()
    first, rest = (todo[:1], todo[1:]) if not (home / "folds.csv").exists() else ([], todo)
    parts = [first, [one for one in rest if not one[0].fit], [one for one in rest if one[0].fit]]
    for (row, seed), fault in side_by_side(parts, lambda one: make(options, *one, run or commands), jobs, commands):
        todo.remove((row, seed))
        failed += [fault] if fault else []
        print(fault or _done(home, row, seed, options.fold, todo, jobs), flush=True)
        if fault:
            print(f"the others go on; so far {in_words(time.monotonic() - began)}", flush=True)
    results = collect(home, options.dataset, options.config, options.fold, options.seeds)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "torch": version("torch")}
    size = {"fold": options.fold, "epochs": options.epochs, "pixels": options.pixels, "jobs": jobs}
    write_json(home / "ablation.json", {"size": size, "table by": str(Checkout.of(ROOT)), "machine": machine, "rows": results})
    print("\n" + as_text(results))
    return 1 if failed else 0


def refuse_other_settings(home: Path, options: Options) -> None:
    """Raise ValueError for a row that is there of other epochs, pictures or settings: figures of two kinds make no table."""
    for row in ROWS:
        for seed in range(options.seeds):
            path = home / f"{row.name}-{seed}" / f"fold{options.fold}" / "config.yaml"
            if not path.exists():
                continue
            there, asked = (
                load(IdentifyConfig, *one).model_dump(exclude={"name", "views", "fold"})  # views are those of predictions
                for one in ((path,), (options.config, options.overrides(row, seed)))
            )
            if other := [key for key in asked if there[key] != asked[key]]:
                part = there[other[0]]
                if isinstance(part, dict) and isinstance(asked[other[0]], dict):
                    part = {key: value for key, value in part.items() if value != asked[other[0]][key]}
                raise ValueError(
                    f"{path.parent}: was fitted with other settings ({other[0]}: {part}); ask for the same --epochs and "
                    "--pixels, or give another --dataset"
                )


def ended(home: Path, row: Row, seed: int, fold: int) -> bool:
    """Whether a row has all that the table needs: predictions, or a collapse, which would come again."""
    path = home / f"{row.name}-{seed}" / f"fold{fold}"
    return (path / "predictions.npz").exists() or collapsed(path)


def make(options: Options, row: Row, seed: int, run: Run) -> str:
    """Fit (or take another row's fit) and predict; returns what went wrong, or nothing."""
    home = runs_dir() / options.dataset
    log = home / "logs" / f"{row.name}-{seed}.txt"
    own = home / f"{row.name}-{seed}" / f"fold{options.fold}"
    if row.fit and not own.exists():
        source = home / f"{row.fit}-{seed}" / f"fold{options.fold}"
        if read_fit(source).status.get("state") != "fitted":
            return f"{row.name}-{seed}: needs the fit of {row.fit}-{seed}, which is not there"
        beside = own.with_name(f".{own.name}.part")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(source, beside, ignore=shutil.ignore_patterns("predictions.npz", "checkpoints"))
        beside.rename(own)
    arguments = [str(options.config), *options.overrides(row, seed)]
    for script in ("predict.py",) if row.fit else ("train.py", "predict.py"):
        if code := run(log, [sys.executable, str(ROOT / script), *arguments]):
            if collapsed(own):
                return ""
            return f"{row.name}-{seed}: {script} ended with {code}; {log}: {last_words(log)}"
    return ""


def _done(home: Path, row: Row, seed: int, fold: int, todo: Sequence[tuple[Row, int]], jobs: int) -> str:
    """One line on a row that is done, with a guess at the time left from what the fits so far took."""
    took = [sum(read_fit(path).numbers("seconds")) for path in home.glob(f"*/fold{fold}")]
    fits = sum(not one.fit for one, _ in todo)
    left = fits * sum(took) / max(len(took), 1) / jobs
    return f"{row.name}-{seed}: done; {len(todo)} to go, about {in_words(left)}"


if __name__ == "__main__":
    sys.exit(main())
