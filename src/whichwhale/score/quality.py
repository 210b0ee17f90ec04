"""How well a photo shows its animal: how large it is and how surely its points are known.

Read from an annotations.csv (contract 1) or from the index.csv of a passport store (contract 2). Only files are known here.
"""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

POINTS = ("bonnet_tip", "blowhole")
_MATRIX = ("m00", "m01", "m02", "m10", "m11", "m12")


class QualityError(ValueError):
    """A file that doesn't say what is asked of it; the message names file, line and column."""


@dataclass(frozen=True)
class Quality:
    """Of one photo; NaN where it is not known."""

    distance: float
    """d, between the two points that align the animal, in pixels of the upright photo"""
    uncertainty: float
    """standard deviation of a point over d"""


UNKNOWN = Quality(math.nan, math.nan)


def read_quality(path: str | Path, points: Sequence[str] = POINTS, part: str = "head") -> dict[str, Quality]:
    """Photo -> quality of the animal that its label means (item `photo#0`); photos in which nothing was found are left out.

    Args:
        path: annotations.csv, or the index.csv of a store, beside which its store.json must lie.
        points: names of the two points, for annotations; part: the part that has them.

    Raises:
        QualityError: missing file, neither kind of table, cells that are no numbers, an index without store.json.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            header = set(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise QualityError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise QualityError(f"{path}: can't be read as a CSV: {error}") from None
    wanted = {"item", "part", "status", *(f"{name}{end}" for name in points for end in ("_x", "_y", "_v"))}
    if {"item", "status", "sd", *_MATRIX} <= header:
        of = _of_index(path)
    elif wanted <= header:
        rows = [(line, row) for line, row in rows if row["part"] == part]
        of = _of_annotations(points)
    else:
        raise QualityError(
            f"{path}: line 1: neither a store's index.csv (item, m00 ... m12, sd, status) nor an annotations.csv with "
            f"{', '.join(points)} (column {min(wanted - header)} is missing)"
        )
    found = {}
    for line, row in rows:
        image, _, k = (row["item"] or "").rpartition("#")
        if row["status"] == "ok" and k == "0":
            numbers = _Row(path, line, row)
            if (quality := of(numbers)) is not None:
                found[image] = quality
    return found


class _Row:
    """A line's cells as numbers; an empty one is NaN."""

    def __init__(self, path: Path, line: int, cells: dict[str, str]) -> None:
        self.path, self.line, self.cells = path, line, cells

    def __getitem__(self, column: str) -> float:
        text = self.cells.get(column) or ""
        try:
            return float(text) if text else math.nan
        except ValueError:
            raise QualityError(f"{self.path}: line {self.line}, column {column}: {text!r} is no number") from None


def _of_index(path: Path) -> Callable[[_Row], Quality | None]:
    try:
        about = json.loads((path.parent / "store.json").read_text(encoding="utf-8"))
        plane = np.asarray(about["plane_to_store"], np.float64).reshape(2, 3)
    except (OSError, ValueError, KeyError, TypeError):
        raise QualityError(f"{path}: no readable store.json lies beside it, which says how long d is in the store") from None
    span = plane[:, 0]  # from the second point to the first: one d along the plane's x

    def of(row: _Row) -> Quality:
        to_store = np.array([row[name] for name in _MATRIX]).reshape(2, 3)[:, :2]
        if not np.isfinite(to_store).all() or not np.linalg.det(to_store):
            raise QualityError(f"{path}: line {row.line}: m00 ... m12 are no photo-to-store transform")
        distance = float(np.linalg.norm(np.linalg.solve(to_store, span)))
        return Quality(distance, row["sd"] / distance)

    return of


def _of_annotations(points: Sequence[str]) -> Callable[[_Row], Quality | None]:
    first, second = points

    def of(row: _Row) -> Quality | None:
        if not (row[f"{first}_v"] > 0 and row[f"{second}_v"] > 0):
            return None
        distance = math.hypot(row[f"{first}_x"] - row[f"{second}_x"], row[f"{first}_y"] - row[f"{second}_y"])
        if not distance > 0:
            return None
        squares = [row[f"{name}_sd"] ** 2 for name in points]
        return Quality(distance, math.sqrt(sum(squares) / 2) / distance)  # root mean square of both

    return of
