"""What a localizer and an aligner find in real photos, photo by photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from localize_measured import NAMES, against_boxes
from markdown_table import markdown_table

from whichwhale.annotations.table import BOX
from whichwhale.localize.error import errors
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.truth import points_of
from whichwhale.pictures.store import in_memory

AIM_MEDIAN = 0.1  # d
HEAD = ["photo", "d, % of width", "error, % of d", "head missed", "flip", "both in box", "IoU", "localizer", "on true box"]
TITLES = {"alone": "trained on the survey alone", "added": "all other real photos added (leave-one-out)"}


def measured(locator: Locator, paths: dict[str, Path], truth: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Contract 1 of what is found in all photos of `paths`, and a row for each of them that `truth` has.

    Rows: `error`, and `own` and `on_true_box` likewise, in d; `flipped`, head for tail; `missed`: nothing found, or the aligner's
    field lacks a true point; `inside`: both true points lie in the box; `iou`; `size`: true d over the photo's width; `status`.
    """
    located = list(locator.look(paths))
    table, boxes = (pd.concat([getattr(one, what) for one in located], ignore_index=True) for what in ("table", "boxes"))
    mine = truth[truth["Image"].isin(set(paths))]
    if mine.empty:
        return table, []
    compared, own = (errors(one, mine, NAMES).set_index("Image") for one in (table, boxes))
    about = errors(on_true_boxes(locator.aligner, paths, mine), mine, NAMES).set_index("Image")
    true, by_image = points_of(mine, NAMES), table.drop_duplicates("Image").set_index("Image")
    rows = []
    for image, (bonnet, blowhole) in zip(mine["Image"], true, strict=True):
        box = against_boxes(boxes[boxes["Image"] == image], mine)
        one = compared.loc[image]
        rows.append({
            "photo": image, "size": float(np.hypot(*(bonnet - blowhole)) / by_image.loc[image, "photo_width"]),
            "status": str(by_image.loc[image, "status"]), "error": float(one["error"]), "flipped": bool(one["swapped"]),
            "missed": bool(box["out_of_field"]), "inside": bool(box["inside"]), "iou": box["iou"],
            "own": float(own.loc[image, "error"]), "on_true_box": float(about.loc[image, "error"]),
        })  # fmt: skip
    return table, rows


def on_true_boxes(aligner: Fitted, paths: dict[str, Path], truth: pd.DataFrame) -> pd.DataFrame:
    """Contract 1 of what the aligner finds about the true boxes: what of the error is its own."""
    about = dict(zip(truth["Image"], truth[BOX].to_numpy(np.float64), strict=True))
    config = aligner.config
    some = {image: paths[image] for image in about}
    return aligner.find(in_memory(some, lambda image, _: config.crop(about[image]), (config.crop_side,) * 2), about)[0]


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Of one stage's photos."""
    error = np.array([one["error"] for one in rows])
    counts = {what: sum(one[what] for one in rows) for what in ("missed", "flipped", "inside")}
    found = {"photos": len(rows), "median": float(np.median(error)), "mean": float(error.mean()), "largest": float(error.max())}
    return found | counts | {what: float(np.median([one[what] for one in rows])) for what in ("own", "on_true_box")}


def met(results: dict[str, list[dict[str, Any]]]) -> dict[str, bool]:
    """Whether each stage has a median error of 10 % of d at most, and missed no head."""
    told = {stage: summary(rows) for stage, rows in results.items() if rows}
    return {stage: one["median"] <= AIM_MEDIAN and not one["missed"] for stage, one in told.items()}


def as_text(results: dict[str, list[dict[str, Any]]], images: Sequence[str]) -> str:
    """The tables in Markdown, as the README can quote them."""
    if not any(results.values()):
        return "nothing is fitted yet"
    lines = []
    for stage, rows in results.items():
        if not rows:
            continue
        cells = []
        for one in rows:
            yes = [("yes" if one[what] else "") for what in ("missed", "flipped", "inside")]
            numbers = [f"{100 * one[what]:.1f}" for what in ("own", "on_true_box")]
            sizes = [f"{100 * one['size']:.1f}", f"{100 * one['error']:.1f}"]
            numbers.insert(0, f"{one['iou']:.2f}")
            cells.append([one["photo"], *sizes, *yes, *numbers])
        all_ = summary(rows)
        counts = [f"{all_[what]} of {len(rows)}" for what in ("missed", "flipped", "inside")]
        medians = [f"{100 * all_[what]:.1f}" for what in ("own", "on_true_box")]
        cells.append(["**median**", "", f"**{100 * all_['median']:.1f}**", *counts, "", *medians])
        lines += ["", f"Real photos, {TITLES[stage]}:", "", *markdown_table(HEAD, cells), ""]
        wanting = "" if len(rows) == len(images) else f" ({len(images) - len(rows)} photos are not fitted yet)"
        reached = "reached" if met({stage: list(rows)})[stage] else "not reached"
        lines.append(
            f"Mean {100 * all_['mean']:.1f}, largest {100 * all_['largest']:.1f} % of d; the aim of a median of at most "
            f"{100 * AIM_MEDIAN:.0f} % and no head missed is {reached}{wanting}."
        )
    return "\n".join(lines[1:])
