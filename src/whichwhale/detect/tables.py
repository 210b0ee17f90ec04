"""Detections as contract 1: a row a part found; a photo with nothing found keeps one that says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whichwhale.annotations import build
from whichwhale.annotations.table import BOX
from whichwhale.detect import animals
from whichwhale.detect.detections import Detections
from whichwhale.pictures.store import Pictures


def found_table(
    found: Detections, fold: int, source: str, pictures: Pictures, images: list[str], threshold: float
) -> pd.DataFrame:
    """annotations.csv of `images`: what scores at least `threshold`, animals numbered from the largest leading part down."""
    return _table(found, fold, source, pictures, images, threshold, grouped=True)


def candidate_table(found: Detections, fold: int, source: str, pictures: Pictures, images: list[str]) -> pd.DataFrame:
    """candidates.csv of `images`: everything that was kept, for scores over all thresholds. The numbers in `item` are no
    animals: of each part they count from the highest score down."""
    return _table(found, fold, source, pictures, images, 0.0, grouped=False)


def _table(
    found: Detections, fold: int, source: str, pictures: Pictures, images: list[str], threshold: float, grouped: bool
) -> pd.DataFrame:
    index = pictures.index.iloc[pictures.rows(images)].to_dict("records")
    number = {image: i for i, image in enumerate(found.images)}
    order = np.argsort(found.photo, kind="stable")
    starts = np.searchsorted(found.photo[order], np.arange(len(found.images) + 1))
    rows = []
    for image, about in zip(images, index, strict=True):
        common = {"Image": image, "source": source, "fold": fold, "photo_width": about["width"], "photo_height": about["height"]}
        mine = np.zeros(0, np.int64)
        if image in number:
            mine = order[starts[number[image]] : starts[number[image] + 1]]
            mine = mine[found.score[mine] >= threshold]
        if not len(mine):
            part = found.parts[0]
            rows.append(common | {"part": part, "status": "none" if about["status"] == "ok" else about["status"]})
            continue
        part, box = found.part[mine], found.box[mine]
        size = (about["width"], about["height"])
        item = animals.number(part, box, size) if grouped else _ranks(part, found.score[mine])
        for i in np.lexsort((part, item)):
            row = {"item": f"{image}#{item[i]}", "part": found.parts[part[i]], "score": float(found.score[mine[i]])}
            rows.append(common | row | dict(zip(BOX, box[i].tolist(), strict=True)))
    return build(rows, [])


def _ranks(part: np.ndarray, score: np.ndarray) -> np.ndarray:
    """For each box its place, by score, among those of its part."""
    rank = np.zeros(len(part), np.int64)
    for one in np.unique(part):
        mine = np.flatnonzero(part == one)
        rank[mine[np.argsort(-score[mine], kind="stable")]] = np.arange(len(mine))
    return rank
