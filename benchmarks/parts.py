"""How many labelled photos does a part detector need? The learning curve that the README quotes.

examples:
  python benchmarks/parts.py                          stop it and type it again: it goes on
  python benchmarks/parts.py --quick                  the same stages with toy networks: a minute or two, meaningless figures
  python benchmarks/parts.py --seeds 3                three seeds: other photos are labelled, other first weights
  python benchmarks/parts.py --labelled 40 --set fit.lr=1e-3 --suffix -lr1e-3                     a variant of one point

It draws a survey with parts, second whales and open sea into input/DATASET, fits configs/survey/parts.yaml on fold 0's training
with 10, 20, 40, 80 labelled photos (each set holds the one before; as many pictures are seen in each fit), and scores every
photo that the fit did not see, the other fold's and the test photos, against the survey's own boxes. All goes to
runs/DATASET/parts.json.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.annotations import read
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, load, runs_dir
from whichwhale.detect import seen
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.score import ALL, score
from whichwhale.files import write_json
from whichwhale.runs.fit import read_fit

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "configs" / "survey" / "parts.yaml"
Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Size:
    """How large the benchmark is: the survey, and how many pictures each fit sees."""

    whales: int = 40
    photos: int = 360
    test: int = 120
    two: int = 60
    none: int = 40
    width: int = 768
    pictures: int = 4800
    more: tuple[str, ...] = ()  # key=value for every fit


QUICK = Size(
    4, 24, 8, 4, 4, 240, 24,
    (
        "backbone.name=test_resnet", "backbone.weights=false", "frozen_norms=false", "width=96", "height=64",
        "pyramid.strides=[8, 16]", "pyramid.width=16", "pyramid.depth=1", "per_epoch=12", "augment.quarters=false",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """One point of the curve."""

    labelled: int
    seed: int
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"parts{self.labelled}-{self.seed}{self.suffix}"


def survey_command(size: Size, dataset: str, workers: int) -> list[str]:
    numbers = {"whales": size.whales, "photos": size.photos, "test-photos": size.test, "width": size.width}
    numbers |= {"two": size.two, "none": size.none, "seed": 0, "workers": workers}
    options = [text for key, value in numbers.items() for text in (f"--{key}", str(value))]
    return ["-m", "whichwhale.survey", str(input_dir() / dataset), "--parts", *options]


def fit_arguments(size: Size, dataset: str, fit: Fit, more: Sequence[str]) -> list[str]:
    """What train.py and predict.py are given. An epoch has `per_epoch` pictures, or all labelled ones if they are more."""
    common = [f"dataset={dataset}", f"data.root={dataset}", "folds.count=2", "fold=0", f"name={fit.name}", f"seed={fit.seed}"]
    overrides = [*common, f"labelled={fit.labelled}", *size.more, *more]
    epoch = max(load(DetectConfig, CONFIG, overrides).per_epoch, fit.labelled)
    epochs = [] if any(one.startswith("fit.epochs=") for one in more) else [f"fit.epochs={max(round(size.pictures / epoch), 1)}"]
    return [str(CONFIG), *overrides, *epochs]


def benchmark(size: Size, dataset: str, fits: Sequence[Fit], more: Sequence[str], workers: int, run: Run) -> int:
    """Run what is not done yet, then print and write the curve."""
    commands = [survey_command(size, dataset, workers)]
    for fit in fits:
        arguments = fit_arguments(size, dataset, fit, more)
        commands += [[str(ROOT / f"{script}.py"), *arguments] for script in ("train", "predict")]
    for number, command in enumerate(commands):
        print(f"\n[{number + 1} of {len(commands)}] {' '.join(command)}", flush=True)
        if code := run(command):
            print(f"benchmarks/parts.py: it ended with {code}; type the same again to go on", file=sys.stderr)
            return 1
    results = [measured(dataset, fit) for fit in fits]
    write_json(runs_dir() / dataset / "parts.json", {"fits": results})
    print("\n" + curve(results))
    return 0


def measured(dataset: str, fit: Fit) -> dict:
    """Scores of one fit on what it did not see, and what it took."""
    folder = runs_dir() / dataset / fit.name / "fold0"
    found, truth = read(folder / "candidates.csv"), read(input_dir() / dataset / "parts.csv")
    config = load(DetectConfig, folder / "config.yaml")
    table = score(found, truth, config.threshold, seen.read(folder), config.parts)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    plain = [{key: value.item() if isinstance(value, np.generic) else value for key, value in row.items()} for row in rows]
    metrics = read_fit(folder).metrics
    return {
        "name": fit.name, "labelled": fit.labelled, "seed": fit.seed, "photos": int(found["Image"].nunique()), "scores": plain,
        "threshold": config.threshold, "minutes": sum(row["seconds"] for row in metrics) / 60,
        "images_per_second": float(np.median([row["images_per_second"] for row in metrics])),
    }  # fmt: skip


def curve(results: Sequence[dict]) -> str:
    """A row a number of labelled photos, means over seeds."""
    parts = [row["part"] for row in results[0]["scores"] if row["part"] != ALL]
    rows = []
    for one in results:
        by_part = {row["part"]: row for row in one["scores"]}
        everything = {key: by_part[ALL][key] for key in ("ap50", "ap50_95", "precision", "recall", "f1", "iou")}
        each = {f"AP50 {part}": by_part[part]["ap50"] for part in parts}
        rows.append({"labelled": one["labelled"]} | everything | each | {"minutes": one["minutes"]})
    table = pd.DataFrame(rows).astype(float).groupby("labelled")
    mean, count = table.mean(), table.size()
    mean.insert(0, "fits", count)
    unseen = f"{results[0]['photos']} photos that the fit did not see, score >= {results[0]['threshold']:g}"
    return f"{unseen}\n" + mean.round(3).to_string()


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 1 a stage failed (its own message stands above), 2 it can't be carried out."""
    parser = parser_of("benchmarks/parts.py", __doc__)
    parser.add_argument("--quick", action="store_true", help="toy size: tries the road, says nothing about the models")
    parser.add_argument("--labelled", type=int, nargs="+", metavar="N", help="points of the curve (default 10 20 40 80)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="of the fits (default 1)")
    parser.add_argument("--dataset", help="folder below input/ and runs/ (default parts, quick parts_quick)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw the survey (default 2)")
    parser.add_argument("--set", dest="more", action="append", default=[], metavar="KEY=VALUE", help="for every fit")
    parser.add_argument("--suffix", default="", help="for the names of fits with other settings")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else Size()
    dataset = options.dataset or ("parts_quick" if options.quick else "parts")
    labelled = options.labelled or ([4, 8] if options.quick else [10, 20, 40, 80])
    fits = [Fit(count, seed, options.suffix) for seed in range(options.seeds) for count in labelled]
    run = run or _in_a_process
    return carried_out(benchmark, size, dataset, fits, options.more, options.workers, run, by="benchmarks/parts.py")


def _in_a_process(command: list[str]) -> int:
    return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
