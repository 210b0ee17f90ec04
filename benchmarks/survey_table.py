"""The survey benchmark's results: read from what the scripts wrote, never from the models' own words."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from survey_plan import POINTS, ROOT, Blend, Size, annotations, blends, submission

from whichwhale import annotations as contract
from whichwhale.blend.assemble import Member, assemble
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.pool import mix_floor
from whichwhale.blend.rows import OutOfFold, rows_of_test, rows_out_of_fold
from whichwhale.blend.scores import CROSS_FITTED, OTHER_PARTS, Score, with_prior
from whichwhale.checkout import Checkout
from whichwhale.competition import Competition
from whichwhale.config import input_dir, runs_dir
from whichwhale.localize.error import errors, in_words, summary
from whichwhale.runs.stages import Stage
from whichwhale.score import submission as file
from whichwhale.score.evaluation import evaluate, read_truth

ROWS = {
    "prior": "class prior",
    "naive-alone": "whole photo",
    "classifier-alone": "classifier",
    "embedding-alone": "embedding",
    "raw": "blend, raw",
    "blend": "blend, calibrated",
    "blend-true": "blend, true points",
}
HARD_ENOUGH, BLEND_TO_NAIVE, FOUND_TO_TRUE, MEDIAN_ERROR = 0.85, 0.35, 1.15, 0.03
FIGURES = ("log_loss", "top_1", "top_5")


def collect(size: Size, dataset: str, seeds: int, stages: Sequence[Stage]) -> dict[str, Any]:
    """All figures that can be had from what has been done so far: plain numbers, ready for JSON.

    `rows`: for each row of the table one entry a seed, {"seed", "test": {log_loss, top_1, top_5}, "out_of_fold": the same};
    `points`: error of the aligner's points, out-of-fold and on test photos; `checks`: what was aimed at; `stages`: seconds, MB.
    """
    rows: dict[str, list[dict]] = {name: [] for name in ROWS}
    for seed in range(seeds):
        for blend in (one for group in blends(seed).values() for one in group):
            if (runs_dir() / dataset / blend.name / "blend.json").exists():
                rows[blend.row].append(_calibrated(dataset, blend))
                if blend.row == "blend":
                    rows["raw"].append(_raw(dataset, blend))
                if blend.row == "naive-alone" and seed == 0:
                    rows["prior"].append(_prior(dataset, blend))
    points = _points(dataset)
    return {
        "dataset": dataset,
        "size": size.as_dict(),
        "commit": str(Checkout.of(ROOT)),
        "machine": {"cores": os.cpu_count(), "machine": platform.machine(), "torch": version("torch")},
        "rows": rows,
        "points": points,
        "checks": _checks(size, rows, points),
        "stages": [{"name": one.name, "seconds": one.seconds_of_all, "peak_memory_mb": one.peak_memory_mb} for one in stages],
    }


def _calibrated(dataset: str, blend: Blend) -> dict[str, Any]:
    """One blend as ensemble.py left it: its submission against the survey's truth, its own cross-fitted out-of-fold scores."""
    truth = read_truth(input_dir() / dataset / "truth" / "solution.csv")
    scored = evaluate(file.read(submission(dataset, blend.name)), truth)
    test = {"log_loss": scored.log_loss.mean, "top_1": scored.top_1, "top_5": scored.top_5, "photos": scored.photos}
    kept = json.loads((runs_dir() / dataset / blend.name / "blend.json").read_text(encoding="utf-8"))
    scores, honest = kept["scores"]["out_of_fold"], (CROSS_FITTED, OTHER_PARTS)
    own = next(one for one in scores if one["name"] == "blend" and one["weights"] in honest)
    out_of_fold = {name: own[name] for name in FIGURES} | {"photos": own["rows"], "prior": own["prior"]}
    return {"seed": blend.seed, "test": test, "out_of_fold": out_of_fold, "weights": kept["weights"]}


def _raw(dataset: str, blend: Blend) -> dict[str, Any]:
    """The members of a blend pooled with equal weights that sum to 1: a mean of logits, nothing fitted."""
    tables, members, rows, truth, floor = _assembled(dataset, blend)
    prior = rows.prior(truth, tables.labels(), len(tables.class_id))
    held_out = _pooled(rows.z, rows.answered, prior, floor)
    z, count = rows_of_test(members, tables.test)
    tested = _pooled(z, count > 0, np.broadcast_to(tables.prior(), z.shape[1:]), floor)
    return {"seed": blend.seed, "test": _score(tested, _columns(dataset, tables)), "out_of_fold": _score(held_out, truth)}


def _prior(dataset: str, blend: Blend) -> dict[str, Any]:
    """What knowing nothing but the whales' numbers of training photos is worth, on the rows of `blend`."""
    tables, _, rows, truth, _ = _assembled(dataset, blend)
    tested = np.broadcast_to(tables.prior(), (len(tables.test), len(tables.class_id)))
    held_out = rows.prior(truth, tables.labels(), len(tables.class_id))
    return {"seed": blend.seed, "test": _score(tested, _columns(dataset, tables)), "out_of_fold": _score(held_out, truth)}


def _assembled(dataset: str, blend: Blend) -> tuple[Competition, list[Member], OutOfFold, NDArray[np.int64], float]:
    """The survey's tables; members, out-of-fold rows and their true columns of a blend, as ensemble.py reads them; its floor."""
    config = EnsembleConfig(dataset=dataset, members=list(blend.members), test="folds")
    tables = config.competition()
    labelled = tables.train["Image"].tolist()
    members = [assemble(config.runs / name, tables.class_id, labelled, "folds") for name in blend.members]
    rows = rows_out_of_fold(members, labelled, config.folds(tables))
    column = dict(zip(labelled, tables.labels().tolist(), strict=True))
    return tables, members, rows, np.array([column[image] for image in rows.images]), config.floor


