"""From photos that are in no table to their heads and points: the fitted folds of an aligner and of its localizer, ready to use.

    locator = load("runs/survey/aligner")
    table = locator.locate({"photo.jpg": Path("photo.jpg")})
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from whichwhale.annotations.table import BOX, MEAN_OF_FOLDS
from whichwhale.config import load as load_config
from whichwhale.config import read_yaml
from whichwhale.localize.averaging import Place, average, together
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.frames import letterbox
from whichwhale.localize.pictures import Pictures, Position, in_memory
from whichwhale.localize.predicting import load_net, predict
from whichwhale.localize.tables import table_of
from whichwhale.runs import RunFolder


class LoadError(ValueError):
    """A folder that holds no fitted localizer or aligner; the message says what was looked for."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """All fitted fold models of one config."""

    config: LocateConfig
    nets: list[nn.Module]
    source: str

    def find(self, pictures: Pictures, boxes: dict[str, NDArray[np.float64]] | None) -> pd.DataFrame:
        """Contract 1 of the pictures' photos: mean over fold models and views."""

        def place(usable: list[str]) -> Place:
            rows = pictures.rows(usable)
            return average(together([predict(net, pictures, rows, self.config) for net in self.nets]))

        return table_of(list(pictures.index["Image"]), place, MEAN_OF_FOLDS, self.source, self.config, pictures, boxes)


@dataclass(frozen=True, eq=False)
class Locator:
    """A localizer and, if there is one, the aligner that refines its points."""

    localizer: Fitted
    aligner: Fitted | None

    def locate(self, paths: dict[str, Path]) -> pd.DataFrame:
        """Contract 1 (fold −2) of photos, by name; the same as `predict.py` writes for test photos."""
        size = self.localizer.config.view_size
        table = self.localizer.find(in_memory(paths, lambda _, whole: letterbox(whole, size), size), None)
        if self.aligner is None:
            return table
        config, ok = self.aligner.config, table[table["status"] == "ok"]
        assert isinstance(config, AlignerConfig)
        boxes = dict(zip(ok["Image"], ok[BOX].to_numpy(np.float64), strict=True))
        crop: Position = lambda image, _: config.crop(boxes[image]) if image in boxes else None  # noqa: E731
        return self.aligner.find(in_memory(paths, crop, (config.crop_side, config.crop_side)), boxes)


def load(folder: str | Path) -> Locator:
    """Load an aligner (`runs/<dataset>/aligner`) with the localizer that it was fitted on, or a localizer alone.

    Raises LoadError if the folder, or the localizer's beside it, has no fitted fold.
    """
    folder = Path(folder)
    fitted = _fitted(folder)
    if not isinstance(fitted.config, AlignerConfig):
        return Locator(fitted, None)
    if not fitted.config.boxes:
        raise LoadError(f"{folder}: fitted on true boxes, so no localizer belongs to it; fit one with boxes=localizer")
    return Locator(_fitted(folder.parent / fitted.config.boxes), fitted)


def _fitted(folder: Path) -> Fitted:
    runs = [run for path in sorted(folder.glob("fold*")) if (run := RunFolder(path)).fitted]
    if not runs:
        raise LoadError(f"{folder}: no fitted localizer or aligner (fold0/model.safetensors, …); train.py makes them")
    path = runs[0].path / "config.yaml"
    rooms = {"localize": LocalizerConfig, "align": AlignerConfig}
    room = read_yaml(path).get("room")
    if room not in rooms:
        raise LoadError(f"{path}: room {room!r} finds no heads; it takes a run of room localize or align")
    config = load_config(rooms[room], path)
    return Fitted(config, [load_net(config, run) for run in runs], f"{config.dataset}/{config.name}")
