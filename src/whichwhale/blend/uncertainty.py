"""How surely the points of a photo's passport are known: of the first member whose passports were cut by points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from whichwhale.config import input_dir, runs_dir
from whichwhale.score import read_quality
from whichwhale.score.quality import UNKNOWN


def points_of(runs: Path, members: Sequence[str]) -> tuple[Path, dict] | None:
    """The annotations.csv that a member's passports were cut by, and the member's `passports`; None if none were cut."""
    for name in members:
        for path in sorted((runs / name).glob("fold*/config.yaml"))[:1]:  # a model's fits share it
            passports = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("passports") or {}
            for folder in (input_dir(), runs_dir()):
                table = folder / str(passports.get("annotations", ""))
                if passports.get("annotations") and table.is_file():
                    return table, passports
    return None


def uncertainty(runs: Path, members: Sequence[str], images: Sequence[str]) -> NDArray[np.float64]:
    """Standard deviation of the points over d [N]; NaN where it is not known, as for passports that were given.

    Raises QualityError: a table of points that can't be read.
    """
    found = points_of(runs, members)
    if found is None:
        return np.full(len(images), np.nan)
    table, passports = found
    quality = read_quality(table, (passports["first"], passports["second"]), passports["part"])
    return np.array([quality.get(image, UNKNOWN).uncertainty for image in images])
