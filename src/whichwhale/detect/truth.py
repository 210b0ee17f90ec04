"""The labelled photos' boxes, part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import formats
from whichwhale.annotations.table import BOX
from whichwhale.detect.config import DetectConfig

SIDES = ("left", "right")


class TruthError(ValueError):
    """Annotations that can't teach what the config asks for."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the labelled photos `images` (sorted): contract 1's `table` of them and the names of the `parts`, by
    number."""

    table: pd.DataFrame
    images: list[str]
    parts: list[str]

    def of(self, image: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Boxes [n, 4] (x, y, width, height; px of the upright photo, pixel centres at integers) and numbers of their parts
        [n]."""
        return self._by_image[image] if image in self._by_image else (np.zeros((0, 4)), np.zeros(0, np.int64))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of photos, parts and boxes."""
        rows = self.table[["Image", "part", *BOX]].to_csv(index=False)
        return hashlib.sha256("\n".join([*self.images, *self.parts, rows]).encode()).hexdigest()

    def __post_init__(self) -> None:
        boxes = self.table[self.table["x"].notna() & self.table["part"].isin(self.parts)]
        number = {part: i for i, part in enumerate(self.parts)}
        by_image = {
            str(image): (rows[BOX].to_numpy(np.float64), rows["part"].map(number).to_numpy(np.int64))
            for image, rows in boxes.groupby("Image", sort=False)
        }
        object.__setattr__(self, "_by_image", by_image)


def read_truth(
    config: DetectConfig, folder: Path, images: list[str], sizes_of: Callable[[], formats.Sizes] | None = None
) -> Truth:
    """Read the boxes of `images`; other photos' rows are dropped, and so are unreadable ones, of which nothing is known.
    `sizes_of` reads the photos' sizes where the file's format has none.

    Raises TruthError if there is no file, no box of one of the parts, or if a mirror image would exchange a left and a right
    part; an error of annotations/ if the file can't be read.
    """
    path = folder / config.truth.file
    if not path.exists():
        raise TruthError(
            f"{path}: the parts' boxes are missing; truth.folder and truth.file say which are read (docs/annotations.md), "
            "a simulated survey writes them with --parts"
        )
    form = formats.guess(path)
    sizes = sizes_of() if form == "yolo" and sizes_of else None  # its numbers are shares of the photos' sizes
    table = formats.read(path, form, formats.Asked(sizes=sizes, annotator=config.truth.annotator or None)).table
    table = table[table["Image"].isin(set(images)) & (table["status"] != "unreadable")].sort_values(
        ["Image", "item"], kind="stable"
    )
    known = sorted(table.loc[table["x"].notna(), "part"].unique(), key=lambda part: (part != "head", part))
    parts = list(config.parts) or known
    if missing := [part for part in parts if part not in known]:
        raise TruthError(
            f"{path}: no box of {', '.join(missing)} in the training photos; there are those of {', '.join(known) or 'none'}"
        )
    if not parts:
        raise TruthError(f"{path}: none of the {len(images)} training photos has a box there")
    _refuse_sides(config, parts)
    return Truth(table.reset_index(drop=True), sorted(table["Image"].unique()), parts)


def exchanged(parts: list[str], mirrored: dict[str, str]) -> NDArray[np.int64]:
    """For the number of each part, that of the part which it is in a mirror image."""
    partner = mirrored | {right: left for left, right in mirrored.items()}
    return np.array([parts.index(partner.get(part, part)) for part in parts], np.int64)


def _refuse_sides(config: DetectConfig, parts: list[str]) -> None:
    pairs = config.mirrored | {right: left for left, right in config.mirrored.items()}
    if unknown := [part for part in pairs if part not in parts]:
        raise TruthError(f"mirrored names {', '.join(unknown)}; the parts are {', '.join(parts)}")
    sided = [part for part in parts if any(side in part.lower() for side in SIDES) and part not in pairs]
    if sided and config.augment.mirror:
        raise TruthError(
            f"in a mirror image {', '.join(sided)} would be the other side's; say which change places, "
            "'mirrored={LEFT: RIGHT}', or augment.mirror=0"
        )
