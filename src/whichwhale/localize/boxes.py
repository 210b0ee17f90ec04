"""The boxes that an aligner's crops are cut about: a localizer's, each from a model that did not see the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import read
from whichwhale.annotations.table import BOX, BY_HAND
from whichwhale.localize.tables import read_views
from whichwhale.localize.truth import Truth
from whichwhale.pictures.frames import box_about


class BoxesError(ValueError):
    """Boxes that an aligner can't be trained on; the message names the file and the fix."""


def out_of_fold_boxes(path: Path, folds: pd.DataFrame, images: list[str], part: str = "head") -> dict[str, NDArray[np.float64]]:
    """Boxes (x, y, width, height) of `images` in which something was found, from the assembled table of a localizer (`table_in`).

    Raises BoxesError if a photo has no row, or if a labelled photo's box comes from another fold model than the one that left it
    out: an aligner that learnt from such boxes would meet worse ones at the test photos.
    """
    if not path.exists():
        raise BoxesError(
            f"{path}: the localizer's boxes are missing; run train.py and predict.py with its config first, for every fold (one "
            "alone assembles no table), or say boxes='' for true boxes with jitter"
        )
    table = read(path)
    first = table.drop_duplicates("Image").set_index("Image")
    if missing := sorted(set(images) - set(first.index)):
        raise BoxesError(f"{path}: has no row for {len(missing)} photos, the first are {missing[:3]}; predict all folds anew")
    dealt = folds.set_index("Image")["fold"]
    dealt = dealt[dealt >= 0]
    by = first.loc[dealt.index, "fold"]
    wrong = dealt.index[(by != dealt) & (by != BY_HAND)]
    if len(wrong):
        raise BoxesError(
            f"{path}: {len(wrong)} boxes are not out-of-fold, the first is {wrong[0]}: fold {dealt[wrong[0]]} of folds.csv, but "
            f"the box comes from fold {by[wrong[0]]}; fit the localizer anew with these folds"
        )
    # A detector's table may have other parts in a photo, but not this one.
    mine = table[table["item"].str.endswith("#0") & (table["part"] == part) & (table["status"] == "ok")].set_index("Image")
    boxes = mine[BOX].reindex(images).to_numpy(np.float64)
    return {image: box for image, box in zip(images, boxes, strict=True) if np.isfinite(box).all()}


def scored_by(table: pd.DataFrame, boxes: pd.DataFrame, part: str = "head") -> pd.DataFrame:
    """An aligner's `table` with the scores of the table that its boxes come from, where that has one.

    How sure a localizer is tells heads from open sea; an aligner, which is shown a box in any case, knows less of that.
    """
    mine = boxes[boxes["item"].str.endswith("#0") & (boxes["part"] == part) & (boxes["status"] == "ok")]
    score = table["Image"].map(mine.drop_duplicates("Image").set_index("Image")["score"])
    return table.assign(score=score.where(score.notna(), table["score"]))


def table_in(folder: Path) -> Path:
    """The table that says where a localizer's run folder has its boxes: annotations.csv, of a part detector candidates.csv, whose
    #0 is the surest box of each part and not the largest."""
    candidates = folder / "candidates.csv"
    return candidates if candidates.exists() else folder / "annotations.csv"


def boxes_of_views(folder: Path, folds: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Boxes [V, 4] (x, y, width, height) that the single views of a localizer (its run folder) found in each photo of a fold, all
    by the model that did not see the photo. Raises BoxesError if a fold has none."""
    found = {}
    for fold in sorted(folds.loc[folds["fold"] >= 0, "fold"].unique()):
        views = read_views(folder / f"fold{fold}" / "views.npz")
        if views is None or views.views.extent is None:
            raise BoxesError(
                f"{folder}/fold{fold}/views.npz: draw_boxes needs a localizer's views; run predict.py with its config first"
            )
        mine = set(folds.loc[folds["fold"] == fold, "Image"])
        boxes = box_about(views.views.points[:, :, 0], views.views.extent)  # a localizer's first channel is the box
        found |= {image: box for image, box in zip(views.images, boxes, strict=True) if image in mine}
    return found


def true_boxes(truth: Truth) -> dict[str, NDArray[np.float64]]:
    """The labelled photos' own boxes; other photos get none."""
    return dict(zip(truth.images, truth.box, strict=True))
