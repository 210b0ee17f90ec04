"""The labelled photos' boxes and points as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import from_sloth, point_names, read
from whichwhale.annotations.table import ABSENT, BOX
from whichwhale.localize.truth_config import TruthConfig


class TruthError(ValueError):
    """Annotations that can't teach what the config asks for."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the photos `images` (sorted): px of the upright photo, NaN where unknown.

    table: contract 1's rows; box [N, 4] x, y, width, height; points [N, P, 2], in the order of the config's names
    """

    table: pd.DataFrame
    images: list[str]
    box: NDArray[np.float64]
    points: NDArray[np.float64]

    def rows(self, images: list[str]) -> NDArray[np.int64]:
        """Row numbers of photos, −1 for those that nothing is known of."""
        return pd.Index(self.images).get_indexer(pd.Index(images)).astype(np.int64)


def read_truth(config: TruthConfig, folder: Path, images: list[str]) -> Truth:
    """Read the truth of `images` from the files in `folder` that `config` names; other photos' rows are dropped.

    The animal that the label means is `#0`. A row without a box gets a square about its points, a photo without either is left
    out. Raises TruthError if none is left, AnnotationsError or SlothError if a file can't be read.
    """
    names = list(config.points)
    table = read_table(config, folder)
    table = table[table["Image"].isin(set(images)) & table["item"].str.endswith("#0") & (table["status"] == "ok")]
    if len(table) and config.part not in set(table["part"]):
        raise TruthError(f"{folder}: no row has part {config.part!r}; they have {', '.join(sorted(set(table['part'])))}")
    table = table[table["part"] == config.part].sort_values("Image")
    points = points_of(table, names)
    box = table[BOX].to_numpy(np.float64).copy()
    middle, distance = points[:, :2].mean(1), np.hypot(*(points[:, 0] - points[:, 1]).T)
    side = config.box_from_points * distance[:, None]
    square = np.concatenate([middle - side / 2, side, side], 1)
    box = np.where(np.isnan(box).any(1, keepdims=True), square, box)
    keep = np.isfinite(box).all(1)
    if not keep.any():
        raise TruthError(f"{folder}: none of the {len(images)} training photos has a box or both points there")
    return Truth(table[keep], list(table["Image"].to_numpy()[keep]), box[keep], points[keep])


def read_table(config: TruthConfig, folder: Path) -> pd.DataFrame:
    """Contract 1's table of all photos in the files that `config` names."""
    names = list(config.points)
    files = [config.table] if config.table else [*config.points.values(), *filter(None, [config.boxes])]
    if missing := [file for file in files if not (folder / file).is_file()]:
        raise TruthError(
            f"{folder / missing[0]}: these annotations are missing; truth.table=annotations.csv reads a table of contract 1 "
            "(docs/annotations.md) in that folder, truth.points and truth.boxes Sloth files, and truth.folder says where"
        )
    if not config.table:
        boxes = folder / config.boxes if config.boxes else None
        return from_sloth({name: folder / file for name, file in config.points.items()}, boxes)
    table = read(folder / config.table)
    if missing := [name for name in names if name not in point_names(table)]:
        raise TruthError(f"{folder / config.table}: has no point {missing[0]!r}; it has {point_names(table)}")
    return table


def points_of(table: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """Points [rows, P, 2] of a contract-1 table, NaN where absent."""
    columns = [f"{name}{axis}" for name in names for axis in ("_x", "_y")]
    xy = table[columns].to_numpy(np.float64).reshape(len(table), len(names), 2)
    there = table[[f"{name}_v" for name in names]].to_numpy() > ABSENT
    return np.where(there[..., None], xy, np.nan)
