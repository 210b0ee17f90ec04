"""What a localizer or aligner reads: tables, folds, the truth, pictures; all of it checked before any training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.competition import Competition, folds
from whichwhale.config import input_dir, runs_dir
from whichwhale.geometry import Affine, apply, compose, invert, scale_of
from whichwhale.localize.boxes import boxes_of_views, out_of_fold_boxes, table_in, true_boxes
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.training import Targets
from whichwhale.localize.truth import Truth, read_truth
from whichwhale.pictures.beside_photos import refuse_other_frames, unmarked
from whichwhale.pictures.frames import move_extent, square_about
from whichwhale.pictures.store import Pictures, pictures, whole_photos
from whichwhale.pictures.views import to_view

FURTHEST, LARGEST = 0.3, 1.5  # how far from a picture's own box, in the view's sides, and how much larger, a drawn one may be


@dataclass(frozen=True, eq=False)
class Experiment:
    """A config and what it reads. `boxes` (px of the photos) are what an aligner's crops were cut about; None for a localizer."""

    config: LocateConfig
    data: Competition
    folds: pd.DataFrame
    truth: Truth
    pictures: Pictures
    boxes: dict[str, NDArray[np.float64]] | None
    drawn: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # boxes [V, 4] that a training crop may lie about

    @classmethod
    def open(cls, config: LocateConfig) -> Experiment:
        """Read tables and truth, deal folds.csv if there is none yet, and open the pictures, making them if there are none.

        A test photo that can't be read keeps its row with status unreadable. Raises an error of the room that finds something
        wrong, before any training.
        """
        home = runs_dir() / config.dataset
        data = config.data.read(home)
        labelled = list(data.train["Image"])
        dealt = config.folds.open(home / "folds.csv", data)
        if isinstance(config, LocalizerConfig) and config.variant == "transformer":
            config = config.of_whales(len(data.class_id))
        folder = input_dir() / (config.truth.folder or config.data.root)
        truth, where = read_truth(config.truth, folder, labelled), folder / config.truth.table
        paths = {image: data.photo_path(image) for image in [*labelled, *data.test]}
        told = unmarked(truth.images, labelled, where, f"{config.truth.part} with box or points")
        for remark in told + refuse_other_frames(truth.table, paths, where):
            print(remark)
        size = config.view_size
        if not isinstance(config, AlignerConfig):
            assert isinstance(config, LocalizerConfig)
            reduced = whole_photos(home, paths, config.whole, size, config.lays)
            return _say_unreadable(cls(config, data, dealt, truth, reduced, None))
        boxes = true_boxes(truth)
        if config.boxes:
            boxes = out_of_fold_boxes(table_in(home / config.boxes), dealt, list(paths), config.truth.part)
        crop = lambda image, _: config.crop(boxes[image]) if image in boxes else None  # noqa: E731
        side = config.crop_side
        crops = pictures(home / config.name / "crops", paths, crop, (side, side), "crops")
        drawn = boxes_of_views(home / config.boxes, dealt) if config.draw_boxes else {}
        return _say_unreadable(cls(config, data, dealt, truth, crops, boxes, drawn))

    def fold_list(self) -> list[int]:
        """The fits that the config asks for: by default every fold."""
        return list(self.config.fold) or folds.numbers(self.folds)

    def run_path(self, fold: int) -> Path:
        """The folder of one fold's fit."""
        return runs_dir() / self.config.dataset / self.config.name / f"fold{fold}"

    @property
    def annotations_path(self) -> Path:
        """The assembled table."""
        return runs_dir() / self.config.dataset / self.config.name / "annotations.csv"

    def targets(self, images: list[str]) -> Targets:
        """Of those of `images` that have a picture and a truth: where its things are in the picture."""
        known = set(self.truth.images)
        images = [image for image in self.pictures.usable(images) if image in known]
        rows, true = self.pictures.rows(images), self.truth.rows(images)
        box, points = self.truth.box[true], self.truth.points[true]
        boxed = "box" in self.config.channels
        centre = box[:, None, :2] + box[:, None, 2:] / 2
        things = np.concatenate([centre, points] if boxed else [points], 1)[:, : len(self.config.channels)]
        matrix = self.pictures.matrix[rows]
        placed = np.stack([apply(one, p) for one, p in zip(matrix, things, strict=True)]) if images else things
        weights = tuple(self.config.weights())
        bases = [self._bases(image, one) for image, one in zip(images, matrix, strict=True)] if self.drawn else None
        whales, keep = None, 0 if boxed else -1
        if self.config.variant == "transformer":  # not even where the head must stay in view
            keep = -1
            who = dict(zip(self.data.train["Image"], self.data.labels(), strict=True))
            whales = np.array([who[image] for image in images], np.int64)
        return Targets(rows, placed, move_extent(matrix, box[:, 2:]), keep, weights, bases, whales)

    def _bases(self, image: str, to_picture: Affine) -> NDArray[np.float64]:
        """Picture-to-view transforms [n, 2, 3] of the boxes that a crop may lie about; none far from the picture's own, which
        would show what the picture doesn't hold."""
        config, found = self.config, []
        assert isinstance(config, AlignerConfig)
        own = to_view(self.pictures, config.view_size)
        middle = (np.array(config.view_size) - 1) / 2
        for box in self.drawn.get(image, ()):
            base = compose(invert(to_picture), square_about(box, config.field, config.size))
            moved = apply(compose(invert(own), base), middle) - middle
            scale = scale_of(base) / scale_of(own)
            if np.abs(moved).max() <= FURTHEST * config.size and 1 / LARGEST <= scale <= LARGEST:
                found.append(base)
        return np.stack(found or [own])


def _say_unreadable(experiment: Experiment) -> Experiment:
    index = experiment.pictures.index
    if bad := index.loc[index["status"] == "unreadable", "Image"].tolist():
        images = experiment.data.root / experiment.data.images
        print(f"{images}: {len(bad)} photos are missing or unreadable and will have no place, the first are {bad[:3]}")
    return experiment
