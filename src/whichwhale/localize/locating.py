"""From photos that are in no table to their heads and points: the fitted folds of an aligner and of its localizer, ready to use.

locator = load("runs/survey/aligner")
table = locator.locate({"photo.jpg": Path("photo.jpg")})
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from whichwhale.annotations import build
from whichwhale.annotations.table import BOX, MEAN_OF_FOLDS
from whichwhale.config import load as load_config
from whichwhale.config import read_yaml
from whichwhale.localize.averaging import Place, average, together
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.predicting import UNCERTAINTY, load_net, look
from whichwhale.localize.tables import table_of
from whichwhale.localize.uncertainty import Doubts, Uncertainty
from whichwhale.localize.uncertainty import read as read_uncertainty
from whichwhale.pictures.frames import letterbox
from whichwhale.pictures.reading import Reader
from whichwhale.pictures.store import Pictures, Position, in_memory
from whichwhale.runs import fitted_folds

AT_ONCE = 32  # photos whose pixels are kept side by side: at 3072 x 2048 px and half of that 150 MB


class LoadError(ValueError):
    """A folder that holds no fitted localizer or aligner; the message says what was looked for."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """All fitted fold models of one config, and the uncertainty that was calibrated on their out-of-fold photos, if it was."""

    config: LocateConfig
    nets: list[nn.Module]
    source: str
    uncertainty: Uncertainty | None = None

    def places(self, pictures: Pictures, images: list[str]) -> Place:
        """Where things are in photos that have a picture: mean over fold models and views."""
        rows = pictures.rows(images)
        return average(together([look(net, pictures, rows, self.config) for net in self.nets]))

    def find(self, pictures: Pictures, boxes: dict[str, NDArray[np.float64]] | None) -> tuple[pd.DataFrame, Place | None]:
        """Contract 1 of the pictures' photos, and the places of those that have a picture (None if none has)."""
        kept: list[Place] = []

        def place(usable: list[str]) -> Place:
            kept.append(self.places(pictures, usable))
            return kept[0]

        images = list(pictures.index["Image"])
        table = table_of(images, place, MEAN_OF_FOLDS, self.source, self.config, pictures, boxes, self.uncertainty)
        return table, kept[0] if kept else None


@dataclass(frozen=True, eq=False)
class Located:
    """Where heads and points are: `table` (contract 1) as the aligner says, `boxes` as the localizer did (the same if there is no
    aligner). `doubts` of the points that the aligner found, photo by photo (`images`); None if no head was found, or it has no
    points."""

    table: pd.DataFrame
    boxes: pd.DataFrame
    images: list[str]
    doubts: Doubts | None


@dataclass(frozen=True, eq=False)
class Locator:
    """A localizer and, if there is one, the aligner that refines its points."""

    localizer: Fitted
    aligner: Fitted | None

    def locate(self, paths: dict[str, Path]) -> pd.DataFrame:
        """Contract 1 (fold −2) of photos, by name; the same as `predict.py` writes for test photos."""
        if not paths:
            return build([], self._last.config.point_names)
        return pd.concat([one.table for one in self.look(paths)], ignore_index=True)

    def look(self, paths: dict[str, Path]) -> Iterator[Located]:
        """The photos in groups of AT_ONCE, in order. Each photo is decoded once, and again only if its head is too small for
        that."""
        names = list(paths)
        for start in range(0, len(names), AT_ONCE):
            group = {name: paths[name] for name in names[start : start + AT_ONCE]}
            yield self._look(group)

    @property
    def _last(self) -> Fitted:
        return self.aligner or self.localizer

    def _look(self, paths: dict[str, Path]) -> Located:
        size, read = self.localizer.config.view_size, Reader(keeps=True)
        pictures = in_memory(paths, lambda _, whole: letterbox(whole, size), size, read)
        boxes, place = self.localizer.find(pictures, None)
        table = boxes
        if self.aligner is not None:
            config, ok = self.aligner.config, boxes[boxes["status"] == "ok"]
            assert isinstance(config, AlignerConfig)
            about = dict(zip(ok["Image"], ok[BOX].to_numpy(np.float64), strict=True))
            crop: Position = lambda image, _: config.crop(about[image]) if image in about else None  # noqa: E731
            pictures = in_memory(paths, crop, (config.crop_side, config.crop_side), read)
            table, place = self.aligner.find(pictures, about)
        channels = self._last.config.channels
        named = [number for number, channel in enumerate(channels) if channel != "box"]
        doubts = place.doubts(named) if place is not None and named else None
        return Located(table, boxes, pictures.usable(list(paths)), doubts)


def load(folder: str | Path, localizer: str | Path | None = None) -> Locator:
    """Load an aligner (`runs/<dataset>/aligner`) with the localizer that it was fitted on (or another one), or a localizer alone.

    Raises LoadError if the folder, or the localizer's beside it, has no fitted fold.
    """
    folder = Path(folder)
    fitted = read_fitted(folder)
    if not isinstance(fitted.config, AlignerConfig):
        if localizer is not None:
            raise LoadError(f"{folder}: is a localizer itself, so {localizer} has no place before it")
        return Locator(fitted, None)
    if localizer is not None:
        return Locator(read_fitted(localizer), fitted)
    if not fitted.config.boxes:
        raise LoadError(f"{folder}: fitted on true boxes, so no localizer belongs to it; fit one with boxes=localizer")
    return Locator(read_fitted(folder.parent / fitted.config.boxes), fitted)


def read_fitted(folder: str | Path, overrides: Sequence[str] = (), fold: int | None = None) -> Fitted:
    """The fitted folds of one localizer or aligner; `overrides` (key=value) change what a fit doesn't depend on, such as views.

    With `fold` that one alone, whichever others lie beside it: they have learned from the photos that it held out. What all folds
    together were calibrated on is not its own, so it has no uncertainty. Raises LoadError if there is none.
    """
    folder = Path(folder)
    runs = [run for run in fitted_folds(folder) if fold is None or run.path.name == f"fold{fold}"]
    if not runs and fold is not None:
        raise LoadError(f"{folder / f'fold{fold}'}: no fitted localizer or aligner (model.safetensors); train.py makes one")
    if not runs:
        raise LoadError(f"{folder}: no fitted localizer or aligner (fold0/model.safetensors, …); train.py makes them")
    path = runs[0].path / "config.yaml"
    rooms = {"localize": LocalizerConfig, "align": AlignerConfig}
    room = read_yaml(path).get("room")
    if room not in rooms:
        raise LoadError(f"{path}: room {room!r} finds no heads; it takes a run of room localize or align")
    config = load_config(rooms[room], path, tuple(overrides))
    source, uncertainty = f"{config.dataset}/{config.name}", None
    if fold is None:
        uncertainty = read_uncertainty(folder / UNCERTAINTY)
    else:
        source += f"/fold{fold}"
    return Fitted(config, [load_net(config, run) for run in runs], source, uncertainty)
