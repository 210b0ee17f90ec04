"""From photos that are in no table to their parts: the fitted folds of a detector, ready to use.

detector = load("runs/survey/parts")
table = detector.find({"photo.jpg": Path("photo.jpg")})
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from torch import nn

from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.config import load as load_config
from whichwhale.config import read_yaml
from whichwhale.detect import sides
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.predicting import detect_together, load_net
from whichwhale.detect.sides import PairSides
from whichwhale.detect.tables import found_table
from whichwhale.pictures.store import in_memory
from whichwhale.runs import fitted_folds

TOGETHER = 64  # photos in memory at a time


class LoadError(ValueError):
    """A folder that holds no fitted detector; the message says what was looked for."""


@dataclass(frozen=True, eq=False)
class Detector:
    """All fitted fold models of one config, and the names of the parts that they find."""

    config: DetectConfig
    parts: list[str]
    nets: list[nn.Module]
    source: str
    sides: list[list[PairSides]]  # of each net, what tells the sides of paired parts

    def find(self, paths: dict[str, Path]) -> pd.DataFrame:
        """Contract 1 (fold −2) of photos, by name: the same as `predict.py` writes for test photos, an unreadable one named
        so."""
        tables: list[pd.DataFrame] = []
        if not paths:
            raise ValueError("there is no photo to look at")
        for start in range(0, len(paths), TOGETHER):
            images = list(paths)[start : start + TOGETHER]
            pictures = in_memory({image: paths[image] for image in images}, self.config.whole, self.config.view_size)
            usable = pictures.usable(images)
            found = detect_together(self.nets, self.sides, pictures, self.config, self.parts, usable)
            tables.append(found_table(found, MEAN_OF_FOLDS, self.source, pictures, images, self.config.threshold))
        return pd.concat(tables, ignore_index=True)


def load(folder: str | Path) -> Detector:
    """Load all fitted folds of a detector, `runs/<dataset>/<name>`. Raises LoadError if there is none."""
    folder = Path(folder)
    runs = fitted_folds(folder)
    if not runs:
        raise LoadError(f"{folder}: no fitted detector (fold0/model.safetensors, …); train.py makes them")
    path = runs[0].path / "config.yaml"
    if (room := read_yaml(path).get("room")) != "detect":
        raise LoadError(f"{path}: room {room!r} finds no parts; it takes a run of room detect")
    config, parts = load_config(DetectConfig, path), runs[0].provenance()["parts"]
    nets, told = [load_net(config, run, len(parts)) for run in runs], [sides.read(run.path) for run in runs]
    return Detector(config, parts, nets, f"{config.dataset}/{config.name}", told)
