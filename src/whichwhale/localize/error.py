"""How far points are off: mean distance of both points over the true d, per photo."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from whichwhale.annotations.table import BOX
from whichwhale.localize.truth import points_of

MISSED = 1.0  # error of a photo without detection: 100 % of d; further off a head is not found either
FLIP = 0.5  # head for tail is told from a head elsewhere: exchanged, the points are off by less than this, in d
PERCENTILES = (50, 95, 99)


def point_error(points: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean distance of predicted from true points (both [N, P, 2], px) over the distance of the first two true ones: [N], in d.

    Where a predicted point is NaN the whole photo counts as missed; NaN where the truth has not all points, or no d.
    """
    d = np.hypot(*(truth[:, 0] - truth[:, 1]).T)
    d = np.where(d > 0, d, np.nan)
    error = np.linalg.norm(points - truth, axis=-1).mean(1) / d
    error = np.where(np.isnan(points).any((1, 2)), MISSED, error)
    return np.where(np.isnan(truth).any((1, 2)) | np.isnan(d), np.nan, error)


def errors(predicted: pd.DataFrame, truth: pd.DataFrame, names: list[str], part: str = "head") -> pd.DataFrame:
    """Compare two contract-1 tables by the animal that the label means (`#0`).

    Returns:
        DataFrame [Image, error, swapped, lost, inside, fold], a row for each photo of `predicted` whose truth has all points
        `names`, the first two of them apart: error in d (1.0 where nothing was found); swapped: head for tail, the first two
        points lie nearer to the truth if they change places, and then within FLIP; lost: nothing was found, or something more
        than d away; inside: all true points lie in the predicted box; fold as predicted.
    """
    truth, predicted = (animal(table, part) for table in (truth, predicted))
    true = points_of(truth, names)
    known = np.isfinite(true).all((1, 2)) & (true[:, 0] != true[:, 1]).any(1)
    truth, true = truth[known], true[known]
    shared = predicted.index.intersection(truth.index)
    true = true[truth.index.get_indexer(shared)]
    predicted = predicted.loc[shared]
    box = predicted[BOX].to_numpy(np.float64)
    low, high = box[:, None, :2], box[:, None, :2] + box[:, None, 2:]
    inside = ((true >= low) & (true <= high)).all((1, 2))  # False where there is no box: NaN
    points = points_of(predicted, names)
    error, as_found = point_error(points, true), point_error(points[:, :2], true[:, :2])
    swapped = point_error(points[:, 1::-1], true[:, :2]) < np.minimum(as_found, FLIP)
    told = {"error": error, "swapped": swapped, "lost": error >= MISSED, "inside": inside}
    return pd.DataFrame({"Image": shared, **told, "fold": predicted["fold"].to_numpy()})


def in_one_place(truth: pd.DataFrame, names: list[str], part: str = "head") -> list[str]:
    """Photos whose first two true points coincide, so that there is no d."""
    truth = animal(truth, part)
    points = points_of(truth, names[:2])
    return truth.index[(points[:, 0] == points[:, 1]).all(1)].tolist()


def summary(table: pd.DataFrame) -> dict[str, float]:
    """Percentiles of the error over photos (in d), and the shares with head for tail, a lost head, both points in the box."""
    if table.empty:
        return {"photos": 0}
    values = {f"error_{p}": float(np.percentile(table["error"], p)) for p in PERCENTILES}
    return {"photos": len(table), **values, **{name: float(table[name].mean()) for name in ("swapped", "lost", "inside")}}


def in_words(scores: dict[str, float]) -> str:
    """A summary as one line."""
    if not scores.get("photos"):
        return "no photo with known points"
    parts = ", ".join(f"{p}th {100 * scores[f'error_{p}']:.2f}" for p in PERCENTILES[1:])
    return (
        f"{scores['photos']:.0f} photos, point error in % of d: median {100 * scores['error_50']:.2f}, {parts}; "
        f"head for tail {100 * scores['swapped']:.1f} %, not found or elsewhere {100 * scores['lost']:.1f} %, both points in the "
        f"box {100 * scores['inside']:.1f} %"
    )


def false_heads(found: pd.DataFrame, truth: pd.DataFrame, heads: list[str], part: str = "head") -> str:
    """In words: in how many of the photos that `truth` says are empty (status none) something was found all the same, and how
    well the score tells them from the photos `heads`: area under the ROC curve. Empty if there are none."""
    found = animal(found, part)
    empty = [image for image in truth.loc[truth["status"] == "none", "Image"] if image in found.index]
    if not empty:
        return ""
    wrong = int((found.loc[empty, "status"] == "ok").sum())
    told = f"photos without a {part}: {len(empty)}, in {wrong} of them ({100 * wrong / len(empty):.1f} %) one was found"
    score = found["score"].fillna(0.0)
    if not heads or found["score"].isna().all():
        return told
    known = [1] * len(heads) + [0] * len(empty)
    return f"{told}; area under the ROC curve of the score {roc_auc_score(known, score[[*heads, *empty]]):.3f}"


def animal(table: pd.DataFrame, part: str) -> pd.DataFrame:
    """One row a photo, indexed by it: the part of animal #0, or the row that says that nothing was found."""
    mine = table[table["item"].str.endswith("#0") & ((table["part"] == part) | (table["status"] != "ok"))]
    return mine.set_index("Image", drop=False)
