"""A catalogue's generations: what a writer makes of an open gallery. Every function but `clear` and `write_segment` ends with a
new catalogue.json, before which nothing has changed; the caller has the lock (lock.py) and has checked its rows (editing.py)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue import approximate
from whichwhale.catalogue import manifest as manifests
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.config import CatalogueConfig, Storage
from whichwhale.catalogue.encoding import Stored, encode, fingerprints
from whichwhale.catalogue.gallery import BLOCK, Gallery, open_generation
from whichwhale.catalogue.manifest import Calibration, Manifest, Model, Segment
from whichwhale.catalogue.table import KEY
from whichwhale.files import write_atomically

MOST_SEGMENTS = 16
DEAD_SHARE = 0.3  # of the vectors, above which removed ones are dropped from disk
OURS = (
    *("table-*.csv", "vectors-*.npy", "keys-*.npy", "index-*.faiss", "index-keys-*.npy", "cohort-*.npy", ".*.part"),
    "index-*.usearch",  # of schema 3
)


def create(folder: Path, model: Model, config: CatalogueConfig, rows: pd.DataFrame, vectors: NDArray[np.float32]) -> Gallery:
    """Write the first generation: rows (`photo`, `animal`, `status`, …) and their unit vectors [N, D]. The caller has the
    lock."""
    first = Manifest(generation=0, model=model, config=config, table="", segments=[], next_key=0)
    nothing = pd.DataFrame({KEY: np.zeros(0, np.int64)} | {name: np.zeros(0, str) for name in tables.ALWAYS})
    vectorless, keyless = np.zeros((0, model.dims), np.float32), np.zeros((0, 2), np.int64)
    none = Gallery(folder, first, nothing, (), keyless, np.zeros(0, np.int64), vectorless)
    return append(none, rows, vectors)


def append(gallery: Gallery, rows: pd.DataFrame, vectors: NDArray[np.float32]) -> Gallery:
    """A generation with more photos; the caller has the lock, and has checked them (editing.py)."""
    old, folder = gallery.manifest, gallery.folder
    generation = old.generation + 1
    added = rows.assign(**{KEY: np.arange(old.next_key, old.next_key + len(rows))})
    table = pd.concat([gallery.table, added], ignore_index=True).fillna("")
    segment = write_segment(folder, generation, added[KEY].to_numpy(np.int64), vectors, old.config.storage)
    changes = {"segments": [*old.segments, segment], "next_key": old.next_key + len(rows)}
    return commit(gallery, table, changes)


def commit(gallery: Gallery, table: pd.DataFrame, changes: dict | None = None) -> Gallery:
    """Write `table` and make the next generation, with `changes` of the manifest, the current one; then clear what it doesn't
    name.

    Vectors that the table no longer names are dropped from disk once they are many.
    """
    folder, old = gallery.folder, gallery.manifest
    generation = old.generation + 1
    name = f"table-{generation:06}.csv"
    content = tables.to_csv(table[[KEY, *[column for column in table.columns if column != KEY]]])
    write_atomically(folder / name, lambda stream: stream.write(content) and None)
    named = {"generation": generation, "table": name, "table_sha": hashlib.sha256(content).hexdigest()}
    manifest = old.model_copy(update=named | (changes or {}))
    fresh = open_generation(folder, manifest)
    if len(manifest.segments) > MOST_SEGMENTS or len(fresh) < (1 - DEAD_SHARE) * len(fresh.keys):
        manifest = manifest.model_copy(update={"segments": _compacted(fresh)})
        fresh = open_generation(folder, manifest)
    index = approximate.kept_up(fresh)
    if index != manifest.index:
        manifest = manifest.model_copy(update={"index": index})
    manifests.write(folder, manifest)
    clear(folder, manifest)
    return open_generation(folder, manifest)


def with_calibration(
    gallery: Gallery, calibration: Calibration | None, cohort: NDArray[np.float32], why_not: str = ""
) -> Gallery:
    """A generation with another calibration (None: `why_not`); its cohort's file is written and named here."""
    changes: dict = {"calibration": None, "uncalibrated": why_not}
    if calibration is not None:
        name = f"cohort-{gallery.manifest.generation + 1:06}.npy"
        write_atomically(gallery.folder / name, lambda stream: np.save(stream, cohort))
        changes = {"calibration": calibration.model_copy(update={"cohort": name}), "uncalibrated": ""}
    return commit(gallery, gallery.table, changes)


def clear(folder: Path, manifest: Manifest | None) -> list[str]:
    """Delete files of ours that `manifest` doesn't name: older generations, and what a killed writer left. Gives their names."""
    kept = manifest.files() if manifest else set()
    gone = sorted({path.name for pattern in OURS for path in folder.glob(pattern)} - kept)
    for name in gone:
        try:
            os.unlink(folder / name)
        except OSError:  # where an open file can't be deleted, the next writer does it
            continue
    return gone


def write_segment(folder: Path, generation: int, keys: NDArray[np.int64], vectors: NDArray, storage: Storage) -> Segment:
    """Write unit vectors [N, D] with their keys [N], ascending; nothing is current yet."""

    def parts() -> Iterator[Stored]:
        for at in range(0, len(vectors), BLOCK):
            yield encode(np.asarray(vectors[at : at + BLOCK], np.float32), storage)

    return _write_segment(folder, f"{generation:06}", keys, parts(), (len(vectors), vectors.shape[1]), np.dtype(storage))


def _write_segment(
    folder: Path, name: str, keys: NDArray[np.int64], parts: Iterator[Stored], shape: tuple[int, int], dtype: np.dtype
) -> Segment:
    prints: list[NDArray[np.int64]] = []

    def save(stream: BinaryIO) -> None:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            prints.append(fingerprints(part))
            stream.write(np.ascontiguousarray(part).tobytes())

    segment = Segment(file=f"vectors-{name}.npy", keys=f"keys-{name}.npy", rows=shape[0])
    write_atomically(folder / segment.file, save)
    both = np.column_stack([keys, np.concatenate(prints)])
    write_atomically(folder / segment.keys, lambda stream: np.save(stream, both))
    return segment


def _compacted(gallery: Gallery) -> list[Segment]:
    """One segment of all vectors that are still in the table, but the first one stays if it is whole and most of all."""
    manifest, place = gallery.manifest, gallery.place
    first = len(gallery.segments[0])
    whole = int(np.searchsorted(place, first)) == first and len(gallery.segments) > 1
    stays: Sequence[Segment] = manifest.segments[:1] if whole and first > 2 * (len(gallery.keys) - first) else []
    start = first if stays else 0

    def parts() -> Iterator[Stored]:
        for at, segment in zip(gallery.starts, gallery.segments, strict=True):
            if at < start:
                continue
            here = place[(place >= at) & (place < at + len(segment))] - at
            for low in range(0, len(here), BLOCK):
                yield segment[here[low : low + BLOCK]]

    kept = place[place >= start]
    if not len(kept):
        return list(stays)
    shape, dtype = (len(kept), manifest.model.dims), np.dtype(manifest.config.storage)
    keys = gallery.keys[kept, 0]
    return [*stays, _write_segment(gallery.folder, f"{manifest.generation:06}-compact", keys, parts(), shape, dtype)]
