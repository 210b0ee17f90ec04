"""Head boxes that come from elsewhere than a network of the room `localize`, in a localizer's place: a table's, a detector's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from whichwhale.detect import seen
from whichwhale.localize.detecting import surest
from whichwhale.localize.fitted import Fitted
from whichwhale.localize.locating import read_fitted
from whichwhale.pictures.store import Pictures


@dataclass(frozen=True, eq=False)
class Told(Fitted):
    """A localizer whose boxes are known from a table (contract 1), whoever found them."""

    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def find(self, pictures: Pictures, boxes: None) -> tuple[pd.DataFrame, None]:
        """The table's animal #0 of each picture's photo; a photo that is not in it has none."""
        return surest(self.table, list(pictures.index["Image"])), None


def read_detector(folder: Path, training: Iterable[str]) -> Fitted:
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
    return read_fitted(folder.parent, fold=int(fold))
