"""A catalogue on disk: a table and its vectors, changed by whole generations.

    catalogue.json           what is current (manifest.py); renamed into place last, so a change happens at once or not at all
    table-<g>.csv            a row a photo (table.py), as of generation g
    vectors-<g>.npy          vectors that generation g added [rows, dims]; never changed, shared by all later generations
    keys-<g>.npy             int64 [rows, 2]: key and fingerprint of each
    index-<g>.faiss, index-keys-<g>.npy, cohort-<g>.npy
    writer.lock              lock.py

A reader has the table and the cohort in memory and the vectors memory-mapped, so what a writer does meanwhile changes nothing for
it, even when the files of its generation are deleted. A writer that is killed leaves files that catalogue.json doesn't name; the
next one deletes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue import manifest as manifests
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.encoding import Stored, decode
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.manifest import Manifest
from whichwhale.catalogue.table import KEY

BLOCK = 16_384  # vectors read at a time
UNIT = 1e-6  # how far the length of a unit vector may be from 1


@dataclass(frozen=True, eq=False)
class Gallery:
    """One generation, open. Row i of `table` (index 0 … N - 1, ascending by key) is photo i; its vector lies at `place[i]` among
    the concatenated `segments`, each [rows, dims] as stored, memory-mapped; `keys` int64 [all rows, 2] are their keys and
    fingerprints; `cohort` float32 [C, D] the vectors that a query is compared with, [0, D] without a calibration.
    """

    folder: Path
    manifest: Manifest
    table: pd.DataFrame
    segments: tuple[Stored, ...]
    keys: NDArray[np.int64]
    place: NDArray[np.int64]
    cohort: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def animals(self) -> list[str]:
        """Names, sorted."""
        return self._coded[1]

    @property
    def code(self) -> NDArray[np.int64]:
        """[N]: the place of each photo's animal in `animals`."""
        return self._coded[0]

    @cached_property
    def _coded(self) -> tuple[NDArray[np.int64], list[str]]:
        codes, names = pd.factorize(self.table["animal"], sort=True)
        return codes.astype(np.int64), [str(name) for name in names]

    @cached_property
    def photos(self) -> pd.Index:
        """Photo names, to look rows up."""
        return pd.Index(self.table["photo"])

    def vectors(self, rows: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
        """Unit vectors float32 [len(rows), D] of photos, of all without `rows`."""
        place = self.place if rows is None else self.place[rows]
        if len(self.segments) == 1:
            return decode(np.asarray(self.segments[0])[place])
        found = np.empty((len(place), self.manifest.model.dims), np.float32)
        for start, segment in zip(self.starts, self.segments, strict=True):
            here = np.flatnonzero((place >= start) & (place < start + len(segment)))
            if len(here):
                found[here] = decode(segment[place[here] - start])
        return found

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """All photos in order, some at a time: rows of the table, and their unit vectors float32."""
        for start, segment in zip(self.starts, self.segments, strict=True):
            for at in range(0, len(segment), BLOCK):
                low, high = np.searchsorted(self.place, [start + at, start + min(at + BLOCK, len(segment))])
                if high == low:
                    continue
                stored = segment[at : at + BLOCK]
                if high - low < len(stored):
                    stored = stored[self.place[low:high] - start - at]
                yield slice(int(low), int(high)), decode(np.asarray(stored))

    @cached_property
    def starts(self) -> list[int]:
        """Where each segment begins among all vectors."""
        return [0, *np.cumsum([len(segment) for segment in self.segments])[:-1].tolist()]


def exists(folder: Path) -> bool:
    """Whether `folder` holds a catalogue."""
    return (folder / manifests.MANIFEST).exists()


def read(folder: str | Path) -> Gallery:
    """Open the current generation.

    Raises:
        CatalogueError: there is none, or it is damaged, or of another schema.
    """
    folder = Path(folder)
    while True:
        manifest = manifests.read(folder)
        try:
            return open_generation(folder, manifest)
        except FileNotFoundError as error:
            # Between the two reads a writer may have made another generation current and deleted this one's files.
            if manifests.read(folder).generation == manifest.generation:
                raise CatalogueError(
                    f"{error.filename}: is missing, so the catalogue is damaged; copy it anew from where it is whole"
                ) from None


def open_generation(folder: Path, manifest: Manifest) -> Gallery:
    """The generation that `manifest` describes, whether or not it is the current one.

    Raises:
        FileNotFoundError: one of its files is missing.
        CatalogueError: one is damaged, or not what the manifest says.
    """
    table = tables.read(folder / manifest.table, manifest.table_sha)
    segments, keys = [], []
    for one in manifest.segments:
        try:
            vectors = np.load(folder / one.file, mmap_mode="r", allow_pickle=False)
            names = np.load(folder / one.keys, allow_pickle=False)
        except FileNotFoundError:
            raise
        except (OSError, EOFError, ValueError) as error:
            raise CatalogueError(f"{folder / one.file}: not readable ({error}); copy the catalogue anew") from None
        if vectors.shape != (one.rows, manifest.model.dims) or names.shape != (one.rows, 2):
            raise CatalogueError(
                f"{folder / one.file}: has the shape {vectors.shape}, not what catalogue.json says; copy it anew"
            )
        segments.append(vectors)
        keys.append(names)
    all_keys = np.concatenate(keys) if keys else np.zeros((0, 2), np.int64)
    place = _places(table, all_keys, folder / manifest.table)
    return Gallery(folder, manifest, table, tuple(segments), all_keys, place, _cohort(folder, manifest))


def _cohort(folder: Path, manifest: Manifest) -> NDArray[np.float32]:
    if manifest.calibration is None:
        return np.zeros((0, manifest.model.dims), np.float32)
    path = folder / manifest.calibration.cohort
    try:
        vectors = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error}); copy the catalogue anew") from None
    if vectors.ndim != 2 or vectors.shape[1] != manifest.model.dims:
        raise CatalogueError(f"{path}: has the shape {vectors.shape}, not what catalogue.json says; copy it anew")
    return vectors