def _pooled(z: NDArray[np.float64], answered: NDArray[np.bool_], prior: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """p [N, C] of centred logits z [M, N, C]."""
    return with_prior(mix_floor(softmax(z.mean(axis=0), axis=1), floor), answered, prior, floor)


def _columns(dataset: str, tables: Competition) -> NDArray[np.int64]:
    """The true column of each test photo."""
    truth = read_truth(input_dir() / dataset / "truth" / "solution.csv")
    return np.array([tables.class_id.index(truth[image]) for image in tables.test])


def _score(p: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, float]:
    score = Score.of("", "", None, p, truth)
    return {"log_loss": score.log_loss.mean, "top_1": score.top_1, "top_5": score.top_5, "photos": score.rows}


def _points(dataset: str) -> dict[str, dict[str, float]]:
    """How far the aligner's points are off, in d, out-of-fold and on test photos; {} before there are any."""
    found = runs_dir() / dataset / "aligner" / "annotations.csv"
    if not found.exists() or not annotations(dataset).exists():
        return {}
    table = errors(contract.read(found), contract.read(annotations(dataset)), list(POINTS))
    test = table["Image"].isin(read_truth(input_dir() / dataset / "truth" / "solution.csv"))
    return {"out_of_fold": summary(table[table["fold"] >= 0]), "test": summary(table[test])}


def _checks(size: Size, rows: dict[str, list[dict]], points: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """What was aimed at, and what came out: {"what", "value", "aim", "met"}; those whose figures are there."""
    test = {name: mean for name, found in rows.items() if (mean := _mean(found, "test", "log_loss"))}
    held_out = _mean(rows["naive-alone"], "out_of_fold", "log_loss")
    checks = []

    def check(what: str, value: float, aim: float, at_least: bool = False) -> None:
        met = value >= aim if at_least else value <= aim
        checks.append({"what": what, "value": value, "aim": f"{'>=' if at_least else '<='} {aim:g}", "met": bool(met)})

    if held_out:
        what = f"whole photo, out-of-fold log loss / ln({size.whales} whales)"
        check(what, held_out / math.log(size.whales), HARD_ENOUGH, at_least=True)
    if {"naive-alone", "blend"} <= test.keys():
        check("test log loss, calibrated blend / whole photo", test["blend"] / test["naive-alone"], BLEND_TO_NAIVE)
    if {"blend-true", "blend"} <= test.keys():
        check("test log loss, found points / true points", test["blend"] / test["blend-true"], FOUND_TO_TRUE)
    for name, of in points.items():
        if of["photos"]:
            check(f"median point error / d, {_spelt(name)}", of["error_50"], MEDIAN_ERROR)
    return checks


def _mean(found: Iterable[dict], part: str, figure: str) -> float | None:
    values = [one[part][figure] for one in found]
    return statistics.fmean(values) if values else None


def as_text(results: dict[str, Any]) -> str:
    """The table, the points, the checks, and what each stage took."""
    size = results["size"]
    about = f"{size['whales']} whales, {size['training']} training and {size['test']} test photos, {size['folds']} folds"
    parts = [[f"Survey benchmark: {about}; {results['commit']}"], _table(results["rows"])]
    parts += [[f"points, {_spelt(name)}: {in_words(of)}" for name, of in results["points"].items()]]
    verdict = {True: "met", False: "not met"}
    checks = [(one["what"], f"{one['value']:.3f}", f"aim {one['aim']}", verdict[one["met"]]) for one in results["checks"]]
    parts += [_aligned(checks, left=4)]
    stages = [(one["name"], one["seconds"], one["peak_memory_mb"]) for one in results["stages"]]
    if stages:
        _, seconds, memory = zip(*stages, strict=True)
        stages.append(("all", sum(seconds), max(memory)))
    took = [(name, f"{seconds / 60:.1f}", f"{memory:.0f}") for name, seconds, memory in stages]
    parts += [_aligned([("stage", "minutes", "peak MB"), *took])]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _table(rows: dict[str, list[dict]]) -> list[str]:
    head = ("", "test log loss", "top-1 %", "top-5 %", "out-of-fold log loss", "top-1 %", "seeds")
    shown = (("test", "log_loss"), ("test", "top_1"), ("test", "top_5"), ("out_of_fold", "log_loss"), ("out_of_fold", "top_1"))
    body = []
    for name, title in ROWS.items():
        if found := rows[name]:
            cells = [_cell([one[part][figure] for one in found], figure) for part, figure in shown]
            body.append((title, *cells, str(len(found))))
    return _aligned([head, *body])


def _aligned(lines: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns of text, the first `left` of them flush left."""
    width = [max(map(len, column)) for column in zip(*lines, strict=True)]
    pattern = "  ".join(f"{{:{'<' if column < left else '>'}{w}}}" for column, w in enumerate(width))
    return [pattern.format(*line).rstrip() for line in lines]


def _cell(values: Sequence[float], figure: str) -> str:
    """Mean over seeds, and where there are several their standard deviation."""
    digits, factor = (3, 1) if figure == "log_loss" else (1, 100)
    spread = f" ± {factor * statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{factor * statistics.fmean(values):.{digits}f}{spread}"


def _spelt(name: str) -> str:
    return name.replace("_", "-")
