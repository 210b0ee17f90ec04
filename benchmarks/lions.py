"""Do several parts of a lion tell more than the best one? Face, ear, whiskers and nose, left and right, fused by fitted weights.

examples:
  python benchmarks/lions.py --source LIONS                 the crops of LIONS into input/lions, two models, tables: some minutes
  python benchmarks/lions.py --models frozen                once more, or the tables alone: what is done is skipped
  python benchmarks/lions.py --models frozen --missing 0 0.2 0.4 0.6 --draws 200

LIONS holds LION/LION_Left_Face.png, … in any folder, whatever the files' endings say. benchmarks/lions_parts.py makes two
sightings of each lion of them; the first is asked about, and compared with the second of all lions of its fold. Every model of
configs/lions is fitted on folds that hold lions out whole; a fold's weights of the parts are fitted on the other folds' lions.
Tables are Markdown, intervals 95 % bootstraps over lions. Best part: the one of highest AUC, chosen with hindsight. All goes to
runs/DATASET/lions.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from catalogue import cell
from lions_parts import TABLE, prepare, told
from markdown_table import markdown_table

from whichwhale.catalogue import parts
from whichwhale.catalogue.held_out import held_out
from whichwhale.catalogue.incoming import of_file
from whichwhale.catalogue.table import read_labels
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_json
from whichwhale.score import fusion

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs" / "lions"
Run = Callable[[list[str]], int]


def commands(dataset: str, model: str, more: Sequence[str]) -> list[list[str]]:
    """What fits a model's folds and runs them over all crops."""
    arguments = [str(CONFIGS / f"{model}.yaml"), f"dataset={dataset}", f"data.root={dataset}", *more]
    return [[str(ROOT / f"{script}.py"), *arguments] for script in ("train", "predict")]


def judged(
    dataset: str, model: str, missing: Sequence[float], times: int, seed: int, draws: int
) -> tuple[parts.FusionFile, list[parts.Asked]]:
    """Weights of a model's parts, and how they did on lions that neither they nor the model had seen."""
    files = sorted((runs_dir() / dataset / model).glob("fold*/predictions.npz"))
    labels = input_dir() / dataset / TABLE
    found = [held_out(of_file(file).labelled(read_labels(labels), str(labels)), str(file)) for file in files]
    sides = {"asked": ["sighting=a"], "among": ["sighting=b"]}
    return parts.fit(found, [str(file) for file in files], **sides, missing=missing, times=times, seed=seed, draws=draws)


def as_text(model: str, fitted: parts.FusionFile, every: Sequence[parts.Asked]) -> str:
    """The tables of a model."""
    blocks = []
    for one in every:
        found = one.found
        rows = [[row.name, f"{row.there:.0%}", cell(row.auc), cell(row.top_1), cell(row.top_5)] for row in found.rows]
        for about, gain in (
            (f"fitted weights less {found.best}", found.gain),
            (f"the same where {found.best} is shown", found.gain_there),
        ):
            rows.append([about, "", *(_signed(gain[name]) for name in fusion.FIGURES)])
        left = f"{one.missing:.0%} of the parts left out at random" if one.missing else "all parts that there are"
        about = f"`{model}`, {left}: {found.queries} sightings of {found.animals} lions asked, among {found.candidates:.0f} each"
        lines = markdown_table(["score", "shown", "ROC AUC", "top-1", "top-5"], rows)
        blocks.append("\n".join([about, "", *lines]))
    weights = ", ".join(f"{part} {slope:.1f}" for part, slope in zip(fitted.parts, fitted.slope, strict=True))
    return "\n\n".join([*blocks, f"`{model}`, weights: {weights}"])


def _signed(one: fusion.Interval) -> str:
    return f"{one.mean:+.1%} ({one.low:+.1%} to {one.high:+.1%})"


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 1 a stage failed (its own message stands above), 2 it can't be carried out."""
    parser = parser_of("benchmarks/lions.py", __doc__)
    parser.add_argument("--source", type=Path, metavar="LIONS", help="where the crops lie; needed the first time")
    parser.add_argument("--dataset", default="lions", help="folder below input/ and runs/ (default %(default)s)")
    known = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    parser.add_argument("--models", nargs="+", default=["frozen", "arcface"], choices=known, help="of configs/lions")
    parser.add_argument("--missing", type=float, nargs="+", default=[0.0, 0.3, 0.5], help="shares of parts that are left out")
    parser.add_argument("--times", type=int, default=10, help="draws of what is left out (default %(default)s)")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap samples (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="more", action="append", default=[], metavar="KEY=VALUE", help="for every fit")
    options = parser.parse_args(arguments)
    return carried_out(benchmark, options, run or _in_a_process, by="benchmarks/lions.py")


def benchmark(options: argparse.Namespace, run: Run) -> int:
    root = input_dir() / options.dataset
    if options.source is not None:
        print(told(prepare(options.source, root)))
    elif not (root / TABLE).exists():
        raise ValueError(f"{root / TABLE}: not there; say where the lions' crops lie with --source")
    else:
        print(told(pd.read_csv(root / TABLE)))
    results = {}
    for model in options.models:
        for command in commands(options.dataset, model, options.more):
            if code := run(command):
                print(f"benchmarks/lions.py: it ended with {code}; type the same again to go on", file=sys.stderr)
                return 1
        fitted, every = judged(options.dataset, model, options.missing, options.times, options.seed, options.draws)
        results[model] = parts.as_numbers(fitted, every)
        parts.write(runs_dir() / options.dataset / model / parts.FILE, fitted)
        print(f"\n{as_text(model, fitted, every)}", flush=True)
    write_json(runs_dir() / options.dataset / "lions.json", results)
    return 0


def _in_a_process(command: list[str]) -> int:
    return subprocess.run([sys.executable, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
