"""What a part detector reads: tables, folds, the truth, pictures; all of it checked before any training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.competition import Competition, folds
from whichwhale.competition.photos import header
from whichwhale.config import input_dir, runs_dir
from whichwhale.detect import sides
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.sides import PairSides
from whichwhale.detect.subset import nested
from whichwhale.detect.truth import Truth, read_truth
from whichwhale.detect.views import Targets
from whichwhale.geometry import apply
from whichwhale.pictures.beside_photos import refuse_other_frames, unmarked
from whichwhale.pictures.frames import move_extent
from whichwhale.pictures.store import Pictures, whole_photos


@dataclass(frozen=True, eq=False)
class Experiment:
    """A config and what it reads."""

    config: DetectConfig
    data: Competition
    folds: pd.DataFrame
    truth: Truth
    pictures: Pictures

    @classmethod
    def open(cls, config: DetectConfig) -> Experiment:
        """Read tables and truth, deal folds.csv if there is none yet, and open the pictures, making them if there are none (a
        localizer of the same size reads the same ones).

        Raises an error of the room that finds something wrong, before any training.
        """
        home = runs_dir() / config.dataset
        data = config.data.read(home)
        labelled = list(data.train["Image"])
        dealt = config.folds.open(home / "folds.csv", data)
        paths = {image: data.photo_path(image) for image in [*labelled, *data.test]}
        sizes_of = lambda: {image: header(path)[:2] for image, path in paths.items() if path.is_file()}  # noqa: E731
        folder = input_dir() / (config.truth.folder or config.data.root)
        truth, where = read_truth(config, folder, labelled, sizes_of), folder / config.truth.file
        for remark in unmarked(truth.images, labelled, where, "row") + refuse_other_frames(truth.table, paths, where):
            print(remark)
        reduced = whole_photos(home, paths, config.whole, config.view_size, config.lays)
        if bad := reduced.index.loc[reduced.index["status"] == "unreadable", "Image"].tolist():
            print(f"{data.root / data.images}: {len(bad)} photos are unreadable and will have no parts, the first are {bad[:3]}")
        return cls(config, data, dealt, truth, reduced)

    def fold_list(self) -> list[int]:
        """The fits that the config asks for: by default every fold."""
        return list(self.config.fold) or folds.numbers(self.folds)

    @property
    def home(self) -> Path:
        """The folder of all fits of this config, where the assembled tables go."""
        return runs_dir() / self.config.dataset / self.config.name

    def run_path(self, fold: int) -> Path:
        """The folder of one fold's fit."""
        return self.home / f"fold{fold}"

    def learnt_from(self, fold: int) -> list[str]:
        """The photos that fold `fold`'s model learns from: of the labelled ones of its training as many as `labelled` says."""
        training = folds.train_validation(self.folds, fold)[0]
        known = set(self.truth.images)
        return nested(
            [image for image in self.pictures.usable(training) if image in known], self.config.labelled, self.config.seed
        )

    def sides(self, fold: int) -> list[PairSides]:
        """What the photos that fold `fold`'s model learns from say of the sides of paired parts; none without `sides`."""
        return sides.learn(self.truth, self.learnt_from(fold), self.config.mirrored) if self.config.sides else []

    def held_out(self, fold: int) -> list[str]:
        """The labelled photos that fold `fold` holds out."""
        left_out, known = folds.train_validation(self.folds, fold)[1], set(self.truth.images)
        return [image for image in self.pictures.usable(left_out) if image in known]

    def targets(self, images: list[str]) -> Targets:
        """What `images` show, in pixels of their pictures."""
        rows = self.pictures.rows(images)
        boxes, parts = [], []
        for image, row in zip(images, rows, strict=True):
            box, part = self.truth.of(image)
            matrix = self.pictures.matrix[row]
            centre, extent = apply(matrix, box[:, :2] + box[:, 2:] / 2), move_extent(matrix, box[:, 2:])
            boxes.append(np.concatenate([centre - extent / 2, extent], 1))
            parts.append(part)
        return Targets(rows, boxes, parts)
