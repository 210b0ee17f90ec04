"""Who is recognised, the animal or its sea? Test photos whose background was swapped, asked of three kinds of models.

examples:
  python benchmarks/shortcut.py                    all of it; stop it and type it again: it goes on
  python benchmarks/shortcut.py --quick            the same stages with toy networks: some minutes, meaningless figures
  python benchmarks/shortcut.py --models whole_photo passports --whales 30 --training 400 --test 200 --dataset half

It draws a survey in which some animals appear among the test photos alone, and its test photos once more, with other waves and
with the sea of another whale's photo behind the animal (benchmarks/shortcut_photos.py). Localizer, aligner and one fold of each
model are fitted as anybody would; every photo goes the whole road, so heads and points are found anew. Models are one classifier
on the whole photo, on the head box cut out upright, and on the passport (configs/survey). Two tables:

  known animals    how many are named rightly, as photographed and on both other seas; what another sea costs (at least: skin
                   under water keeps the look of the old one, and how much of the head box that is stands above the table); how
                   many are named for the whale of that sea, before and after it was put behind them
  confident names  how many photos of unknown and of known animals get a name with a probability of --sure at least: by the
                   classifier's own softmax, and by a catalogue of the photos that it was fitted and validated on (`build` and
                   `search`, told the true share of strangers), which can say that it is nobody it knows

An unknown animal must not get a confident name: where a model's catalogue gives one to more than --most of the unknown animals'
photos, on any of the three seas, that is said and the exit code is 1 (not with --quick: toys recognise nobody).

Intervals are 95 % bootstraps over animals. A photo in which no head is found is named wrongly, and not confidently. All goes to
runs/DATASET/shortcut.json.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shortcut_answers import CATALOGUE, SETS, ask
from shortcut_photos import make
from shortcut_table import as_text, collect, verdicts

from whichwhale.catalogue import manifest
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_json
from whichwhale.survey import plan

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "survey"
MODELS = {"whole_photo": None, "box_crop": "localizer", "passports": "aligner"}  # and whose annotations cut their passports
Run = Callable[[list[str]], int]


@dataclass(frozen=True)
class Size:
    """How large it is. `more`: key=value for each config, by its name."""

    whales: int = 40
    unknown: int = 15  # animals
    training: int = 600
    test: int = 500
    width: int = 1152
    epochs: int = 16
    workers: int = 2
    tiny: bool = False

    @property
    def survey(self) -> plan.Survey:
        return plan.Survey(self.whales, self.training + self.test, self.width, 0, self.test, self.unknown)


QUICK = Size(6, 3, 72, 40, 288, 2, 1, True)
TINY_NET = ("backbone.name=test_resnet", "backbone.weights=false", "fit.batch_size=8")
TINY_ONES = {
    "localizer": ("fit.epochs=6", "least_score=0", "heatmap.width=32", "width=96", "height=64", "fit.lr=8e-3"),
    "aligner": (
        "fit.epochs=6",
        "least_score=0",
        "heatmap.width=32",
        "size=96",
        "second.width=64",
        "second.height=32",
        "fit.lr=8e-3",
    ),
    "whole_photo": ("passports.view.width=54", "passports.view.height=36", "view.width=36", "view.height=24"),
    "box_crop": ("view.width=32", "view.height=32"),
    "passports": ("view.width=48", "view.height=24"),
}


def stages(size: Size, dataset: str, models: Sequence[str]) -> list[list[str]]:
    """The commands that make the survey and fit everything, in order; each skips what is done."""
    survey = size.survey
    numbers = {"whales": survey.whales, "photos": survey.photos, "test-photos": survey.test_photos, "unknown": survey.unknown}
    numbers |= {"width": survey.width, "seed": survey.seed, "workers": size.workers}
    options = [text for name, value in numbers.items() for text in (f"--{name}", str(value))]
    commands = [["-m", "whichwhale.survey", str(input_dir() / dataset), *options]]
    data = [f"dataset={dataset}", f"data.root={dataset}", "folds.count=3"]
    points = [name for name in ("localizer", "aligner") if any(MODELS[one] in (name, "aligner") for one in models)]
    for name in (*points, *models):
        arguments = [str(CONFIGS / f"{name}.yaml"), *data, *_changes(size, dataset, name)]
        commands += [[str(ROOT / f"{script}.py"), *arguments] for script in ("train", "predict")]
    return commands


def _changes(size: Size, dataset: str, name: str) -> list[str]:
    changes = [*TINY_NET, *TINY_ONES[name]] if size.tiny else []
    if name not in MODELS:
        return changes
    if size.tiny:
        changes.append("auxiliary.weight=0")  # so few whales may have one kind of callosity
    kick = [] if size.tiny else [f"fit.kicks=[{{epoch: {0.625 * size.epochs:g}, epochs: 1, factor: 2.5}}]"]
    changes += ["fold=0", f"auxiliary.table={dataset}/callosity.csv", f"fit.epochs={size.epochs}", *(kick or ["fit.kicks=[]"])]
    return changes + ([f"passports.annotations={dataset}/{MODELS[name]}/annotations.csv"] if MODELS[name] else [])


def catalogue_stages(dataset: str, model: str, rate: float) -> list[list[str]]:
    """The commands that build a model's catalogue, where there is none, or calibrate one whose build was stopped before it had
    probabilities, and ask it about all sets of photos."""
    fit = runs_dir() / dataset / model / "fold0"
    home, commands = fit / CATALOGUE, []
    if not (home / "catalogue.json").exists():
        source = ["--vectors", str(fit / "predictions.npz"), "--roles", "train", "validation"]
        table = ["--table", str(input_dir() / dataset / "train.csv"), "--keep-doubles"]
        commands.append(["-m", "whichwhale.catalogue", "build", str(home), *source, *table])
    elif manifest.read(home).calibration is None:
        commands.append(["-m", "whichwhale.catalogue", "calibrate", str(home)])
    for kind in SETS:
        vectors, answers = fit / f"shortcut-{kind}.npz", fit / f"shortcut-{kind}.json"
        asking = ["--vectors", str(vectors), "--new-rate", f"{rate:.6f}", "--top", "1", "--json", str(answers)]
        commands.append(["-m", "whichwhale.catalogue", "search", str(home), *asking])
    return commands


def benchmark(size: Size, dataset: str, models: Sequence[str], sure: float, most: float, draws: int, run: Run) -> int:
    """Run what is not done yet, then print and write the tables, and hold the bound on unknown animals."""
    if not 0.5 <= sure < 1:
        raise ValueError(f"--sure {sure:g}: a confident name has a probability of 0.5 at least, and below 1")
    if not 0 <= most < 1:
        raise ValueError(f"--most {most:g}: the share of unknown animals' photos that may be named lies from 0 to below 1")
    root = input_dir() / dataset

    def done(commands: Sequence[list[str]]) -> bool:
        for number, command in enumerate(commands):
            print(f"\n[{number + 1} of {len(commands)}] {' '.join(command)}", flush=True)
            if code := run(command):
                print(f"benchmarks/shortcut.py: it ended with {code}; type the same again to go on", file=sys.stderr)
                return False
        return True

    if not done(stages(size, dataset, models)):
        return 1
    print("\nswapping backgrounds", flush=True)
    photos = make(size.survey, root / "swapped")
    rate = float((photos["whaleID"] == plan.NEW_WHALE).mean())
    for model in models:
        for kind in SETS:
            folder = root / ("imgs" if kind == "as photographed" else f"swapped/{kind}")
            ask(runs_dir() / dataset / model / "fold0", kind, [folder / image for image in photos["Image"]])
        if not done(catalogue_stages(dataset, model, rate)):
            return 1
    results = collect(dataset, models, photos, sure, draws)
    kept, lines = verdicts(results, most)
    write_json(runs_dir() / dataset / "shortcut.json", results | {"most": most, "kept": kept})
    print("\n".join(["", as_text(results), "", *lines]))
    return 0 if kept or size.tiny else 1


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done; 1 a stage failed (its own message stands above), or unknown animals got names; 2 it can't be carried
    out."""
    parser = parser_of("benchmarks/shortcut.py", __doc__)
    parser.add_argument("--quick", action="store_true", help="toy size: tries the road, says nothing about the models")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS), help="default: all")
    parser.add_argument("--dataset", help="folder below input/ and runs/ (default shortcut, quick shortcut_quick)")
    parser.add_argument("--sure", type=float, default=0.9, help="probability of a confident name (default %(default)s)")
    parser.add_argument(
        "--most", type=float, default=0.05, help="share of unknown animals' photos that may get one (default %(default)s)"
    )
    parser.add_argument("--draws", type=int, default=2000, help="bootstrap samples (default %(default)s)")
    for name, text in (
        ("whales", "known animals"),
        ("unknown", "animals among the test photos alone"),
        ("training", "training photos"),
        ("test", "test photos"),
        ("width", "pixels of a photo"),
        ("epochs", "of each model"),
        ("workers", "processes that draw the survey"),
    ):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text} (default {getattr(Size(), name)})")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else Size()
    size = replace(size, **{name: getattr(options, name) for name in vars(size) if getattr(options, name, None) is not None})
    dataset = options.dataset or ("shortcut_quick" if options.quick else "shortcut")
    run = run or _in_a_process
    asked = options.models, options.sure, options.most, options.draws
    return carried_out(benchmark, size, dataset, *asked, run, by="benchmarks/shortcut.py")


def _in_a_process(command: list[str]) -> int:
    return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
