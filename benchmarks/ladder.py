"""From one model and one view to the whole blend: what does each step bring?

examples:
  python benchmarks/ladder.py configs/right_whale_heads/ensemble.yaml
  python benchmarks/ladder.py configs/right_whale_heads/ensemble.yaml members=[lite0_160,lite0_160_neighbours]
  python benchmarks/ladder.py configs/survey/ensemble.yaml --truth input/survey/truth/solution.csv

Steps: the first member on one view of each photo; on its config's views; calibrated by one fitted power; then each further
member in the YAML's order, pooled with those before it (MODEL_neighbours is one); last the way to blend that the YAML
chooses, if it is another than the log-linear pool. All rows are out-of-fold, and what is fitted on them is cross-fitted over
the folds. Beside each step the gain over the one before, with the 95 % interval of a paired bootstrap over photos, and log
loss and top-1 by the number of the whale's photos that the fit trained on. The chosen way is cross-fitted over parts of the
photos, of which its fits see more than the folds leave, so its gain is over the log-linear pool that is cross-fitted over the
same parts. With --truth the blend's test rows as well: from the fold models, from the fits on all photos, and from both.
Everything must be fitted and predicted; goes to runs/DATASET/ladder.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from known_answers import known_answers
from markdown_table import markdown_table
from numpy.typing import NDArray
from scipy.special import softmax

from whichwhale.blend.assemble import centred
from whichwhale.blend.blended import blend
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.neighbours import source_of, write_neighbours_of
from whichwhale.blend.pool import cross_fit, mix_floor
from whichwhale.blend.recipes import AUTO, DEFAULT
from whichwhale.blend.rows import OutOfFold
from whichwhale.blend.scores import OTHER_PARTS, with_prior
from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.competition import Competition
from whichwhale.config import load
from whichwhale.files import write_json
from whichwhale.geometry import identity
from whichwhale.identify import fitted
from whichwhale.identify.experiment import Experiment, item_of
from whichwhale.identify.predicting import all_columns, predict
from whichwhale.runs.fit import read_fit
from whichwhale.score import log_loss_rows, mean_interval, paired_bootstrap, rank_of_truth

GROUPS = ((1, 2), (3, 5), (6, 10), (11, None))  # photos of the whale that the fit trained on
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """One line: its name, p [N, C] of the same photos in every step, what its fits took (minutes, images/s; 0: no training);
    `over`: p of what it is held against, if that is not the step before as it stands."""

    name: str
    p: Floats
    minutes: float = 0.0
    speed: float = 0.0
    over: Floats | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 it can't be carried out."""
    parser = parser_of("benchmarks/ladder.py", __doc__)
    add_config(parser, "an ensemble's YAML, whose members are fitted and predicted", "as ensemble.py takes them")
    parser.add_argument("--truth", type=Path, help="CSV of the test photos' whales (Image,whaleID), where they are known")
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/ladder.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    print(as_text(ladder(load(EnsembleConfig, options.config, options.override), options.truth)))


def ladder(config: EnsembleConfig, truth_file: Path | None = None) -> dict[str, Any]:
    """All figures, plain numbers; also written to runs/DATASET/ladder.json."""
    tables = config.competition()
    asked = None if truth_file is None else known_answers(truth_file, tables)
    write_neighbours_of(config.members, config.runs, tables, config.neighbours_scale)
    blended = blend(config.model_copy(update={"test": "folds"}), tables)
    rows, truth = blended.rows, blended.truth
    steps = climb(config, tables, rows, truth, rows.prior(truth, tables.labels(), len(tables.class_id)))
    if config.choose != DEFAULT and blended.honest is not None:
        way = blended.pool.chosen["name"] if blended.pool.chosen else DEFAULT
        name = f"chosen: {way}" if config.choose == AUTO else f"choose: {way}"
        steps.append(Step(name, blended.honest, over=blended.pool_honest))
    known = _trained_on(config, tables, rows, truth)
    results: dict[str, Any] = {
        "dataset": config.dataset,
        "photos": len(truth),
        "steps": [_figures(step, before, truth, known) for step, before in zip(steps, [None, *steps], strict=False)],
    }
    write_json(config.runs / "ladder.json", results)  # before what may still fail
    if asked is not None:
        results["test"] = _test(config, tables, *asked)
        write_json(config.runs / "ladder.json", results)
    return results


