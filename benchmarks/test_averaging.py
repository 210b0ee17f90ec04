"""Same averaging at test time: on which rows should the blend be fitted, and of which fits should test rows be the mean?

examples:
  python benchmarks/test_averaging.py benchmark                   one classifier: 13 fits, about half an hour on two cores
  python benchmarks/test_averaging.py benchmark configs/survey/passports.yaml configs/survey/embedding.yaml fit.epochs=12
  python benchmarks/test_averaging.py benchmark --table           print the table of what is fitted already
  python benchmarks/test_averaging.py benchmark configs/survey/passports.yaml configs/survey/embedding.yaml --table --choose logit

DATASET is a survey with an aligner (`python benchmarks/survey.py` makes one, `make demo` another): its photos, found points and
test truth are taken as they are. An out-of-fold row is one fold model's answer, a test row a mean over several, which errs less,
so a power that fits the former is too small for the latter. Compared:

  one partition        as ever: fitted on rows of one fold model each; test rows from the fold models, from the fit on all
                       photos (c), or half from each
  (a) partitions       every photo is left out in each of several partitions: fitted on means over so many fold models; test
                       rows are the mean over all partitions' fold models, or over as many as an out-of-fold row has
  (b) calibration      a tenth of the photos is seen by no fold model: fitted on their rows, which are means as test rows are

Fitted below runs/DATASET_partitions and runs/DATASET_calibration, both with the passports that DATASET has already; what is
done is skipped. Best power: the further one that the test truth asks for, with a 95 % bootstrap interval over test photos; 1 says
that the weights are right for test rows. Gain: log loss against the first row, paired bootstrap. `--choose` says which way the
models are blended (blend/recipes.py). Goes to runs/DATASET/test_averaging.json, the ways to blend beside each other as long as
they are of the very same fits and test truth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from known_answers import known_answers
from markdown_table import markdown_table
from numpy.typing import NDArray
from scipy.special import softmax
from test_power import DRAWS, best_power

from whichwhale.blend.assemble import assemble
from whichwhale.blend.blended import evidence_of, truth_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.cosines import cosines_of_test
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.pool import TestFrom, mix_floor
from whichwhale.blend.recipes import DEFAULT as RECIPE
from whichwhale.blend.recipes import fit, parse
from whichwhale.blend.rows import FitOn, rows_of_test, rows_out_of_fold
from whichwhale.blend.uncertainty import uncertainty
from whichwhale.command_line import carried_out, parsed, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import sha256, write_json
from whichwhale.score import log_loss_rows, paired_bootstrap, rank_of_truth

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ROOT / "configs" / "survey" / "passports.yaml"
SHARE = 0.1
GIVEN = "given"  # no points: photos are aligned heads
Run = Callable[[str, Sequence[str]], int]


@dataclass(frozen=True)
class Way:
    """One row: the data set that its fits are in, on what it is fitted, whose mean test rows are; `alone`: of the first partition
    only, out-of-fold rows or test rows."""

    name: str
    dataset: str
    test: TestFrom
    fits: int
    fit_on: FitOn = "out_of_fold"
    rows_alone: bool = False
    test_alone: bool = False


def ways(dataset: str, folds: int, repeat: int) -> list[Way]:
    """The table's rows."""
    several, aside = f"{dataset}_partitions", f"{dataset}_calibration"
    alone = {"rows_alone": True, "test_alone": True}
    return [
        Way("one partition: fold models", several, "folds", folds, **alone),
        Way("one partition: half of all", several, "both", folds + 1, **alone),
        Way("one partition: fit on all photos (c)", several, "all", folds + 1, **alone),
        Way(f"(a) {repeat} partitions: all fold models", several, "folds", folds * repeat),
        Way(f"(a) {repeat} partitions: one's fold models", several, "folds", folds * repeat, test_alone=True),
        Way(f"(a) {repeat} partitions: half of all", several, "both", folds * repeat + 1),
        Way("(b) calibration photos: fold models", aside, "folds", folds, "calibration"),
    ]


def script(name: str, arguments: Sequence[str]) -> int:
    """Run train.py or predict.py."""
    return subprocess.run([sys.executable, str(ROOT / name), *arguments], check=False).returncode


