"""From photos that are in no table to their heads and points: the fitted folds of an aligner and of its localizer, ready to use.

A part detector stands in a localizer's place as well.

locator = load("runs/survey/aligner")
table = locator.locate({"photo.jpg": Path("photo.jpg")})
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.annotations import build
from whichwhale.annotations.table import BOX
from whichwhale.config import load as load_config
from whichwhale.config import read_yaml
from whichwhale.localize import detecting
from whichwhale.localize.boxes import scored_by
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.detecting import Detecting
from whichwhale.localize.fitted import Fitted
from whichwhale.localize.predicting import UNCERTAINTY, load_net
from whichwhale.localize.uncertainty import Doubts
from whichwhale.localize.uncertainty import read as read_uncertainty
from whichwhale.pictures.reading import Reader
from whichwhale.pictures.store import Position, in_memory
from whichwhale.runs import fitted_folds

# Photos whose pixels are kept side by side, decoded to at least reading.FINE px: at 3072 x 2048 px and half of that 150 MB. What
# a small head needs more is decoded for its crop alone, and let go.
AT_ONCE = 32
CHANGEABLE = ("views", "least_score", "step_back", "look_again", "box_margin")  # keys that no fit depends on
PREFIX = "localizer."


class LoadError(ValueError):
    """A folder that holds no fitted localizer or aligner; the message says what was looked for."""


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
    """A localizer and, if there is one, the aligner that refines its points. `home`: the localizer's run folder, if it has
    one."""

    localizer: Fitted
    aligner: Fitted | None
    home: Path | None = None

    @property
    def part(self) -> str:
        """What is looked for."""
        return self._last.config.truth.part

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
        before, read = self.localizer.config, Reader(keeps=True)
        assert isinstance(before, LocalizerConfig)
        pictures = in_memory(paths, before.whole, before.view_size, read)
        boxes, place = self.localizer.find(pictures, None)
        table = boxes
        if self.aligner is not None:
            config, ok = self.aligner.config, boxes[boxes["status"] == "ok"]
            assert isinstance(config, AlignerConfig)
            about = dict(zip(ok["Image"], ok[BOX].to_numpy(np.float64), strict=True))
            crop: Position = lambda image, _: config.crop(about[image]) if image in about else None  # noqa: E731
            pictures = in_memory(paths, crop, (config.crop_side, config.crop_side), read)
            table, place = self.aligner.find(pictures, about)
            table = scored_by(table, boxes, config.truth.part)
        channels = self._last.config.channels
        named = [number for number, channel in enumerate(channels) if channel != "box"]
        doubts = place.doubts(named) if place is not None and named else None
        return Located(table, boxes, pictures.usable(list(paths)), doubts)


def load(folder: str | Path, localizer: str | Path | None = None, changes: Sequence[str] = ()) -> Locator:
    """Load an aligner (`runs/<dataset>/aligner`) with the localizer that it was fitted on (or another one), or a localizer alone;
    the localizer may be a part detector. `changes` (key=value) are of keys CHANGEABLE, those of an aligner's localizer as
    `localizer.key=value`.

    Raises LoadError if the folder, or the localizer's beside it, has no fitted fold, a detector doesn't find the aligner's part,
    or a change is of a key that a fit depends on.
    """
    folder = Path(folder)
    before = [change.removeprefix(PREFIX) for change in changes if change.startswith(PREFIX)]
    own = [change for change in changes if not change.startswith(PREFIX)]
    if fixed := [change for change in [*before, *own] if change.partition("=")[0].partition(".")[0] not in CHANGEABLE]:
        raise LoadError(f"{fixed[0]}: a fitted model can be asked otherwise by {', '.join(CHANGEABLE)} alone")
    fitted = read_fitted(folder, own)
    if before and not isinstance(fitted.config, AlignerConfig):
        raise LoadError(f"{folder}: is a localizer itself; say {before[0]}, without {PREFIX!r}")
    if not isinstance(fitted.config, AlignerConfig):
        if localizer is not None:
            raise LoadError(f"{folder}: is a localizer itself, so {localizer} has no place before it")
        return Locator(fitted, None, folder)
    if localizer is None and not fitted.config.boxes:
        raise LoadError(f"{folder}: fitted on true boxes, so no localizer belongs to it; fit one with boxes=localizer")
    home = folder.parent / fitted.config.boxes if localizer is None else Path(localizer)
    return Locator(_before(fitted.config, home, before), fitted, home)


def _before(config: AlignerConfig, folder: Path, changes: Sequence[str]) -> Fitted:
    """What finds the boxes for an aligner: a detector those of the aligner's part."""
    found, part = read_fitted(folder, changes), config.truth.part
    if not isinstance(found, Detecting):
        return found
    if part not in found.parts:
        raise LoadError(
            f"{folder}: finds {', '.join(found.parts)}, and the aligner is of truth.part={part}; name another localizer"
        )
    return replace(found, part=part)


def read_fitted(folder: str | Path, overrides: Sequence[str] = (), fold: int | None = None) -> Fitted:
    """The fitted folds of one localizer, aligner or part detector (in a localizer's place); `overrides` (key=value) change what a
    fit doesn't depend on, such as views.

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
    room, of_fold = read_yaml(path).get("room"), "" if fold is None else f"/fold{fold}"
    if room == "detect":
        return detecting.read(runs, tuple(overrides), of_fold)
    if room not in rooms:
        raise LoadError(f"{path}: room {room!r} finds no heads; it takes a run of room localize, align or detect")
    config = load_config(rooms[room], path, tuple(overrides))
    uncertainty = read_uncertainty(folder / UNCERTAINTY) if fold is None else None
    return Fitted(config, [load_net(config, run) for run in runs], f"{config.dataset}/{config.name}{of_fold}", uncertainty)
