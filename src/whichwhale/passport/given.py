"""A store from crops that somebody else aligned: the picture stays as it is, and only its place in the passport plane is said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from whichwhale.competition.photos import PhotoError, decode
from whichwhale.files import sha256
from whichwhale.geometry import resizing
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import MATRIX, SCHEMA, Store, find_or_make, write_store


def given_store(folder: str | Path, photos: dict[str, Path], view: PlaneView, elsewhere: Iterable[Path] = ()) -> Store:
    """Open or make the store of the crops `photos` (item to path), each of which shows what `view` says.

    Crops of another size than the view's are stretched to it. An unreadable one keeps a row with status `unreadable`.
    The key is made of the items, their files' bytes, and the view; a store of the same key may lie in a folder `elsewhere`.
    """
    folder = Path(folder)
    digests = {item: sha256(path) if path.is_file() else None for item, path in photos.items()}
    made_of = [SCHEMA, "given", digests, view.model_dump(mode="json")]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def make() -> Store:
        about = {"key": key, "kind": "given", "plane_to_store": view.matrix(), "size": view.size}
        return write_store(folder, **about, count=len(photos), passports=_read(photos, view))

    return find_or_make(folder, key, elsewhere, make)


def _read(photos: dict[str, Path], view: PlaneView) -> Iterator[tuple[np.ndarray | None, dict]]:
    for item, path in tqdm(photos.items(), desc="passports", unit="photo", delay=2):
        row: dict = {"item": item, "sampling": 1.0, "sd": np.nan, "outside": 0.0, "status": "ok"}
        try:
            image = decode(path)
        except PhotoError:
            yield None, row | {"status": "unreadable"} | dict.fromkeys(MATRIX, np.nan)
            continue
        height, width = image.shape[:2]
        matrix = resizing((width, height), view.size)
        if (width, height) != view.size:
            image = cv2.resize(image, view.size, interpolation=cv2.INTER_AREA)
        yield image, row | dict(zip(MATRIX, matrix.ravel(), strict=True))
