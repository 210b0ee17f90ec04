"""Hard negatives: what was found with confidence and is not there, worst first, and what it is instead."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whichwhale.annotations.table import BOX
from whichwhale.detect.matching import iou, match
from whichwhale.detect.score import IOU, shared
from whichwhale.detect.seen import refuse_seen

COLUMNS = ["Image", "part", "score", *BOX, "why", "iou"]
NEAR = 0.1  # IoU from which on a box is badly placed, or on another part, and not on the sea


def hard_negatives(
    found: pd.DataFrame, truth: pd.DataFrame, threshold: float, learnt: dict[int, set[str]] | None = None
) -> pd.DataFrame:
    """The false positives of a contract-1 table that score at least `threshold`, by falling score.

    Returns:
        DataFrame with COLUMNS; `why` is 'double' (a box of the same part that is found already), 'badly placed' (its best true
        box of the part has an IoU from 0.1 to 0.5), 'is another part: NAME', or 'background' (photos to learn from as they
        are); `iou` with that box.

    Raises:
        SeenError: a photo's finder was trained on it.
        ValueError: the tables have no photo in common.
    """
    found, truth, _ = shared(found, truth)
    refuse_seen(found, learnt or {})
    found = found[found["x"].notna() & (found["score"] >= threshold)]
    by_image = {image: rows for image, rows in truth[truth["x"].notna()].groupby("Image")}
    rows = []
    for (image, part), mine in found.groupby(["Image", "part"]):
        true = by_image.get(image, truth.iloc[:0])
        same = (true["part"] == part).to_numpy()
        overlap = iou(mine[BOX], true[BOX])
        hit = match(mine[BOX], mine["score"], true.loc[same, BOX], IOU) >= 0
        for i in np.flatnonzero(~hit):
            why, best = _why(overlap[i], same, true["part"].to_numpy())
            row = mine.iloc[i]
            rows.append({"Image": image, "part": part, "why": why, "iou": best} | {key: row[key] for key in ("score", *BOX)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["score", "Image"], ascending=[False, True], ignore_index=True)


def _why(overlap: np.ndarray, same: np.ndarray, part: np.ndarray) -> tuple[str, float]:
    own, other = (float(overlap[mask].max()) if mask.any() else 0.0 for mask in (same, ~same))
    if own >= IOU:
        return "double", own
    if other >= IOU or other > own >= NEAR or other >= NEAR > own:
        return f"is another part: {part[~same][overlap[~same].argmax()]}", other
    return ("badly placed", own) if own >= NEAR else ("background", max(own, other))
