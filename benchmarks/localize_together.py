"""What are several localizers and aligners worth together? One classifier is asked about passports cut by the points of each, and
its answers are averaged.

examples:
  python benchmarks/localize_together.py                                   after benchmarks/localize.py: all localizers, all
                                                                           aligners, and all rows that it has measured
  python benchmarks/localize_together.py --rows heatmap aligner-heatmap    these together

In the 2015 competition 17 localizers in place of 8 took one competitor's log loss from 1.90 to 1.68. Nothing is fitted anew: rows
are those of benchmarks/localize.py, their points those that it left in runs/DATASET/measured/. `mean` is the plain mean of their
probabilities; `fitted` a geometric mean whose weights are fitted on other photos than those that they are told of. Rows that
learnt without points, and views of a fit that is there already, are together with others only where --rows says so. The
difference from the first row is paired, with 95 % of 10,000 bootstrap draws of the photos. It writes runs/DATASET/together.json.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from localize_measured import PARTS, TRUE, Benchmark, answers
from localize_rows import ALIGNER, CLASSIFIER, LOCALIZER, ROWS, Row, row
from markdown_table import markdown_table
from numpy.typing import NDArray

from whichwhale import annotations as contract
from whichwhale.blend.pool import LEAST_FLOOR, cross_fit
from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_json
from whichwhale.score import log_loss, paired_bootstrap, top_k
from whichwhale.score.log_loss import log_loss_rows

LEARNT_NO_POINTS = ("edges", "transformer")
L2 = 0.1  # on the weights' distance from equal ones: 240 photos don't tell twenty members apart
HEAD = ("together", "rows", "log loss, mean", "of true points'", "less than the first", "fitted", "top-1, mean")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 it can't be carried out."""
    parser = parser_of("benchmarks/localize_together.py", __doc__)
    parser.add_argument("--dataset", default="localize", help="folder below input/ and runs/ (default %(default)s)")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="these together (default: groups of what is there)")
    options = parser.parse_args(arguments)
    return carried_out(lambda asked: _asked(asked.dataset, asked.rows), options, by="benchmarks/localize_together.py")


def _asked(dataset: str, names: Sequence[str] | None) -> None:
    where = Benchmark(input_dir() / dataset, input_dir() / f"{dataset}_moved", runs_dir() / dataset)
    there = [one.name for one in ROWS if points_of(where, one.name).is_file()]
    wanted = {", ".join(names): [row(name).name for name in names]} if names else groups(there)
    if missing := [name for members in wanted.values() for name in members if name not in there]:
        run = f"python benchmarks/localize.py --only {' '.join(missing)}"
        raise ValueError(f"{points_of(where, missing[0])}: {missing[0]} is not measured yet; {run}")
    if LOCALIZER not in there or not (where.run(row(CLASSIFIER)) / "model.safetensors").is_file():
        raise ValueError(f"{where.home}: has no measured row {LOCALIZER} and no classifier; python benchmarks/localize.py --only")
    images, said = where.held_out(), {}
    for name in dict.fromkeys([LOCALIZER, *(name for members in wanted.values() for name in members)]):
        said[name], truth = answers(where, name, contract.read(points_of(where, name)), images)
    known = contract.read(where.photos / "annotations.csv")
    true, _ = answers(where, TRUE, known[known["Image"].isin(set(images))], images)
    best = log_loss(true, truth)
    first = together(row(LOCALIZER).title, [said[LOCALIZER]], [LOCALIZER], truth, best)
    results = [together(title, [said[name] for name in members], members, truth, best) for title, members in wanted.items()]
    for one in results:
        gain = paired_bootstrap(one["losses"], first["losses"], seed=0)
        one |= {"difference": gain.mean, "low": gain.low, "high": gain.high}
    write_json(where.home / "together.json", {"true_points": best, "photos": len(images), "rows": [first, *results]})
    print(as_text([first, *results], best))


def points_of(where: Benchmark, name: str) -> Path:
    """Contract 1's table of what a row found."""
    return where.home / "measured" / f"{name}.csv"


def groups(there: Sequence[str]) -> dict[str, list[str]]:
    """Titles → rows that are taken together, of those that are `there`: each fit once, and none that learnt without points."""
    rows = [one for one in ROWS if one.name in there and not one.fit and one.name not in (*LEARNT_NO_POINTS, ALIGNER)]
    before, after = _of(rows, "localizer", "detector"), [LOCALIZER, *_of(rows, "aligner")]
    return {
        "all localizers, one aligner": before,
        "one localizer, all aligners": after,
        "all": list(dict.fromkeys([*before, *after, *_of(rows, "whole")])),
    }


def _of(rows: Sequence[Row], *kinds: str) -> list[str]:
    return [one.name for one in rows if one.kind in kinds]


def together(
    title: str, answers_of: Sequence[NDArray[np.float64]], members: Sequence[str], truth: NDArray[np.int64], best: float
) -> dict[str, Any]:
    """Figures of several rows' answers p [images, whales]; `best` is the log loss with true points."""
    p = np.mean(answers_of, axis=0)
    part = np.random.default_rng(0).permutation(len(truth)) % PARTS
    told = {"title": title, "members": list(members), "log_loss": log_loss(p, truth), "top_1": top_k(p, truth, 1)}
    told |= {"of_true": log_loss(p, truth) / best - 1, "losses": log_loss_rows(p, truth).tolist(), "fitted": None}
    if len(members) > 1:
        told["fitted"] = log_loss(cross_fit(np.log(answers_of), truth, part, list(members), L2, LEAST_FLOOR), truth)
    return told


def as_text(results: Sequence[dict[str, Any]], best: float) -> str:
    """The table in Markdown."""
    cells = []
    for one in results:
        less = f"{-one['difference']:.3f} ({-one['high']:.3f} to {-one['low']:.3f})" if "difference" in one else ""
        fitted = "" if one["fitted"] is None else f"{one['fitted']:.3f}"
        figures = [f"{one['log_loss']:.3f}", f"{one['of_true']:+.1%}", less, fitted, f"{one['top_1']:.1%}"]
        cells.append([one["title"], f"{len(one['members'])}", *figures])
    return "\n".join(markdown_table(HEAD, [*cells, ["true points", "", f"{best:.3f}", "", "", "", ""]]))


if __name__ == "__main__":
    sys.exit(main())
