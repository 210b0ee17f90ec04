"""The fold models of one fitted localizer or aligner, and what they find together in pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import nn

from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.localize.averaging import Place, average, together
from whichwhale.localize.config import LocateConfig
from whichwhale.localize.predicting import look
from whichwhale.localize.tables import table_of
from whichwhale.localize.uncertainty import Uncertainty
from whichwhale.pictures.store import Pictures


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
