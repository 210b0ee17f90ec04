"""What a fold model found, kept view by view, and the contract-1 tables that are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import build
from whichwhale.annotations.table import BOX, MEAN_OF_FOLDS, VISIBLE
from whichwhale.files import write_atomically
from whichwhale.localize.averaging import Place, Views, average, together
from whichwhale.localize.config import LocateConfig
from whichwhale.localize.truth import Truth
from whichwhale.localize.uncertainty import Doubts, Uncertainty
from whichwhale.pictures.frames import box_about, holding
from whichwhale.pictures.store import Pictures


@dataclass(frozen=True, eq=False)
class FoldViews:
    """What one fold model found in photos it did not train on, and in those that every fold model trains on."""

    images: list[str]
    views: Views
    made_by: str  # fingerprint of weights and pictures

    def of(self, images: list[str]) -> Views:
        """The views of some of the photos, in their order."""
        return self.views.take(pd.Index(self.images).get_indexer(pd.Index(images)))


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Uncertainties by what they were fitted on: all out-of-fold photos, or those of all folds but one."""

    of_all: Uncertainty
    but_one: dict[int, Uncertainty]

    def of_fold(self, fold: int) -> Uncertainty:
        """That of the photos of `fold`, none of which it knows."""
        return self.but_one[fold]


def calibrate(
    folds: pd.DataFrame, by_fold: dict[int, FoldViews], truth: Truth, channels: list[str], score: float
) -> Calibrated | None:
    """Fit uncertainties on what each fold model found in the photos that it didn't see; None with less than two folds, or no
    points.

    `channels` are the config's, whose points are the first of the truth's; `score` is the least of a photo that counts as found.
    """
    named = [number for number, channel in enumerate(channels) if channel != "box"]
    if len(by_fold) < 2 or not named:
        return None
    names = [channels[number] for number in named]
    doubts, errors, fold_of = [], [], []
    for fold, found in by_fold.items():
        known = set(truth.images) & set(found.images)
        images = [image for image in folds.loc[folds["fold"] == fold, "Image"] if image in known]
        place = average(found.of(images))
        ok = np.flatnonzero(place.score >= score)
        true = truth.points[truth.rows(images)][ok][:, : len(names)]
        doubts.append(place.doubts(named).take(ok))
        errors.append(np.linalg.norm(place.points[ok][:, named] - true, axis=-1))
        fold_of.append(np.full(len(ok), fold))
    every, error, group = Doubts.join(doubts), np.concatenate(errors), np.concatenate(fold_of)
    fit = lambda rows: Uncertainty.fit(every.take(rows), error[rows], names)  # noqa: E731
    return Calibrated(fit(np.ones(len(group), bool)), {fold: fit(group != fold) for fold in by_fold})


def write_views(path: Path, found: FoldViews) -> None:
    """Write views.npz atomically."""
    views = found.views
    arrays = {"Image": np.array(found.images, dtype=np.str_), "points": views.points, "score": views.score}
    arrays |= {name: one for name, one in (("extent", views.extent), ("spread", views.spread)) if one is not None}
    write_atomically(path, lambda stream: np.savez_compressed(stream, made_by=np.array(found.made_by), **arrays))


def read_views(path: Path) -> FoldViews | None:
    """Read views.npz; None if there is none."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        views = Views(file["points"], file["score"], file.get("extent"), file.get("spread"))
        return FoldViews(file["Image"].tolist(), views, str(file["made_by"]))


def fold_table(
    found: FoldViews, images: list[str], fold: int, source: str, config: LocateConfig, pictures: Pictures, boxes: dict | None
) -> pd.DataFrame:
    """Contract 1 of one fold model: `images`, none of which it trained on."""
    return table_of(images, lambda usable: average(found.of(usable)), fold, source, config, pictures, boxes)


def assembled_table(
    folds: pd.DataFrame,
    by_fold: dict[int, FoldViews],
    test: list[str],
    source: str,
    config: LocateConfig,
    pictures: Pictures,
    boxes: dict[str, NDArray[np.float64]] | None,
    calibrated: Calibrated | None = None,
) -> pd.DataFrame:
    """Contract 1 of all labelled and test photos.

    A photo of fold k has what fold k's model found. Test photos, and photos of fold −1, which every fold model trains on, have
    the mean over all fold models and views (fold −2). No model has not seen a photo of fold −1: its points are better
    than they would be out-of-fold, and it is left out of every error figure. With `calibrated` the points' sd are its own: of a
    photo of fold k by what the other folds' photos told, of the rest by all.
    """
    parts = []
    for fold, found in by_fold.items():
        mine = folds.loc[folds["fold"] == fold, "Image"].tolist()
        place = lambda usable, found=found: average(found.of(usable))  # noqa: E731
        parts.append(table_of(mine, place, fold, source, config, pictures, boxes, calibrated and calibrated.of_fold(fold)))
    rest = [*folds.loc[folds["fold"] < 0, "Image"], *test]
    everyone = list(by_fold.values())
    mean = lambda usable: average(together([one.of(usable) for one in everyone]))  # noqa: E731
    parts.append(table_of(rest, mean, MEAN_OF_FOLDS, source, config, pictures, boxes, calibrated and calibrated.of_all))
    table = pd.concat(parts, ignore_index=True)
    order = pd.Index([*folds["Image"], *test])
    return table.iloc[pd.Index(table["Image"]).get_indexer(order)].reset_index(drop=True)


def table_of(
    images: list[str],
    place_of: Callable[[list[str]], Place],
    fold: int,
    source: str,
    config: LocateConfig,
    pictures: Pictures,
    boxes: dict[str, NDArray[np.float64]] | None,
    uncertainty: Uncertainty | None = None,
) -> pd.DataFrame:
    """Contract 1, one row a photo: where `place_of` (called with the photos that have a picture) says that things are.

    A photo without picture keeps its status, one whose score is too low has status none. `boxes` is None if they are predicted; a
    box is enlarged where it does not hold the points that were found, with a margin. Points' sd are those of `uncertainty`,
    without it how far the views lie apart.
    """
    index = pictures.index.iloc[pictures.rows(images)]
    common = {
        row["Image"]: {
            "Image": row["Image"], "part": config.truth.part, "source": source, "fold": fold, "status": row["status"],
            "photo_width": row["width"], "photo_height": row["height"],
        }
        for row in index.to_dict("records")
    }  # fmt: skip
    usable = [image for image in images if common[image]["status"] == "ok"]
    if usable:
        place = place_of(usable)
        if boxes is None:
            box = box_about(place.points[:, config.channels.index("box")], place.extent)
        else:
            box = np.array([boxes[image] for image in usable])
        named = [number for number, channel in enumerate(config.channels) if channel != "box"]
        sd = place.sd.copy()
        if named:
            box = holding(box, place.points[:, named], config.box_margin)
            if uncertainty is not None:
                sd[:, named] = uncertainty.sd(place.doubts(named))
        for number, image in enumerate(usable):
            common[image]["score"] = place.score[number]
            if place.score[number] < config.least_score:
                common[image]["status"] = "none"
                continue
            common[image] |= dict(zip(BOX, box[number], strict=True))
            for channel, name in enumerate(config.channels):
                if name != "box":
                    x, y = place.points[number, channel]
                    common[image] |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": VISIBLE, f"{name}_sd": sd[number, channel]}
    return build(common.values(), list(config.truth.points))
