"""The passport store (contract 2): one memory-mapped array of aligned heads, and a table that says where each came from.

store.npy    uint8 [N, H, W, 3] RGB
index.csv    item, photo-to-store transform m00..m12, sampling (store pixels per photo pixel), sd of the points (px of the
             photo), outside (share of the store's pixels that lie outside the photo), status (ok | none | unreadable)
store.json   schema, key, kind (points | given), plane-to-store transform [2, 3], shared by all items
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.files import one_maker, write_json
from whichwhale.geometry import Affine

SCHEMA = 1
MATRIX = ["m00", "m01", "m02", "m10", "m11", "m12"]
COLUMNS = ["item", *MATRIX, "sampling", "sd", "outside", "status"]
FILES = {"store.npy", "index.csv", "store.json"}
ANEW = "delete the folder to make it anew"


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
        schema, made_from, plane_to_store = about["schema"], about["key"], np.array(about["plane_to_store"], np.float64)
    except FileNotFoundError:
        raise StoreError(f"{folder}: no passport store here (store.json is missing); make it first") from None
    except (ValueError, KeyError, TypeError):
        raise StoreError(f"{folder}: store.json is damaged; {ANEW}") from None
    if schema != SCHEMA:
        raise StoreError(f"{folder}: store has schema {schema}, this code reads {SCHEMA}; {ANEW}")
    if key is not None and made_from != key:
        raise StoreError(f"{folder}: the store is stale, it was made from other points, photos, geometry or code; {ANEW}")
    try:
        images = np.load(folder / "store.npy", mmap_mode="r", allow_pickle=False)
        index = pd.read_csv(folder / "index.csv", dtype={"item": str, "status": str}, float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder}: store.npy or index.csv is missing or cut off ({error}); {ANEW}") from None
    pictures = images.ndim == 4 and images.dtype == np.uint8 and images.shape[-1] == 3
    if not pictures or len(index) != len(images) or list(index.columns) != COLUMNS or index["item"].duplicated().any():
        raise StoreError(f"{folder}: index.csv and store.npy do not belong together; {ANEW}")
    return Store(folder, made_from, images, index, plane_to_store)


def find_store(folder: str | Path, key: str, elsewhere: Iterable[Path] = ()) -> Store:
    """Open the store in `folder` if it was made from exactly the input of `key`, or else one of the folders `elsewhere` that was.

    So two data sets of the same photos (with other folds, say) need one store. Raises StoreError, about `folder`, if none was.
    """
    try:
        return open_store(folder, key)
    except StoreError as error:
        for other in elsewhere:
            try:
                found = open_store(other, key)
            except StoreError:
                continue
            print(f"{folder}: the same passports lie in {other} and are used from there")
            return found
        raise error


def find_or_make(folder: Path, key: str, elsewhere: Iterable[Path], make: Callable[[], Store]) -> Store:
    """As `find_store`; if there is none, `make()` it, while other processes that need it wait and then find it."""
    with suppress(StoreError):
        return find_store(folder, key, elsewhere)
    with one_maker(folder):
        with suppress(StoreError):
            return find_store(folder, key, elsewhere)
        return make()


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

    An image that is None is stored black and its row's status says why. All is written into a folder beside and renamed at the
    end, so a run killed at any moment leaves a whole store or none; what it left beside is cleared by the next run.

    Raises StoreError if `folder` holds anything but a store, which is not ours to delete.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and {path.name for path in folder.iterdir()} <= FILES):
        raise StoreError(f"{folder}: is there already and is no passport store; name another folder")
    _clear_leftovers(folder)
    mine = f".{folder.name}.{platform.node()}.{os.getpid()}"
    beside, old = folder.with_name(f"{mine}.part"), folder.with_name(f"{mine}.old.part")
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
        if folder.exists():
            os.replace(folder, old)  # a folder that is being deleted would be half a store for a moment
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return open_store(folder, key)


def _clear_leftovers(folder: Path) -> None:
    """Delete what killed runs on this machine left beside `folder`. The name has their process id: a living process's folder
    stays, unless the id is our own, which then is a dead one's used again."""
    start = f".{folder.name}.{platform.node()}."
    for path in folder.parent.glob("*.part") if folder.parent.is_dir() else []:
        process = path.name.removeprefix(start).split(".")[0]
        if path.name.startswith(start) and process.isdecimal() and (int(process) == os.getpid() or not _alive(int(process))):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    """Where that can't be seen (no /proc), yes: rather rubbish left than another run's work deleted."""
    return Path(f"/proc/{process}").exists() if Path("/proc/self").exists() else True