def _places(table: pd.DataFrame, keys: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    wanted = table[KEY].to_numpy()
    place = np.searchsorted(keys[:, 0], wanted)
    found = place < len(keys)
    found[found] = keys[place[found], 0] == wanted[found]
    if not found.all() or (np.diff(place) <= 0).any():
        raise CatalogueError(f"{path}: names vectors that are not there, or one twice; copy the catalogue anew")
    return place.astype(np.int64)


def check_vectors(vectors: NDArray, names: Sequence[str], where: str) -> NDArray[np.float32]:
    """Unit vectors float32 [N, D] of somebody's vectors [N, D] of any length.

    Raises:
        CatalogueError: not two dimensions, another number of rows than `names`, NaN, infinite or zero vectors; names the row.
    """
    if vectors.ndim != 2 or not vectors.shape[1] or len(vectors) != len(names):
        raise CatalogueError(f"{where}: vectors must be [{len(names)} photos, dims], not of shape {vectors.shape}")
    if vectors.dtype.kind not in "fiu":
        raise CatalogueError(f"{where}: vectors are {vectors.dtype}, not numbers")
    vectors = np.asarray(vectors, np.float32)
    parts = range(0, len(vectors), BLOCK)
    lengths = [np.linalg.norm(vectors[at : at + BLOCK].astype(np.float64), axis=1) for at in parts]
    length = np.concatenate([np.zeros(0), *lengths])
    bad = ~(np.isfinite(length) & (length > 0))
    if bad.any():
        row = int(bad.argmax())
        kind = "has NaN" if np.isnan(vectors[row]).any() else "is all zeros" if length[row] == 0 else "is infinite"
        raise CatalogueError(
            f"{where}: row {row} ({names[row]}): its vector {kind} ({int(bad.sum())} such rows); "
            "leave these photos out, or compute their vectors anew. Nothing was written"
        )
    if np.abs(length - 1).max(initial=0) < UNIT:
        return vectors  # a million are not copied for the last digit's sake
    return (vectors / length[:, None]).astype(np.float32)
