"""The passport store (contract 2): one memory-mapped array of aligned heads, and a table that says where each came from.

    store.npy    uint8 [N, H, W, 3] RGB
    index.csv    item, photo-to-store transform m00..m12, sampling (store pixels per photo pixel), sd (px), outside (share), status
    store.json   schema, key, kind (points | given), plane-to-store transform [2, 3], shared by all items
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.files import write_json
from whichwhale.geometry import Affine

SCHEMA = 1
MATRIX = ["m00", "m01", "m02", "m10", "m11", "m12"]
COLUMNS = ["item", *MATRIX, "sampling", "sd", "outside", "status"]


class StoreError(ValueError):
    """A store that is missing, stale or damaged; the message says which and what to do."""


@dataclass(frozen=True)
class Store:
    """An open store. `images` is memory-mapped and read-only; row i of `index` describes image i."""

    folder: Path
    key: str
    images: NDArray[np.uint8]
    index: pd.DataFrame
    plane_to_store: Affine

    def rows(self, items: list[str]) -> NDArray[np.int64]:
        """Row numbers of `items`; raises StoreError naming the first that are not in the store."""
        found = pd.Index(self.index["item"]).get_indexer(pd.Index(items))
        if (found < 0).any():
            missing = [item for item, row in zip(items, found, strict=True) if row < 0]
            raise StoreError(f"{self.folder}: {len(missing)} items have no passport, the first are {missing[:3]}")
        return found.astype(np.int64)


def open_store(folder: str | Path, key: str | None = None) -> Store:
    """Open a finished store; with `key`, only if it was made from exactly that input (points, photos, geometry, code)."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "store.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(f"{folder}: no passport store here (store.json is missing); make it first") from None
    if about.get("schema") != SCHEMA:
        raise StoreError(f"{folder}: store has schema {about.get('schema')}, this code reads {SCHEMA}; delete the folder to make it anew")
    if key is not None and about["key"] != key:
        raise StoreError(f"{folder}: the store is stale, it was made from other points, photos, geometry or code; delete it")
    images = np.load(folder / "store.npy", mmap_mode="r", allow_pickle=False)
    index = pd.read_csv(folder / "index.csv", dtype={"item": str, "status": str})
    if len(index) != len(images) or list(index.columns) != COLUMNS:
        raise StoreError(f"{folder}: index.csv and store.npy do not belong together; delete the folder to make it anew")
    return Store(folder, about["key"], images, index, np.array(about["plane_to_store"], np.float64))


def write_store(
    folder: str | Path,
    *,
    key: str,
    kind: str,
    plane_to_store: Affine,
    size: tuple[int, int],
    count: int,
    passports: Iterator[tuple[NDArray[np.uint8] | None, dict]],
) -> Store:
    """Write a store of `count` passports of `size` (width, height) from an iterator of (image or None, index row).

    An image that is None (an unreadable photo) is stored black and its row keeps its status. All is written into a folder
    beside and renamed at the end, so a killed run leaves no store rather than half of one.
    """
    folder = Path(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        images = np.lib.format.open_memmap(beside / "store.npy", mode="w+", dtype=np.uint8, shape=(count, size[1], size[0], 3))
        rows = []
        for number, (image, row) in enumerate(passports):
            if image is not None:
                images[number] = image
            rows.append(row)
        if len(rows) != count:
            raise StoreError(f"{folder}: {count} passports were announced, {len(rows)} came")
        images.flush()
        del images
        pd.DataFrame(rows, columns=COLUMNS).to_csv(beside / "index.csv", index=False)
        about = {"schema": SCHEMA, "key": key, "kind": kind, "plane_to_store": np.asarray(plane_to_store).tolist()}
        write_json(beside / "store.json", about)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return open_store(folder, key)