def main(arguments: Sequence[str] | None = None, run: Run = script) -> int:
    """Exit codes: 0 done, 1 a fit failed (its own message stands above), 2 it can't be carried out."""
    parser = parser_of("benchmarks/test_averaging.py", __doc__)
    parser.add_argument("dataset", help="a survey, below input/ and runs/")
    parser.add_argument("what", nargs="*", metavar="YAML|key=value", help=f"models ({DEFAULT.name} if none), and changes to them")
    parser.add_argument("--folds", type=int, default=3, help="of a partition (default 3)")
    parser.add_argument("--repeat", type=int, default=3, help="partitions (default 3)")
    points_help = "annotations.csv that passports are cut by (default DATASET/aligner/annotations.csv), or given"
    parser.add_argument("--points", help=points_help)
    parser.add_argument("--truth", type=Path, help="CSV of the test photos' whales (default input/DATASET/truth/solution.csv)")
    parser.add_argument("--choose", metavar="RECIPE", default=RECIPE, help=f"way to blend the models (default {RECIPE})")
    parser.add_argument("--table", action="store_true", help="fit nothing")
    return carried_out(benchmark, parsed(parser, arguments, "what"), run, by="benchmarks/test_averaging.py")


def benchmark(options: argparse.Namespace, run: Run) -> int:
    """Fit what is not fitted yet, then measure, print and write the table. Raises ValueError."""
    changes = [word for word in options.what if "=" in word]
    models = [Path(word) for word in options.what if "=" not in word] or [DEFAULT]
    truth = options.truth or input_dir() / options.dataset / "truth" / "solution.csv"
    if options.folds < 2 or options.repeat < 2:
        raise ValueError("--folds and --repeat: at least 2")
    parse(options.choose)
    names, points = [path.stem for path in models], options.points or f"{options.dataset}/aligner/annotations.csv"
    answers = known_answers(truth, _config(options.dataset, options.dataset, names).competition())
    if not options.table:
        for command in commands(options.dataset, models, changes, options.folds, options.repeat, points):
            for name in ("train.py", "predict.py"):
                if run(name, command):
                    print("benchmarks/test_averaging.py: a fit failed; type the same again to go on", file=sys.stderr)
                    return 1
    rows = ways(options.dataset, options.folds, options.repeat)
    results = [measure(way, names, options.dataset, options.folds, *answers, options.choose) for way in rows]
    base = results[0]["losses"]
    for row in results:
        gain = paired_bootstrap(base, row.pop("losses"), seed=0, draws=2000)
        row["gain"] = [gain.mean, gain.low, gain.high]
    kept = runs_dir() / options.dataset / "test_averaging.json"
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    of = {"models": names, "folds": options.folds, "repeat": options.repeat, "truth": sha256(truth)}
    of["fits"] = _fingerprints({way.dataset for way in rows}, names)
    same = all(before.get(key) == value for key, value in of.items())
    how = {"changes": changes, "points": points}
    if same and options.table:  # says nothing of the fits, and need not repeat what they were told
        how = {key: before[key] for key in how}
    write_json(kept, of | how | {"ways": (before["ways"] if same else {}) | {options.choose: results}})
    print(as_text(results))
    return 0


def _config(dataset: str, root: str, models: Sequence[str]) -> EnsembleConfig:
    return EnsembleConfig.model_validate({"dataset": dataset, "members": models, "data": {"root": root}})


def _fingerprints(datasets: Collection[str], models: Sequence[str]) -> dict[str, str]:
    """SHA-256 of all predictions that the table may be of."""
    files = (
        file for home in sorted(datasets) for name in models for file in (runs_dir() / home / name).glob("*/predictions.npz")
    )
    return {"/".join(file.parts[-4:-1]): sha256(file) for file in sorted(files)}


def commands(
    dataset: str, models: Sequence[Path], changes: Sequence[str], folds: int, repeat: int, points: str
) -> Iterator[list[str]]:
    """Arguments of train.py and predict.py, one list a model and data set."""
    for path in models:
        where = [f"data.root={dataset}", f"auxiliary.table={dataset}/callosity.csv"]
        where += [f"passports.annotations={points}"] if points != GIVEN else []
        mine = [*where, f"folds.count={folds}", f"name={path.stem}", *changes]
        yield [str(path), f"dataset={dataset}_partitions", *mine, f"folds.repeat={repeat}"]
        only = ",".join(map(str, range(folds)))
        yield [str(path), f"dataset={dataset}_calibration", *mine, f"folds.calibration={SHARE}", f"fold=[{only}]"]


