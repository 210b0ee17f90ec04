"""Crops of lions' parts, `LION/LION_Left_Face.png`, as two sightings of each lion that share no photo file but one.

There is one crop of each part of a lion, so what can be compared are its two sides, and its nose with its portrait:

    part      sighting a            sighting b
    face      left face             right face
    ear       left ear              right ear
    whiskers  left whiskers         right whiskers
    nose      nose                  the muzzle, cut from the middle of the portrait

Most whiskers lie in one file, the right side (mostly) above the left one, two photos with a seam between them that is found by
content. Of other parts (bodies, teeth, manes, tails, scars) too few lions have a second crop. Some pairs may come of one photo,
or of two of one day: what they have in common beside the lion, such as light and grass, helps every score.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.competition.photos import decode
from whichwhale.files import write_atomically, write_text

NAME = re.compile(r"(?:(left|right) )?(face|ear|whiskers|nose|portrait)\d?")
SEAM = 1.9  # times the median step between rows: what a seam's step has at least
BESIDE = 0.02  # of the height, left out on either side of a seam: a red line is drawn there
MUZZLE = 0.28, 0.45, 0.72, 0.85  # of a portrait's width and height: left, top, right, bottom
TABLE = "parts.csv"


@dataclass(frozen=True, eq=False)
class Crop:
    """uint8 RGB `pixels` [H, W, 3] of a lion's part, in sighting a or b."""

    lion: str
    part: str
    sighting: str
    source: str
    pixels: NDArray[np.uint8]


def crops_of(path: Path) -> list[Crop]:
    """What a file is good for: nothing (another part), one crop, or two (both sides' whiskers). Its name starts with that of its
    folder, the lion's. Raises PhotoError if it can't be decoded."""
    lion = path.parent.name
    words = path.stem.removeprefix(lion).replace("_", " ").strip().lower()
    found = NAME.fullmatch(words)
    if not found or (found[1] is None) != (found[2] in ("nose", "portrait")) and words != "whiskers":
        return []
    side, part = found[1], found[2]
    pixels = decode(path)
    if words == "whiskers":
        halves = split(pixels)
        return [] if halves is None else [Crop(lion, part, one, path.name, half) for one, half in zip("ba", halves, strict=True)]
    if part == "portrait":
        return [Crop(lion, "nose", "b", path.name, muzzle(pixels))]
    return [Crop(lion, part, "b" if side == "right" else "a", path.name, pixels)]


def split(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]] | None:
    """Upper and lower picture of two in one file; None if there is no seam about the middle."""
    height = len(pixels)
    step = np.abs(np.diff(pixels.astype(np.float32), axis=0)).mean(axis=(1, 2))
    first = int(0.35 * height)
    middle = step[first : int(0.65 * height)]
    if not len(middle) or middle.max() < SEAM * np.median(step):
        return None
    seam, margin = first + int(middle.argmax()) + 1, max(1, round(BESIDE * height))
    # A drawn line has a step on either side; both lie within the margin of the middle of it.
    return pixels[: seam - margin], pixels[seam + margin :]


def muzzle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a portrait, where the nose is."""
    height, width = pixels.shape[:2]
    left, top, right, bottom = (round(share * side) for share, side in zip(MUZZLE, (width, height) * 2, strict=True))
    return pixels[top:bottom, left:right]


def prepare(source: Path, root: Path) -> pd.DataFrame:
    """Write the crops of all lions below `source` as `root`/LION/PART_SIGHTING.png, and parts.csv: photo, animal, part, sighting,
    encounter (lion and sighting), source. What is there already stays.

    Raises:
        ValueError: no lion with both sightings of a part; PhotoError for a file that can't be read.
    """
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    rows, count = [], Counter[str]()
    for crop in (crop for path in files for crop in crops_of(path)):
        photo = f"{crop.lion}/{crop.part}_{crop.sighting}"
        count[photo] += 1
        photo += f"{count[photo]}.png" if count[photo] > 1 else ".png"
        encounter = f"{crop.lion} {crop.sighting}"
        rows.append((photo, crop.lion, crop.part, crop.sighting, encounter, crop.source))
        if not (root / photo).exists():
            done, data = cv2.imencode(".png", crop.pixels[..., ::-1])
            assert done
            write_atomically(root / photo, lambda stream, data=data: stream.write(data.tobytes()) and None)
    table = pd.DataFrame(rows, columns=["photo", "animal", "part", "sighting", "encounter", "source"])
    if table.empty or (table.groupby(["animal", "part"])["sighting"].nunique() < 2).all():
        raise ValueError(f"{source}: no lion of whom a part is there twice; it holds LION/LION_Left_Face.png, … in any folder")
    write_text(root / TABLE, table.to_csv(index=False))
    return table


def told(table: pd.DataFrame) -> str:
    """How many lions have each part, in a and b and in both."""
    lions = table.groupby(["part", "sighting"])["animal"].nunique().unstack(fill_value=0)
    both = (table.groupby(["part", "animal"])["sighting"].nunique() == 2).groupby("part").sum()
    parts = (f"{part} {int(row['a'])} and {int(row['b'])}, both {int(both[part])}" for part, row in lions.iterrows())
    return f"{len(table)} crops of {table['animal'].nunique()} lions; lions with each part: {'; '.join(parts)}"