def climb(config: EnsembleConfig, tables: Competition, rows: OutOfFold, truth: NDArray[np.int64], prior: Floats) -> list[Step]:
    """The steps, in order; a photo without a row counts with the class prior."""
    first = config.members[0]

    def answered(p: Floats, has: NDArray[np.bool_]) -> Floats:
        return with_prior(p, has, prior, config.floor)

    def plain(z: Floats) -> Floats:
        return answered(mix_floor(softmax(z, axis=1), config.floor), rows.has[0])

    def cost(name: str) -> tuple[float, float]:
        return _took(config, name) if source_of(config.runs / name) is None else (0.0, 0.0)

    z = one_view(config, tables, rows) if source_of(config.runs / first) is None else None
    if z is None:
        steps = [Step(first, plain(rows.z[0]), *cost(first))]
    else:
        steps = [Step(f"{first}, one view", plain(z), *cost(first)), Step("+ views", plain(rows.z[0]))]
    for count in range(1, len(config.members) + 1):
        z, has = rows.z[:count], rows.has[:count]
        p = cross_fit(z, truth, rows.fold, config.members[:count], config.l2, config.floor, has.all(0))
        name = config.members[count - 1]
        took = cost(name) if count > 1 else (0.0, 0.0)
        steps.append(Step("+ one fitted power" if count == 1 else f"+ {name}", answered(p, has.any(0)), *took))
    return steps


