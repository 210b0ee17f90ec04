"""How good found parts are: average precision as COCO computes it, and counts at one threshold, a row a part.

A found box counts at IoU >= 0.5. AP50 is the mean precision over 101 recalls at that IoU, AP50:95 the mean over IoU 0.50, 0.55,
…, 0.95 (Lin et al. 2014; pycocotools computes both).
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from whichwhale.annotations.table import BOX
from whichwhale.detect.matching import iou, match
from whichwhale.detect.seen import refuse_seen

IOU = 0.5
ALL = "all"  # the row of all parts: mean AP of those that the truth has, counts together
COLUMNS = ["part", "boxes", "ap50", "ap50_95", "precision", "recall", "f1", "tp", "fp", "fn", "iou"]


def score(
    found: pd.DataFrame,
    truth: pd.DataFrame,
    threshold: float,
    learnt: dict[int, set[str]] | None = None,
    parts: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Compare two contract-1 tables on the photos that both know.

    Args:
        found: everything that was found, whatever its score (candidates.csv): AP looks at all thresholds.
        truth: by hand.
        threshold: least score of what counts as found, for precision, recall, F1, TP, FP, FN and the mean IoU of true positives.
        learnt: fold → photos that its model was trained on (`seen.read`); of whoever is not in it nothing is scored, but for
            what was found by hand (fold −1).
        parts: which, in this order; None: those that the truth has, and those that were found, of which all are false.

    Returns:
        DataFrame with COLUMNS, a row a part and one for ALL; NaN where there is nothing to divide by.

    Raises:
        SeenError: a photo's finder was trained on it, or may have been.
        ValueError: the tables have no photo in common, or a found box has no score.
    """
    found, truth, images = shared(found, truth)
    refuse_seen(found, learnt or {})
    boxed = found[found["x"].notna()]
    if boxed["score"].isna().any():
        row = boxed[boxed["score"].isna()].iloc[0]
        raise ValueError(f"{row['item']} {row['part']}: has no score; average precision needs one for each box that was found")
    known = truth[truth["x"].notna()]
    names = {*known["part"].unique(), *boxed["part"].unique()}
    if known.empty and not parts:
        raise ValueError(f"the truth has no box in these {len(images)} photos: there is nothing to score")
    parts = list(parts or sorted(names, key=lambda part: (part != "head", part)))
    precision = _average_precision(boxed, known, images, parts)
    rows = []
    for part, (ap50, ap50_95) in zip(parts, precision, strict=True):
        mine, true = (table[table["part"] == part] for table in (boxed[boxed["score"] >= threshold], known))
        overlaps = _matched(mine, true)
        rows.append(
            {"part": part, "boxes": len(true), "ap50": ap50, "ap50_95": ap50_95} | _counts(overlaps, len(mine), len(true))
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    totals = table[["tp", "fp", "fn"]].sum()
    hits = totals["tp"]
    together = _rates(hits, hits + totals["fp"], hits + totals["fn"], (table["iou"].fillna(0) * table["tp"]).sum())
    means = {key: float(np.nanmean(table[key])) if table[key].notna().any() else math.nan for key in ("ap50", "ap50_95")}
    return pd.concat([table, pd.DataFrame([{"part": ALL, "boxes": table["boxes"].sum()} | means | together])], ignore_index=True)


def shared(found: pd.DataFrame, truth: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Both tables of the photos that both know, unreadable ones left out, and these photos."""
    readable = [table[table["status"] != "unreadable"] for table in (found, truth)]
    images = sorted(set(readable[0]["Image"]) & set(readable[1]["Image"]))
    if not images:
        raise ValueError("what was found and the truth have no photo in common")
    chosen = set(images)
    return *(table[table["Image"].isin(chosen)] for table in readable), images


def in_words(table: pd.DataFrame, threshold: float) -> str:
    """A table of scores as text."""
    at = f"at score >= {threshold:g}:"
    columns = [("prec.", 7), ("recall", 8), ("F1", 7), ("TP", 6), ("FP", 6), ("FN", 6), ("IoU", 7)]
    lines = [f"{'part':16}{'boxes':>6}{'AP50':>8}{'AP50:95':>9}   {at}" + "".join(f"{name:>{width}}" for name, width in columns)]
    for row in table.itertuples():
        rates = f"{row.precision:7.3f}{row.recall:8.3f}{row.f1:7.3f}{row.tp:6d}{row.fp:6d}{row.fn:6d}{row.iou:7.3f}"
        lines.append(f"{row.part:16}{row.boxes:6d}{row.ap50:8.3f}{row.ap50_95:9.3f}   {'':{len(at)}}{rates}")
    return "\n".join(lines)


def _matched(found: pd.DataFrame, true: pd.DataFrame) -> list[float]:
    """IoU of each true positive."""
    overlaps: list[float] = []
    by_image = {image: rows[BOX].to_numpy(float) for image, rows in true.groupby("Image")}
    for image, rows in found.groupby("Image"):
        boxes, others = rows[BOX].to_numpy(float), by_image.get(image, np.zeros((0, 4)))
        taken = match(boxes, rows["score"], others, IOU)
        hit = np.flatnonzero(taken >= 0)
        overlaps += iou(boxes, others)[hit, taken[hit]].tolist()
    return overlaps


def _counts(overlaps: list[float], found: int, true: int) -> dict[str, float]:
    return _rates(len(overlaps), found, true, sum(overlaps))


def _rates(hits: int, found: int, true: int, overlap: float) -> dict[str, float]:
    hits, found, true = int(hits), int(found), int(true)
    ratio = lambda a, b: a / b if b else math.nan  # noqa: E731
    rates = {"precision": ratio(hits, found), "recall": ratio(hits, true), "f1": ratio(2 * hits, found + true)}
    return rates | {"tp": hits, "fp": found - hits, "fn": true - hits, "iou": ratio(overlap, hits)}


def _average_precision(found: pd.DataFrame, true: pd.DataFrame, images: list[str], parts: list[str]) -> list[tuple[float, float]]:
    """AP50 and AP50:95 of each part; NaN where the truth has none of it."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    number = {image: i + 1 for i, image in enumerate(images)}
    category = {part: i + 1 for i, part in enumerate(parts)}

    def entries(table: pd.DataFrame) -> list[dict]:
        table = table[table["part"].isin(parts)]
        return [
            {"id": i + 1, "image_id": number[row.Image], "category_id": category[row.part], "iscrowd": 0, "score": row.score}
            | {"bbox": [row.x, row.y, row.width, row.height], "area": row.width * row.height}
            for i, row in enumerate(table.itertuples())
        ]

    truth, results = entries(true), entries(found)
    if not results:
        return [(0.0, 0.0) if (true["part"] == part).any() else (math.nan, math.nan) for part in parts]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        whole, mine = COCO(), COCO()
        for one, rows in ((whole, truth), (mine, results)):
            one.dataset = {
                "images": [{"id": i} for i in number.values()],
                "categories": [{"id": i} for i in category.values()],
                "annotations": rows,
            }
            one.createIndex()
        judge = COCOeval(whole, mine, "bbox")
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # IoU, recall, part; areas of any size, at most 100 boxes a photo
    by_part = [precision[:, :, i] for i in range(len(parts))]
    return [(float(one[0].mean()), float(one.mean())) if (one > -1).all() else (math.nan, math.nan) for one in by_part]