def measure(
    way: Way,
    models: Sequence[str],
    dataset: str,
    folds: int,
    photos: Sequence[str],
    whale: NDArray[np.int64],
    recipe: str = RECIPE,
) -> dict[str, Any]:
    """Blend the models by the recipe, fitted as the way says; score those test `photos`, whose columns are `whale`, that all
    models predict."""
    config = _config(way.dataset, dataset, models)
    tables = config.competition()
    labelled = tables.train["Image"].tolist()

    def members(alone: bool) -> list[Any]:
        with first_partition(config.runs, models, folds) if alone else _as_is(config.runs) as home:
            return [assemble(home / name, tables.class_id, labelled, way.test) for name in models]

    own = members(way.rows_alone)
    rows = rows_out_of_fold(own, labelled, config.folds(tables), way.fit_on)
    shown = truth_of(rows.images, tables)
    fitted = rows.complete[rows.answered]
    learned, shown = evidence_of(config, tables, own, rows).rows(fitted), shown[rows.complete]
    found = fit(recipe, learned, shown, config.l2, config.floor, tables.prior())
    own = members(way.test_alone)
    z, by = rows_of_test(own, photos)
    there = by == len(models)
    unsure, cosines = uncertainty(config.runs, models, photos), cosines_of_test(own, photos)
    asked = Evidence.of(models, tables.class_id, z, tables.prior(), unsure, cosines).rows(there)
    logits = found.log_p(asked).astype(np.float64)
    right = whale[there]
    power = best_power(logits, right)
    draw = np.random.default_rng(0)
    some = [best_power(logits[at], right[at]) for at in (draw.integers(len(right), size=len(right)) for _ in range(DRAWS))]
    low, high = np.percentile(some, [2.5, 97.5])
    p = mix_floor(softmax(logits, axis=1), config.floor)
    losses, rank = log_loss_rows(p, right), rank_of_truth(p, right)
    best = log_loss_rows(mix_floor(softmax(power * logits, axis=1), config.floor), right)
    return {
        "name": way.name,
        "fits": way.fits * len(models),
        "rows": len(shown),
        "rows_log_loss": float(log_loss_rows(found.probabilities(learned), shown).mean()),
        "test": len(right),
        "log_loss": float(losses.mean()),
        "top_1": float((rank < 1).mean()),
        "power": [power, float(low), float(high)],
        "best_log_loss": float(best.mean()),
        "losses": losses,
    }


@contextmanager
def first_partition(home: Path, models: Sequence[str], folds: int) -> Iterator[Path]:
    """A folder that looks like runs/DATASET with the fits of the first partition, and those on all photos, alone."""
    with tempfile.TemporaryDirectory() as folder:
        for file in home.glob("folds.csv"):
            (Path(folder) / file.name).symlink_to(file.resolve())
        for model in models:
            (Path(folder) / model).mkdir()
            for name in (*(f"fold{k}" for k in range(folds)), "foldall"):
                (Path(folder) / model / name).symlink_to((home / model / name).resolve())
        yield Path(folder)


@contextmanager
def _as_is(home: Path) -> Iterator[Path]:
    yield home


def as_text(results: Sequence[dict[str, Any]]) -> str:
    """The table in Markdown."""
    head = ["fitted on: test rows from", "fits", "rows", "their log loss", "test log loss", "gain (95 %)", "top-1"]
    head += ["best power (95 %)", "then"]
    rows = []
    for row in results:
        power, gain = row["power"], row["gain"]
        cells = [
            row["name"],
            str(row["fits"]),
            f"{row['rows']:,}",
            f"{row['rows_log_loss']:.3f}",
            f"{row['log_loss']:.3f}",
            f"{gain[0]:+.3f} ({gain[1]:+.3f} to {gain[2]:+.3f})",
            f"{row['top_1']:.1%}",
            f"{power[0]:.2f} ({power[1]:.2f} to {power[2]:.2f})",
            f"{row['best_log_loss']:.3f}",
        ]
        rows.append(cells)
    best = min(results, key=lambda row: row["log_loss"])
    calibrated = min(results, key=lambda row: abs(np.log(row["power"][0])))
    told = f"Least test log loss: {best['name']}. Power nearest to 1: {calibrated['name']}."
    return "\n".join([*markdown_table(head, rows), "", f"{results[0]['test']:,} test photos. {told}"])


if __name__ == "__main__":
    sys.exit(main())
