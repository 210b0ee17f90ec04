"""What are finding the head, two models, their blend and its calibration worth? The table that the README quotes.

examples:
  python benchmarks/survey.py                          two hours and a half on two cores; stop it and type it again: it goes on
  python benchmarks/survey.py --quick                  the same stages with toy networks: a minute or two, meaningless figures
  python benchmarks/survey.py --seeds 1                one seed; --seeds 3 later adds the others
  python benchmarks/survey.py --only points            the survey, the localizer and the aligner (groups before it must be done)
  python benchmarks/survey.py --only                   print the table of what is there
  python benchmarks/survey.py --whales 30 --training 400 --test 300 --dataset half --seeds 1       a smaller one

It draws a survey into input/DATASET, runs train.py, predict.py and ensemble.py as anybody would, and scores their submissions
against the survey's own truth. Models are fitted on 3 folds; test rows are the mean of the fold models, since a calibration that
was fitted on their out-of-fold rows would be too flat for a model that saw all photos. Rows:

  class prior             each whale's share of the training photos
  whole photo             no localization: the classifier's net, epochs and calibration on the whole photo, as many pixels
  classifier, embedding   one model on passports cut by the points that were found; its one power fitted out-of-fold
  blend, raw              equal weights, untempered
  blend, calibrated       weights fitted out-of-fold, what ensemble.py writes
  blend, true points      the same two models on passports cut by the true points

Localizer and aligner are fitted once; seeds are those of the models. All goes to runs/DATASET/benchmark.json.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from duration import in_words
from survey_plan import GROUPS, TINY, Size, Stage, stages
from survey_table import as_text, collect

from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_json
from whichwhale.nets import Backbone
from whichwhale.runs.fit import rows
from whichwhale.runs.stages import read_stages

Run = Callable[[str, str, Sequence[str]], int]
BYTES_PER_PHOTO = 1.6e6  # at 1152 pixels: the photo, three passports of it, what the localizer and the aligner see


def measured(dataset: str, name: str, command: Sequence[str]) -> int:
    """Run a stage's command; what it took goes to runs/DATASET/stages.jsonl. A process of its own measures each, since the
    system tells the largest of all its children only."""
    with subprocess.Popen([sys.executable, "-m", "whichwhale.runs", "stage", dataset, name, *command]) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # else the stage would go on alone
        try:
            while True:
                try:
                    return process.wait()
                except KeyboardInterrupt:
                    continue  # it got the signal itself, and writes down what the stage took before it ends
        finally:
            signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None, run: Run = measured) -> int:
    """Exit codes: 0 done, 1 a stage failed (its own message stands above), 2 it can't be carried out."""
    parser = parser_of("benchmarks/survey.py", __doc__)
    parser.add_argument("--quick", action="store_true", help="toy size: tries the road, says nothing about the models")
    parser.add_argument("--seeds", type=int, default=None, metavar="N", help="of the models (default 3, quick 1)")
    parser.add_argument("--only", nargs="*", choices=GROUPS, metavar="GROUP", help=f"some of the stages: {', '.join(GROUPS)}")
    parser.add_argument("--dataset", help="folder below input/ and runs/ (default benchmark, quick benchmark_quick)")
    for name, text in (
        ("whales", "known animals"),
        ("training", "training photos"),
        ("test", "test photos"),
        ("width", "pixels of a photo"),
        ("epochs", "of each identification model"),
        ("localizer-epochs", "of the localizer"),
        ("aligner-epochs", "of the aligner"),
        ("workers", "processes that draw the survey"),
    ):
        default = getattr(Size(), name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"{text} (default {default})")
    options = parser.parse_args(arguments)
    size = TINY if options.quick else Size()
    said = {name: getattr(options, name) for name in vars(size) if getattr(options, name, None) is not None}
    size = replace(size, **said)
    dataset = options.dataset or ("benchmark_quick" if options.quick else "benchmark")
    seeds = options.seeds if options.seeds is not None else (1 if options.quick else 3)
    return carried_out(benchmark, size, dataset, seeds, options.only, run, by="benchmarks/survey.py")


def benchmark(size: Size, dataset: str, seeds: int, only: Sequence[str] | None, run: Run) -> int:
    """Run what is not done yet of the groups `only` (None: of all), then print and write the table."""
    if bad := [name for name, value in (vars(size) | {"seeds": seeds}).items() if name != "tiny" and value < 1]:
        raise ValueError(f"--{bad[0].replace('_', '-')}: must be 1 or more")
    planned = stages(size, dataset, seeds)
    log = runs_dir() / dataset / "stages.jsonl"
    done = _done(log, planned)
    todo = [stage for stage in planned if stage.name not in done and (only is None or stage.group in only)]
    if todo:
        _check(size, todo, log.parent)
    for number, stage in enumerate(todo):
        left = in_words(_left(planned, todo[number:], log))
        print(f"\n[{number + 1} of {len(todo)}] {stage.name}; about {left} left", flush=True)
        if code := run(dataset, stage.name, stage.command(sys.executable)):
            print(f"benchmarks/survey.py: {stage.name} ended with {code}; type the same again to go on", file=sys.stderr)
            return 1
    results = collect(size, dataset, seeds, read_stages(log) if log.exists() else [])
    write_json(runs_dir() / dataset / "benchmark.json", results)
    print("\n" + as_text(results))
    return 0


def _done(log: Path, planned: Sequence[Stage]) -> set[str]:
    """Names of the stages that ended well. Raises ValueError if one of the plan was begun with other options."""
    commands = {stage.name: _told(stage.command("")) for stage in planned}
    done = set()
    for row in rows(log, "seconds"):
        name, told = str(row["stage"]), _told(row["command"])
        if name in commands and told != commands[name]:
            differs = sorted(set(told) ^ set(commands[name]))
            raise ValueError(
                f"{log}: {name!r} was run with other options ({' '.join(differs[:4])}); give another --dataset, or delete "
                f"{log.parent} and {input_dir() / log.parent.name}"
            )
        if row["exit"] == 0:
            done.add(name)
    return done


def _told(command: Sequence[str]) -> list[str]:
    """A command without what depends on where the checkout lies, and on how many processes do it."""
    parts = [Path(part).name if part.endswith((".py", ".yaml")) else part for part in command[1:]]
    return parts[: parts.index("--workers")] if "--workers" in parts else parts


def _check(size: Size, todo: Sequence[Stage], home: Path) -> None:
    """Refuse what would fail hours later: weights that can't be had, a disk that is too full."""
    for backbone in {stage.backbone.model_dump_json(): stage.backbone for stage in todo if stage.backbone}.values():
        Backbone(backbone)
    wanted = BYTES_PER_PHOTO * (size.training + size.test)
    for folder in (input_dir(), home):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if (free := shutil.disk_usage(there).free) < wanted:
            raise ValueError(f"{folder}: {free / 1e9:.1f} GB free, up to {wanted / 1e9:.1f} GB may be needed")


def _left(planned: Sequence[Stage], todo: Sequence[Stage], log: Path) -> float:
    """Seconds that the stages `todo` will take: the first estimates, corrected by what the others took."""
    took = {stage.name: stage.seconds_of_all for stage in (read_stages(log) if log.exists() else []) if stage.exit == 0}
    guessed = sum(stage.seconds for stage in planned if stage.name in took)
    factor = sum(took[stage.name] for stage in planned if stage.name in took) / guessed if guessed else 1.0
    return factor * sum(stage.seconds for stage in todo)


if __name__ == "__main__":
    sys.exit(main())
