"""Head boxes that come from elsewhere than a network of the room `localize`, in a localizer's place: a table's, a detector's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from whichwhale.annotations import build
from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.config import load
from whichwhale.detect import seen
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.predicting import detect, load_net
from whichwhale.detect.tables import candidate_table
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.locating import Fitted
from whichwhale.pictures.store import Pictures
from whichwhale.runs import RunFolder


@dataclass(frozen=True, eq=False)
class Told(Fitted):
    """A localizer whose boxes are known from a table (contract 1), whoever found them."""

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def find(self, pictures: Pictures, boxes: None) -> tuple[pd.DataFrame, None]:
        """The table's animal #0 of each picture's photo; a photo that is not in it has none."""
        return first_of(self.table, list(pictures.index["Image"])), None


@dataclass(frozen=True, eq=False)
class Detecting(Fitted):
    """A fitted part detector in a localizer's place: of each photo the leading part's box with the highest score.

    These are the boxes #0 of the candidates.csv that predict.py writes. They are found anew, so that the time that a photo takes
    has the detector's own in it, and photos of another survey can be looked at.
    """

    detector: DetectConfig = field(default_factory=DetectConfig)
    parts: list[str] = field(default_factory=list)

    def find(self, pictures: Pictures, boxes: None) -> tuple[pd.DataFrame, None]:
        """The best box in each picture; a photo in which nothing has `least_score` has none."""
        images = list(pictures.index["Image"])
        found = detect(self.nets[0], pictures, self.detector, self.parts, pictures.usable(images))
        table = candidate_table(found, MEAN_OF_FOLDS, self.source, pictures, images)
        return first_of(table[table["part"] == self.parts[0]], images), None


def first_of(table: pd.DataFrame, images: list[str]) -> pd.DataFrame:
    """The row of animal #0 of each of `images`, in their order; one with status none for a photo that `table` says nothing of."""
    meant = table[table["item"].str.endswith("#0")].drop_duplicates("Image").set_index("Image", drop=False)
    there = [image for image in images if image in meant.index]
    missing = build([{"Image": image, "status": "none"} for image in images if image not in meant.index], [])
    columns = [column for column in missing.columns if column in meant.columns]
    both = pd.concat([meant.loc[there, columns], missing[columns]])
    return both.set_index("Image", drop=False).loc[images].reset_index(drop=True)


def read_detector(folder: Path, training: Iterable[str]) -> Detecting:
    """The detector fitted in the run folder `folder`. Raises ValueError if it learned from other photos than `training`, as from
    some of them alone, or if nothing says from which."""
    training, fold = set(training), folder.name.removeprefix("fold")
    learned = seen.read(folder).get(int(fold))
    if learned is None:
        raise ValueError(f"{folder / seen.FILE}: is missing, so that nobody knows what the detector has seen; fit it again")
    if differ := sorted(learned ^ training):
        what = "it learned from" if differ[0] in learned else "it did not learn from"
        raise ValueError(
            f"{folder / seen.FILE}: the detector and the other rows don't share their training photos, {len(differ)} differ, "
            f"{what} {differ[0]}; remove {folder} and fit it again"
        )
    run = RunFolder(folder)
    config, parts = load(DetectConfig, folder / "config.yaml"), run.provenance()["parts"]
    shown = LocalizerConfig(width=config.width, height=config.height)  # the pictures that a detector of this size looks at
    return Detecting(shown, [load_net(config, run, len(parts))], f"{config.dataset}/{config.name}", None, config, parts)
