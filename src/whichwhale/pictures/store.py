"""Pictures cut from photos once, reduced, in one memory-mapped array: a fit's epochs cost no decoding.

pictures.npy   uint8 [N, H, W, 3] RGB; what lies outside the photo is black
index.csv      Image, photo-to-picture transform m00..m12, width, height (upright photo, px), status (ok | none | unreadable)
pictures.json  schema, key: fingerprint of photos and transforms
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from whichwhale.competition.photos import PhotoError
from whichwhale.files import one_maker, write_json
from whichwhale.fit.machine import usable_cores
from whichwhale.geometry import Affine, compose, invert, scale_of, warp
from whichwhale.pictures.reading import Reader

SCHEMA = 1
MATRIX = ["m00", "m01", "m02", "m10", "m11", "m12"]
COLUMNS = ["Image", *MATRIX, "width", "height", "status"]
READING_FAILED = "unreadable"

# From a photo's name and (width, height) to its photo-to-picture transform; None: no picture of it is wanted.
Position = Callable[[str, tuple[int, int]], Affine | None]


@dataclass(frozen=True, eq=False)
class Pictures:
    """Open pictures: `images` is memory-mapped and read-only, row i of `index` and `matrix` [N, 2, 3] describes image i."""

    folder: Path
    key: str
    images: NDArray[np.uint8]
    index: pd.DataFrame
    matrix: NDArray[np.float64]

    def rows(self, images: list[str]) -> NDArray[np.int64]:
        """Row numbers of photos; raises ValueError naming the first that have none."""
        found = pd.Index(self.index["Image"]).get_indexer(pd.Index(images))
        if (found < 0).any():
            missing = [image for image, row in zip(images, found, strict=True) if row < 0]
            raise ValueError(f"{self.folder}: {len(missing)} photos have no row, the first are {missing[:3]}; delete the folder")
        return found.astype(np.int64)

    def usable(self, images: list[str]) -> list[str]:
        """Those of `images` that have a picture."""
        ok = set(self.index.loc[self.index["status"] == "ok", "Image"])
        return [image for image in images if image in ok]


def pictures(
    folder: str | Path, paths: dict[str, Path], place: Position, size: tuple[int, int], what: str = "pictures"
) -> Pictures:
    """Open the pictures of `paths` (photo's name to file) in `folder`, making them if there are none of exactly this input.

    `place` says where each photo lies on a picture of `size` (width, height) px. A photo that can't be read keeps a black row
    with status `unreadable`, one that `place` gives None a black row with status `none`. All is written beside and renamed.
    """
    folder, read = Path(folder), Reader()
    with ThreadPoolExecutor(usable_cores()) as pool:
        known = dict(zip(paths, pool.map(lambda image: _known(image, paths[image], place, read), paths), strict=True))
        key = hashlib.sha256(json.dumps([SCHEMA, size, known]).encode()).hexdigest()
        if (opened := _open(folder, key)) is not None:
            return opened
        with one_maker(folder):
            if (opened := _open(folder, key)) is not None:
                return opened
            beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            try:
                shape = (len(paths), size[1], size[0], 3)
                array = np.lib.format.open_memmap(beside / "pictures.npy", mode="w+", dtype=np.uint8, shape=shape)
                rows = _fill(array, paths, known, pool, what, read)
                array.flush()
                pd.DataFrame(rows, columns=COLUMNS).to_csv(beside / "index.csv", index=False)
                write_json(beside / "pictures.json", {"schema": SCHEMA, "key": key})
                shutil.rmtree(folder, ignore_errors=True)
                os.replace(beside, folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    opened = _open(folder, key)
    assert opened is not None
    return opened


def whole_photos(home: Path, paths: dict[str, Path], place: Position, size: tuple[int, int], lays: bool) -> Pictures:
    """`pictures` of whole photos, in a folder of `home` that all networks with such views share: those to which photos that stand
    are shown upright have their own."""
    return pictures(home / f"photos_{size[0]}x{size[1]}{'' if lays else '_upright'}", paths, place, size, "photos")


def in_memory(paths: dict[str, Path], place: Position, size: tuple[int, int], read: Reader | None = None) -> Pictures:
    """As `pictures`, for a few photos and without a file. `read` may have decoded them already."""
    read = read or Reader()
    array = np.zeros((len(paths), size[1], size[0], 3), np.uint8)
    with ThreadPoolExecutor(usable_cores()) as pool:
        known = dict(zip(paths, pool.map(lambda image: _known(image, paths[image], place, read), paths), strict=True))
        rows = _fill(array, paths, known, pool, "photos", read)
    index = pd.DataFrame(rows, columns=COLUMNS)
    return Pictures(Path(), "", array, index, index[MATRIX].to_numpy(np.float64).reshape(-1, 2, 3))


def _open(folder: Path, key: str) -> Pictures | None:
    """The pictures if they are there, whole, and were made from exactly what `key` stands for."""
    try:
        about = json.loads((folder / "pictures.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if about != {"schema": SCHEMA, "key": key}:
        return None
    try:
        images = np.load(folder / "pictures.npy", mmap_mode="r", allow_pickle=False)
        index = pd.read_csv(folder / "index.csv", dtype={"Image": str, "status": str}, keep_default_na=False, na_values=[""])
    except FileNotFoundError:  # another process is making it anew
        return None
    return Pictures(folder, key, images, index, index[MATRIX].to_numpy(np.float64).reshape(-1, 2, 3))


def _known(image: str, path: Path, place: Position, read: Reader) -> dict:
    """What a picture depends on: its file, its size, its place."""
    unknown = {"file": None, "width": None, "height": None, "matrix": None, "status": READING_FAILED}
    try:
        stat, whole = path.stat(), read.size(path)
    except (PhotoError, OSError):
        return unknown
    matrix = place(image, whole)
    found = {"file": [stat.st_size, stat.st_mtime_ns], "width": whole[0], "height": whole[1]}
    return found | {"matrix": None if matrix is None else matrix.tolist(), "status": "none" if matrix is None else "ok"}


def _fill(
    array: NDArray[np.uint8], paths: dict[str, Path], known: dict[str, dict], pool: ThreadPoolExecutor, what: str, read: Reader
) -> list[dict]:
    """Draw every picture into `array` [N, H, W, 3]; returns the rows of the index."""
    size = array.shape[2], array.shape[1]

    def draw(number: int, image: str) -> dict:
        about = known[image]
        matrix = np.full((2, 3), np.nan) if about["matrix"] is None else np.array(about["matrix"])
        row = {"Image": image} | {key: about[key] for key in ("width", "height", "status")}
        if row["status"] == "ok":
            try:
                array[number] = _draw(read, paths[image], (row["width"], row["height"]), matrix, size)
            except PhotoError:
                row["status"] = READING_FAILED
        return row | dict(zip(MATRIX, matrix.ravel().tolist(), strict=True))

    return list(tqdm(pool.map(draw, range(len(paths)), paths), total=len(paths), desc=what, unit="photo", delay=2))


def _draw(read: Reader, path: Path, whole: tuple[int, int], matrix: Affine, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Decode no finer than the picture needs, and warp once."""
    photo = read(path, int(np.ceil(max(whole) * min(scale_of(matrix), 1.0))))
    return warp(photo.pixels, compose(invert(photo.matrix), matrix), size, border=cv2.BORDER_CONSTANT)
