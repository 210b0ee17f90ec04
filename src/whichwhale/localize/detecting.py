"""A part detector in a localizer's place: of each photo the surest box of one part.

That is box #0 of the candidates.csv that predict.py writes, the one that an aligner with boxes=DETECTOR is fitted on too
(boxes.py). annotations.csv is another question: what counts as found, the largest animal first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from whichwhale.annotations import build
from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.config import load as load_config
from whichwhale.detect import sides
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.predicting import detect_together, load_net
from whichwhale.detect.sides import PairSides
from whichwhale.detect.tables import candidate_table
from whichwhale.localize.config import LocalizerConfig, TruthConfig
from whichwhale.localize.fitted import Fitted
from whichwhale.pictures.config import MovesConfig
from whichwhale.pictures.store import Pictures
from whichwhale.runs import RunFolder


@dataclass(frozen=True, eq=False)
class Detecting(Fitted):
    """All fitted fold models of one detector. `config` says what a localizer of its views would have, `part` whose boxes
    count."""

    detector: DetectConfig = field(default_factory=DetectConfig)
    parts: list[str] = field(default_factory=list)
    part: str = "head"
    sides: list[list[PairSides]] = field(default_factory=list)  # of each net, what tells the sides of paired parts

    def find(self, pictures: Pictures, boxes: None) -> tuple[pd.DataFrame, None]:
        """The surest box in each picture, of what all fold models found together; a photo in which nothing has `least_score` has
        none."""
        images = list(pictures.index["Image"])
        usable = pictures.usable(images)
        found = detect_together(self.nets, self.sides, pictures, self.detector, self.parts, usable)
        return surest(candidate_table(found, MEAN_OF_FOLDS, self.source, pictures, images), images, self.part), None


def surest(candidates: pd.DataFrame, images: list[str], part: str = "head") -> pd.DataFrame:
    """Of candidates (contract 1, their numbers ranks by score) the first row of `part` of each of `images`, in their order. A
    photo that has no such box, or that the table says nothing of, has status none, an unreadable one stays so."""
    lost = candidates[candidates["status"] != "ok"]
    mine = candidates[candidates["item"].str.endswith("#0") & (candidates["part"] == part) & (candidates["status"] == "ok")]
    meant = pd.concat([mine, lost]).drop_duplicates("Image").set_index("Image", drop=False)
    there = [image for image in images if image in meant.index]
    missing = build([{"Image": image, "part": part, "status": "none"} for image in images if image not in meant.index], [])
    columns = [column for column in missing.columns if column in meant.columns]
    both = pd.concat([meant.loc[there, columns], missing[columns]])
    return both.set_index("Image", drop=False).loc[images].reset_index(drop=True)


def read(runs: Sequence[RunFolder], overrides: Sequence[str] = (), of_fold: str = "") -> Detecting:
    """The detector whose fitted folds are `runs`, for its leading part; `of_fold` ends its source, where it is one fold alone."""
    config, parts = load_config(DetectConfig, runs[0].path / "config.yaml", tuple(overrides)), runs[0].provenance()["parts"]
    shown = LocalizerConfig(
        name=config.name, dataset=config.dataset, width=config.width, height=config.height, fit=config.fit, point_weight=0,
        truth=TruthConfig(part=parts[0]), augment=MovesConfig(rotation=180 if config.lays else 0),
    )  # fmt: skip
    nets = [load_net(config, run, len(parts)) for run in runs]
    told = [sides.read(run.path) for run in runs]
    return Detecting(shown, nets, f"{config.dataset}/{config.name}{of_fold}", None, config, parts, parts[0], told)
