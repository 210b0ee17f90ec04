"""The ablation's figures, from the predictions that the rows' fits wrote."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ablation_rows import PLAIN, ROWS
from markdown_table import markdown_table
from numpy.typing import NDArray

from whichwhale.blend.assemble import by_name, centred
from whichwhale.blend.pool import LEAST_FLOOR, cross_fit
from whichwhale.config import load
from whichwhale.identify.alarm import Collapsed
from whichwhale.identify.config import IdentifyConfig
from whichwhale.predictions import ROLE_TRAIN, ROLE_VALIDATION, read, split_item
from whichwhale.runs.fit import read_fit
from whichwhale.score import log_loss_rows, paired_bootstrap, top_k

PARTS = 5  # the held-out photos' power is fitted on four of them for the fifth


def calibrated(path: Path, class_id: Sequence[str], truth_of: dict[str, int]) -> tuple[list[str], NDArray, NDArray]:
    """Held-out photos of a predictions.npz in order of their names, p [N, C] of one fitted power, true columns [N]."""
    predictions = read(path)
    z, _ = centred(by_name(predictions, class_id, path))
    rows = {split_item(item)[0]: row for row, item in enumerate(predictions.item) if predictions.role[row] == ROLE_VALIDATION}
    images = sorted(rows)
    truth = np.array([truth_of[image] for image in images], np.int64)
    part = np.random.default_rng(0).permutation(len(images)) % PARTS  # the same for every row: the photos are the same
    return images, cross_fit(z[None, [rows[image] for image in images]], truth, part, ["row"], 0.0, LEAST_FLOOR), truth


def nearest(path: Path, truth_of: dict[str, int]) -> float:
    """Share of the held-out photos of a predictions.npz whose nearest photo among those that the fit learned from, by cosine, is
    of the same whale; NaN without embeddings."""
    predictions = read(path)
    whale = np.array([truth_of.get(split_item(item)[0], -1) for item in predictions.item])
    known, asked = ((predictions.role == role) & (whale >= 0) for role in (ROLE_TRAIN, ROLE_VALIDATION))
    if not predictions.embedding.shape[1] or not known.any():
        return float("nan")
    at = (predictions.embedding[asked] @ predictions.embedding[known].T).argmax(axis=1)
    return float((whale[known][at] == whale[asked]).mean())


def collapsed(path: Path) -> bool:
    """Whether the fit in the run folder `path` was stopped by the collapse alarm."""
    status = read_fit(path).status
    return status.get("state") == "failed" and str(status.get("error", "")).startswith(Collapsed.__name__)


def collect(home: Path, dataset: str, config: Path, fold: int, seeds: int) -> list[dict[str, Any]]:
    """One entry a row that has predictions, in the order of ROWS: plain numbers, ready for JSON.

    `log_loss`, `top_1`, `top_5`, `neighbour` (`nearest`): a number a seed; `difference`: log loss minus that of the row `against`
    (which comes before it), mean over the seeds that both have, with the 95 % interval of a paired bootstrap over photos, and a
    number a seed; `collapsed`: the epochs in which the alarm stopped fits.
    """
    data = load(IdentifyConfig, config, [f"dataset={dataset}"]).data.read_tables()
    truth_of = dict(zip(data.train["Image"], data.labels().tolist(), strict=True))
    losses: dict[str, dict[int, NDArray]] = {}
    found, photos = [], None
    for row in ROWS:
        entry: dict[str, Any] = {"name": row.name, "title": row.title, "changes": list(row.changes), "against": row.against}
        entry |= {"seeds": [], "collapsed": []}
        for seed in range(seeds):
            folder = home / f"{row.name}-{seed}" / f"fold{fold}"
            if not (folder / "predictions.npz").exists():
                entry["collapsed"] += [len(read_fit(folder).metrics) + 1] if collapsed(folder) else []
                continue
            images, p, truth = calibrated(folder / "predictions.npz", data.class_id, truth_of)
            if photos not in (None, images):
                raise ValueError(f"{folder}: holds out other photos than the base; delete {home} and begin anew")
            photos = images
            losses.setdefault(row.name, {})[seed] = log_loss_rows(p, truth)
            fit = read_fit(folder)
            speed = statistics.median(fit.numbers("images_per_second"))
            took = {"minutes": sum(fit.numbers("seconds")) / 60, "images_per_second": speed}
            scores = {"log_loss": float(losses[row.name][seed].mean()), "top_1": top_k(p, truth, 1), "top_5": top_k(p, truth, 5)}
            scores["neighbour"] = nearest(folder / "predictions.npz", truth_of)
            last = {"training_loss": fit.metrics[-1]["loss"], "peak_memory_mb": fit.metrics[-1]["peak_memory_mb"]}
            entry["seeds"].append({"seed": seed, "commit": str(fit.provenance.get("commit", ""))} | scores | took | last)
        if entry["seeds"] or entry["collapsed"]:
            found.append(entry | {"photos": len(photos or []), "difference": _difference(losses, row.name, row.against)})
    return found


def _difference(losses: dict[str, dict[int, NDArray]], name: str, against: str) -> dict[str, Any] | None:
    """Of a row's log loss to that of the row `against`, on the same photos and the seeds that both have."""
    both = sorted(losses.get(name, {}).keys() & losses.get(against, {}).keys())
    if name == against or not both:
        return None
    ours, theirs = (np.mean([losses[of][seed] for seed in both], axis=0) for of in (name, against))
    interval = paired_bootstrap(ours, theirs, seed=0)
    by_seed = [float((losses[name][seed] - losses[against][seed]).mean()) for seed in both]
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "by_seed": by_seed}


def as_text(results: Sequence[dict[str, Any]]) -> str:
    """The tables in Markdown, as the README can quote them: one for each row that others are compared with."""
    if not results:
        return "nothing is predicted yet"
    tables = []
    for against, head in (("base", "the base"), (PLAIN, "no augmentation")):
        if rows := [_cells(row) for row in results if row["against"] == against]:
            head_row = ["row", "log loss", f"against {head} (95 %)", "by seed", "top-1", "top-5", "nearest", "images/s", "min"]
            tables.append("\n".join(markdown_table(head_row, rows)))
    told = "log loss after one power fitted on other photos; nearest: the whale of the nearest training photo, by the embedding"
    tables.append(f"{results[0]['photos']} held-out photos; {told}.")
    return "\n\n".join(tables)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    epochs = ", ".join(map(str, row["collapsed"]))
    alarm = f"stopped by the alarm in epoch {epochs}" if epochs else ""
    if not row["seeds"]:
        return (row["title"], alarm, *[""] * 7)
    numbers = [key for key, value in row["seeds"][0].items() if not isinstance(value, str)]
    mean = {key: statistics.mean(one[key] for one in row["seeds"]) for key in numbers}
    differs = row["difference"]
    told = f"{differs['mean']:+.3f} ({differs['low']:+.3f} to {differs['high']:+.3f})" if differs else ""
    seeds = ", ".join(f"{one:+.2f}" for one in differs["by_seed"]) if differs else ""
    title = f"{row['title']} ({alarm})" if alarm else row["title"]
    figures = (title, f"{mean['log_loss']:.3f}", told, seeds, f"{mean['top_1']:.1%}", f"{mean['top_5']:.1%}")
    figures += (f"{mean['neighbour']:.1%}",)
    return (*figures, f"{mean['images_per_second']:.0f}", f"{mean['minutes']:.1f}")
