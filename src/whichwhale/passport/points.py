"""Which animal has which two points: contract 1's rows as the passport needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import sloth
from whichwhale.annotations import table as contract
from whichwhale.passport.config import PassportConfig

# Names that every part with a box has: the ends of the level line through the middle of the box, as long as its longer side. By
# them a passport is an upright crop of the box, of nothing aligned: what a model is worth without the points.
BOX_ENDS = {"box_left": -0.5, "box_right": 0.5}
LEAST_DISTANCE = 1.0  # px of the photo; points closer than that give no direction


class PointsError(ValueError):
    """Annotations that no passport can be cut from; the message names what is there."""


@dataclass(frozen=True, eq=False)
class Animal:
    """One animal of a photo.

    points      [2, 2] first and second point, pixels of the upright photo; None if they were not found (or lie on one another)
    sd          px of the photo, root mean square of the two points' standard deviations; NaN if one is unknown
    status      ok (has points) | none | unreadable, as the annotations say
    photo_size  (width, height) of the upright photo that the points were set on, None if the annotations don't say
    """

    item: str
    image: str
    points: NDArray[np.float64] | None
    sd: float
    status: str
    photo_size: tuple[int, int] | None


def read(path: str | Path, names: Sequence[str]) -> pd.DataFrame:
    """Contract 1's table from annotations.csv, or from a folder of Sloth files with the points `names`.

    Raises AnnotationsError or SlothError naming file, line and fix.
    """
    path = Path(path)
    if not path.is_dir():
        return contract.read(path)
    boxes = path / sloth.BOX_FILE
    files = {name: path / sloth.POINT_FILES.get(name, f"{name}.json") for name in names if name not in BOX_ENDS}
    return sloth.from_sloth(files, boxes if boxes.exists() else None)


def animals(table: pd.DataFrame, config: PassportConfig) -> list[Animal]:
    """One `Animal` an item of the table; all animals of a photo follow one another, photos in the order of the table.

    Raises PointsError if the table is empty, or has not the points or the part that `config` names.
    """
    if table.empty:
        raise PointsError("the annotations have no row")
    known = contract.point_names(table)
    if missing := [name for name in (config.first, config.second) if name not in known and name not in BOX_ENDS]:
        raise PointsError(
            f"the annotations have no point {missing[0]!r}; their points are {', '.join(known) or 'none'}; first and "
            "second say which two are meant (a model's passports.first and passports.second)"
        )
    parts = sorted(table.loc[table["status"] == "ok", "part"].unique())
    if parts and config.part not in parts:
        raise PointsError(f"the annotations have no part {config.part!r}; their parts are {', '.join(parts)}")
    found: dict[str, dict[str, Animal]] = {}
    for row in table.to_dict("records"):
        of_photo = found.setdefault(row["Image"], {})
        if row["part"] == config.part or row["item"] not in of_photo:
            of_photo[row["item"]] = _animal(row, config)
    return [animal for of_photo in found.values() for animal in of_photo.values()]


def _animal(row: dict, config: PassportConfig) -> Animal:
    size = row["photo_width"], row["photo_height"]
    known_size = None if math.isnan(size[0]) or math.isnan(size[1]) else (int(size[0]), int(size[1]))
    names = (config.first, config.second)
    points = np.array([_point(row, name) for name in names])
    there = row["part"] == config.part and np.isfinite(points).all()
    if not there or math.dist(*points) < LEAST_DISTANCE:
        status = "unreadable" if row["status"] == "unreadable" else "none"
        return Animal(row["item"], row["Image"], None, math.nan, status, known_size)
    sd = math.hypot(*(row.get(f"{name}_sd", math.nan) for name in names)) / math.sqrt(2)
    return Animal(row["item"], row["Image"], points, sd, "ok", known_size)


def _point(row: dict, name: str) -> tuple[float, float]:
    """A point's place in the photo, NaN if it is absent."""
    if name in BOX_ENDS and f"{name}_x" not in row:
        x, y, width, height = (row[key] for key in contract.BOX)
        return x + width / 2 + BOX_ENDS[name] * max(width, height), y + height / 2
    return (row[f"{name}_x"], row[f"{name}_y"]) if row[f"{name}_v"] > contract.ABSENT else (math.nan, math.nan)
