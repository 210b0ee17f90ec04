"""How much more may test rows be trusted than out-of-fold rows? The power that a survey's test truth asks for.

    python benchmarks/test_power.py configs/survey/ensemble.yaml --truth input/survey/truth/solution.csv
    python benchmarks/test_power.py configs/survey/ensemble.yaml dataset=demo --truth input/demo/truth/solution.csv

The blend's weights are fitted on out-of-fold rows, each the answer of one fold model. A test row is a mean over fits, some of
which saw more photos, so it errs less and deserves a power above 1 (`test_power` of an ensemble's config). A competition's photos
can't tell how much above; a survey's truth can. Intervals: bootstrap over test photos, of the power that fits best.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from whichwhale.blend.assemble import assemble, rows_of_test, rows_out_of_fold
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.pool import fit
from whichwhale.command_line import add_config, carried_out, parser_of
from whichwhale.config import load
from whichwhale.score.evaluation import read_truth

DRAWS = 200


def loss(power: float, logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """Mean log loss (nats) of softmax(power * logits [N, C])."""
    return float(-log_softmax(power * logits, axis=1)[np.arange(len(truth)), truth].mean())


def best_power(logits: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The power of least log loss, between 0.1 and 10."""
    found = minimize_scalar(lambda t: loss(np.exp(t), logits, truth), bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/test_power.py", __doc__)
    add_config(parser, "an ensemble's YAML, whose members are fitted and predicted", "as ensemble.py takes them")
    parser.add_argument("--truth", type=Path, required=True, help="CSV of the test photos' whales (Image,whaleID)")
    return carried_out(benchmark, parser.parse_args(arguments), by="benchmarks/test_power.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    config = load(EnsembleConfig, options.config, options.override)
    tables, told = config.competition(), read_truth(options.truth)
    column = {whale: i for i, whale in enumerate(tables.class_id)}
    photos = [image for image in tables.test if told.get(image) in column]
    truth = np.array([column[told[image]] for image in photos])
    labels = dict(zip(tables.train["Image"], tables.labels().tolist(), strict=True))
    print(f"{config.dataset}: {', '.join(config.members)}; {len(photos)} test photos of known whales")
    print("test rows  out-of-fold  test, power 1  best power (95 %)     test, best")
    for kind in ("folds", "all", "both"):
        if kind != "folds" and not all((config.runs / name / "foldall").is_dir() for name in config.members):
            continue
        members = [assemble(config.runs / name, tables.class_id, list(labels), kind) for name in config.members]
        rows = rows_out_of_fold(members, list(labels), config.folds(tables))
        own = np.array([labels[image] for image in rows.images])[rows.complete]
        pool = fit(rows.z[:, rows.complete], own, config.members, config.l2, config.floor)
        z, by = rows_of_test(members, photos)
        logits, answered = np.tensordot(pool.weights, z, axes=1)[by > 0], truth[by > 0]
        draw = np.random.default_rng(0)
        some = (draw.integers(len(answered), size=len(answered)) for _ in range(DRAWS))
        low, high = np.percentile([best_power(logits[i], answered[i]) for i in some], [2.5, 97.5])
        power = best_power(logits, answered)
        outside = loss(1.0, np.tensordot(pool.weights, rows.z[:, rows.complete], axes=1), own)
        print(
            f"{kind:9}  {outside:11.4f}  {loss(1.0, logits, answered):13.4f}  {power:.2f} ({low:.2f} to {high:.2f})"
            f"  {loss(power, logits, answered):13.4f}"
        )


if __name__ == "__main__":
    sys.exit(main())
