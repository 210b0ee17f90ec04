"""The test photos of a survey whose whales are known, read before anything that takes long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.competition import Competition
from whichwhale.score import read_truth


def known_answers(path: Path, tables: Competition) -> tuple[list[str], NDArray[np.int64]]:
    """Test photos whose whale `path` (CSV: Image,whaleID) tells and the data set knows, in the tables' order, and its column [T].

    Raises:
        ValueError: no readable table, or none that says anything of such a photo.
    """
    told, column = read_truth(path), {whale: i for i, whale in enumerate(tables.class_id)}
    named = [image for image in tables.test if image in told]
    photos = [image for image in named if told[image] in column]
    if not photos:
        whales = f", and none of these {len(named)} shows a whale of the training table" if named else ""
        names = f"{path}: names {len(named)} of the data set's {len(tables.test)} test photos"
        raise ValueError(f"{names}{whales}; give its own truth, Image,whaleID")
    return photos, np.array([column[told[image]] for image in photos], np.int64)
