"""Found parts cut out of their photos: several a photo, largest first, in a folder with a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
import simplejpeg
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from whichwhale.annotations.table import BOX
from whichwhale.competition.photos import decode
from whichwhale.files import write_atomically, write_text

TABLE = "crops.csv"
COLUMNS = ["file", "Image", "item", "part", "score", "rank", "left", "top", "width", "height"]
Square = Literal["no", "black", "photo"]
UNFIT = re.compile(r"[/\\:]|^\.+")  # what a part's name may hold and a file's must not


@dataclass(frozen=True)
class CropRule:
    """How parts are cut out.

    `margin` on each side, as a share of the box's; `square`: 'no', 'black' (a square, black beside the box) or 'photo' (a
    square of the photo; black outside it); `size` px of the square's side (0: as it is in the photo); `most` parts a photo,
    largest first (0: all).
    """

    margin: float = 0.1
    square: Square = "no"
    size: int = 0
    most: int = 0
    quality: int = 95

    def __post_init__(self) -> None:
        """Raises ValueError, naming what would do."""
        if self.size and self.square == "no":
            raise ValueError("size is a square's side; say --square black or --square photo too")
        if self.margin < 0 or self.size < 0 or self.most < 0:
            raise ValueError("margin, size and number of parts must not be negative")


def window(box: ArrayLike, margin: float, square: bool) -> tuple[int, int, int, int]:
    """Left, top, width, height in whole pixels (a photo's first pixel is 0) that hold `box` (x, y, width, height; pixel centres
    at integers) and a margin of this share of its sides; as a square about its centre if asked. It may leave the photo."""
    x, y, width, height = np.asarray(box, np.float64)
    left, top = x + 0.5 - margin * width, y + 0.5 - margin * height
    right, bottom = left + (1 + 2 * margin) * width, top + (1 + 2 * margin) * height
    grain = 1e-6  # a box that ends at a pixel's edge does not hold the next pixel, whatever rounding says
    left, top = int(np.floor(left + grain)), int(np.floor(top + grain))
    wide, high = max(int(np.ceil(right - grain)) - left, 1), max(int(np.ceil(bottom - grain)) - top, 1)
    if square:
        side = max(wide, high)
        left, top, wide, high = left - (side - wide) // 2, top - (side - high) // 2, side, side
    return left, top, wide, high


def cut(photo: NDArray[np.uint8], place: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """The pixels [height, width, 3] of a window (left, top, width, height) of a photo [h, w, 3]; black outside it."""
    left, top, width, height = place
    picture = np.zeros((height, width, 3), np.uint8)
    inner = [max(left, 0), max(top, 0), min(left + width, photo.shape[1]), min(top + height, photo.shape[0])]
    if inner[0] < inner[2] and inner[1] < inner[3]:
        rows, columns = slice(inner[1] - top, inner[3] - top), slice(inner[0] - left, inner[2] - left)
        picture[rows, columns] = photo[inner[1] : inner[3], inner[0] : inner[2]]
    return picture


def crop(photo: NDArray[np.uint8], box: ArrayLike, rule: CropRule) -> tuple[NDArray[np.uint8], tuple[int, int, int, int]]:
    """One part's picture, and the window of the photo that it shows."""
    place = window(box, rule.margin, rule.square != "no")
    picture = cut(photo, place)
    if rule.square == "black":
        left, top, width, height = window(box, rule.margin, False)
        inside = np.zeros(picture.shape[:2], bool)
        inside[top - place[1] : top - place[1] + height, left - place[0] : left - place[0] + width] = True
        picture[~inside] = 0
    if rule.size:
        how = cv2.INTER_AREA if rule.size < place[2] else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (rule.size, rule.size), interpolation=how)
    return picture, place


def write(table: pd.DataFrame, photos: Path, folder: Path, rule: CropRule) -> pd.DataFrame:
    """Write the found parts of a contract-1 table as JPEGs into `folder`, and crops.csv, which is returned: a row a picture,
    with the window that it shows in px of the upright photo. A photo's parts come largest box first (`rank` 0, 1, …).

    Raises PhotoError if a photo can't be read, ValueError if nothing was found, a photo is missing, two pictures would have one
    name, or the folder has other pictures already.
    """
    boxed = table[table["x"].notna()]
    if boxed.empty:
        raise ValueError("the table has no part that was found; nothing to cut out")
    boxed = boxed.assign(area=boxed["width"] * boxed["height"])
    boxed = boxed.sort_values(["Image", "area"], ascending=[True, False], kind="stable")
    boxed["rank"] = boxed.groupby("Image").cumcount()
    if rule.most:
        boxed = boxed[boxed["rank"] < rule.most]
    number = boxed["item"].str.rpartition("#")[2]
    names = [
        f"{Path(image).stem}_{k}_{UNFIT.sub('-', part)}.jpg"
        for image, k, part in zip(boxed["Image"], number, boxed["part"], strict=True)
    ]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice}: two pictures would have this name; photos must differ in more than folder and ending")
    if missing := [image for image in boxed["Image"].unique() if not (photos / image).is_file()]:
        raise ValueError(f"{photos / missing[0]}: the photo is missing, as are {len(missing) - 1} others; nothing was written")
    if stale := sorted({path.name for path in folder.glob("*.jpg")} - set(names)):
        raise ValueError(
            f"{folder / stale[0]}: is not among the crops that are to be written, nor are {len(stale) - 1} others there; empty "
            "the folder, or name another"
        )
    boxed, rows = boxed.assign(file=names), []
    for image, mine in tqdm(boxed.groupby("Image", sort=False), "crops", unit="photo", delay=2):
        photo = decode(photos / str(image))
        for row in mine.to_dict("records"):
            picture, place = crop(photo, [row[key] for key in BOX], rule)
            data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=rule.quality, colorsubsampling="420")
            write_atomically(folder / row["file"], lambda stream, data=data: stream.write(data))
            rows.append(row | dict(zip(("left", "top", "width", "height"), place, strict=True)))
    written = pd.DataFrame(rows)[COLUMNS]
    write_text(folder / TABLE, written.to_csv(index=False, lineterminator="\n"))
    return written
