"""How much more may test rows be trusted than out-of-fold rows? The power that a survey's test truth asks for.

    python benchmarks/test_power.py configs/survey/ensemble.yaml --truth input/survey/truth/solution.csv
    python benchmarks/test_power.py configs/survey/ensemble.yaml dataset=demo choose=logit --truth input/demo/truth/solution.csv

A blend is fitted on out-of-fold rows, each the answer of one fold model. A test row is a mean over fits, some of which saw more
photos, so it errs less and deserves a power above 1 (`test_power` of an ensemble's config), whichever way the blend answers
(`choose`). A competition's photos can't tell how much above; a survey's truth can. Intervals: bootstrap over test photos, of the
power that fits best. Losses are without the floor.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from known_answers import known_answers
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from whichwhale.blend.answering import log_answer
from whichwhale.blend.assemble import assemble
from whichwhale.blend.blended import blend, evidence_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.cosines import cosines_of_test
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.neighbours import write_neighbours_of
from whichwhale.blend.recipes import DEFAULT
from whichwhale.blend.rows import rows_of_test
from whichwhale.blend.uncertainty import uncertainty
from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.config import load

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
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/test_power.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    config = load(EnsembleConfig, options.config, options.override)
    tables = config.competition()
    photos, truth = known_answers(options.truth, tables)
    write_neighbours_of(config.members, config.runs, tables, config.neighbours_scale)
    blended = blend(config.model_copy(update={"test": "folds"}), tables)  # what is fitted has nothing to do with test rows
    pool, rows = blended.pool, blended.rows
    known = evidence_of(config, tables, blended.members, rows).rows(rows.complete[rows.answered])
    outside = loss(1.0, log_answer(pool, known), blended.truth[rows.complete])
    labelled, way = tables.train["Image"].tolist(), DEFAULT if pool.chosen is None else pool.chosen["name"]
    print(f"{config.dataset}: {', '.join(config.members)}; {way}; {len(photos)} test photos of known whales")
    print("test rows  out-of-fold  test, power 1  best power (95 %)     test, best")
    for kind in ("folds", "all", "both"):
        if kind != "folds" and not all((config.runs / name / "foldall").is_dir() for name in config.members):
            continue
        members = [assemble(config.runs / name, tables.class_id, labelled, kind) for name in config.members]
        z, by = rows_of_test(members, photos)
        there = by == len(members)  # photos of some members only have weights of their own
        unsure, cosines = uncertainty(config.runs, config.members, photos), cosines_of_test(members, photos)
        asked = Evidence.of(config.members, tables.class_id, z, tables.prior(), unsure, cosines).rows(there)
        logits, answered = log_answer(pool, asked), truth[there]
        draw = np.random.default_rng(0)
        some = (draw.integers(len(answered), size=len(answered)) for _ in range(DRAWS))
        low, high = np.percentile([best_power(logits[i], answered[i]) for i in some], [2.5, 97.5])
        power = best_power(logits, answered)
        print(
            f"{kind:9}  {outside:11.4f}  {loss(1.0, logits, answered):13.4f}  {power:.2f} ({low:.2f} to {high:.2f})"
            f"  {loss(power, logits, answered):13.4f}"
        )


if __name__ == "__main__":
    sys.exit(main())