def one_view(config: EnsembleConfig, tables: Competition, rows: OutOfFold) -> Floats | None:
    """Centred logits [N, C] of the first member's fold models on the plain view of each photo, the mean over partitions if there
    are several; 0 where there is none. None if it is no model of this house, or (said) not all of its weights are here."""
    folder, z = config.runs / config.members[0], np.zeros(rows.z.shape[1:])
    predicted = sorted(path.parent for path in folder.glob("fold*/predictions.npz") if path.parent.name != "foldall")
    gone = [path.name for path in predicted if not (path / "model.safetensors").exists()]
    if gone and len(gone) < len(predicted):
        print(f"{folder}: the weights of {', '.join(gone)} are not here, so there is no row of one view", file=sys.stderr)
    if gone:
        return None
    fits = sorted(path.parent for path in folder.glob("fold*/model.safetensors") if path.parent.name != "foldall")
    place, times = {image: row for row, image in enumerate(rows.images)}, np.zeros((len(z), 1))
    for path in fits:
        net, whales, settings = fitted.read(path)
        fold = int(path.name.removeprefix("fold"))
        # A fit doesn't keep how many partitions there are.
        partitions = settings.folds.model_copy(update={"repeat": 1 + fold // settings.folds.count})
        experiment = Experiment.open(settings.model_copy(update={"folds": partitions}))
        _, held_out = experiment.photos(fold)
        held_out = [image for image in held_out if image in place]
        at = experiment.store.rows([item_of(image) for image in held_out])
        logits, _ = predict(net, experiment.store, at, settings, [identity()], f"{folder.name} {path.name}, one view")
        seen = np.array([tables.class_id.index(whale) for whale in whales])
        at = [place[image] for image in held_out]
        z[at] += centred(all_columns(logits, seen, len(tables.class_id)))[0]
        times[at] += 1
    return z / np.maximum(times, 1) if fits else None


def _took(config: EnsembleConfig, name: str) -> tuple[float, float]:
    """Minutes of all finished fits of a model, and the median of their images/s."""
    fits = [read_fit(path.parent) for path in sorted((config.runs / name).glob("fold*/metrics.jsonl"))]
    fits = [fit for fit in fits if fit.status.get("state") == "fitted"]
    speeds = [speed for fit in fits for speed in fit.numbers("images_per_second")]
    return sum(sum(fit.numbers("seconds")) for fit in fits) / 60, float(np.median(speeds)) if speeds else 0.0


def _trained_on(config: EnsembleConfig, tables: Competition, rows: OutOfFold, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many photos of each photo's whale the fit that left it out trained on [N]."""
    labels, dealt = tables.labels(), config.folds(tables)
    fold = np.array([dealt.get(image, -1) for image in tables.train["Image"]], np.int64)
    counts = np.zeros((int(fold.max(initial=-1)) + 2, len(tables.class_id)), np.int64)  # of each fold; the last: of fold -1
    aside = config.set_aside()  # which no fold model saw
    learned = np.array([image not in aside for image in tables.train["Image"]], bool)
    np.add.at(counts, (fold[learned], labels[learned]), 1)
    return counts.sum(0)[truth] - np.where(rows.fold >= 0, counts[rows.fold, truth], 0)


def _figures(step: Step, before: Step | None, truth: NDArray[np.int64], known: NDArray[np.int64]) -> dict[str, Any]:
    losses, rank = log_loss_rows(step.p, truth), rank_of_truth(step.p, truth)
    interval = mean_interval(losses, seed=0)
    found: dict[str, Any] = {
        "name": step.name,
        "log_loss": interval.mean,
        "interval": [interval.low, interval.high],
        "top_1": float((rank < 1).mean()),
        "top_5": float((rank < 5).mean()),
        "minutes": step.minutes,
        "images_per_second": step.speed,
        "by_photos": [],
    }
    if before is not None:
        others = log_loss_rows(before.p if step.over is None else step.over, truth)
        gain = paired_bootstrap(losses, others, seed=0)
        found["gain"] = {"mean": gain.mean, "low": gain.low, "high": gain.high}
        if step.over is not None:
            found["over"] = {"name": f"{DEFAULT}, {OTHER_PARTS}", "log_loss": float(others.mean())}
    for low, high in GROUPS:
        here = (known >= low) & (known <= (high or np.inf))
        if here.any():
            scores = {"log_loss": float(losses[here].mean()), "top_1": float((rank[here] < 1).mean())}
            found["by_photos"].append({"from": low, "to": high, "photos": int(here.sum())} | scores)
    return found


def _test(config: EnsembleConfig, tables: Competition, photos: Sequence[str], whale: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The last blend on the test photos of known whales, by which fits' mean the rows are."""
    place = {image: row for row, image in enumerate(tables.test)}
    at, found = [place[image] for image in photos], []
    for kind in ("folds", "all", "both"):
        if kind != "folds" and not all((config.runs / name / "foldall").is_dir() for name in config.members):
            continue
        p = blend(config.model_copy(update={"test": kind}), tables).answers()[at]
        rank, interval = rank_of_truth(p, whale), mean_interval(log_loss_rows(p, whale), seed=0)
        scores = {"log_loss": interval.mean, "interval": [interval.low, interval.high]}
        found.append({"rows": kind} | scores | {"top_1": float((rank < 1).mean()), "top_5": float((rank < 5).mean())})
    return found


def as_text(results: dict[str, Any]) -> str:
    """The tables in Markdown."""
    steps = results["steps"]
    groups = [f"{one['from']}{'+' if one['to'] is None else '–' + str(one['to'])}" for one in steps[0]["by_photos"]]
    counts = ", ".join(f"{name}: {one['photos']}" for name, one in zip(groups, steps[0]["by_photos"], strict=True))
    head = ["step", "log loss (95 %)", "gain (95 %)", "top-1", "top-5", *groups, "min", "images/s"]
    rows = []
    for step in steps:
        gain = step.get("gain")
        cells = [
            step["name"],
            f"{step['log_loss']:.3f} ({step['interval'][0]:.3f} to {step['interval'][1]:.3f})",
            f"{gain['mean']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})" if gain else "",
            f"{step['top_1']:.1%}",
            f"{step['top_5']:.1%}",
            *(f"{one['log_loss']:.2f}, {one['top_1']:.0%}" for one in step["by_photos"]),
            f"{step['minutes']:.0f}" if step["minutes"] else "",
            f"{step['images_per_second']:.0f}" if step["images_per_second"] else "",
        ]
        rows.append(cells)
    told = f"by photos of the whale that the fit trained on ({counts}): log loss, top-1"
    lines = [*markdown_table(head, rows), "", f"{results['photos']} out-of-fold photos; {told}."]
    lines += [
        f"{step['name']}: {OTHER_PARTS}; gain over the log-linear pool from the same parts, {step['over']['log_loss']:.3f}."
        for step in steps
        if "over" in step
    ]
    for one in results.get("test", []):
        low, high = one["interval"]
        shares = f"top-1 {one['top_1']:.1%}, top-5 {one['top_5']:.1%}"
        lines.append(f"Test rows from {one['rows']}: log loss {one['log_loss']:.3f} ({low:.3f} to {high:.3f}), {shares}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
