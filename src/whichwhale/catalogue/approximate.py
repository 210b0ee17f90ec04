"""The approximate index: made, kept up to date, asked. The only place that knows USearch.

Source: Malkov and Yashunin 2018, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
World graphs". The index holds keys of photos and a copy of their vectors; what it proposes is scored exactly by search.py, so
that it decides which animals are looked at and never how near they are.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from whichwhale.catalogue.config import IndexConfig
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.manifest import IndexFile
from whichwhale.catalogue.table import KEY
from whichwhale.files import write_atomically

STEP = 2048  # photos that the index takes at a time
DTYPES = {"float32": "f32", "float16": "f16", "int8": "i8"}


def kept_up(gallery: Gallery) -> IndexFile | None:
    """The index that `gallery` should have: none below the size for one, the old one while it lacks little, else one that was
    brought up to date (files are written, nothing is current yet)."""
    config, old = gallery.manifest.config.index, gallery.manifest.index
    if len(gallery) <= config.above:
        return None
    keys = gallery.table[KEY].to_numpy(np.int64)
    if old is None:
        return _written(gallery, _new(gallery.manifest.model.dims, config), keys, np.zeros(0, np.int64))
    try:
        had = _keys(gallery.folder / old.keys, old)
    except CatalogueError:  # damaged: the index is only a copy of what the vectors' files hold
        return _written(gallery, _new(gallery.manifest.model.dims, config), keys, np.zeros(0, np.int64))
    added, removed = np.setdiff1d(keys, had, assume_unique=True), np.setdiff1d(had, keys, assume_unique=True)
    pending = (len(added) + len(removed)) / len(keys)
    if pending <= config.pending:
        return old
    if pending > config.stale:
        return _written(gallery, _new(gallery.manifest.model.dims, config), keys, np.zeros(0, np.int64))
    try:
        index = _opened(gallery.folder / old.file, old, config, view=False)
    except CatalogueError:
        return _written(gallery, _new(gallery.manifest.model.dims, config), keys, np.zeros(0, np.int64))
    return _written(gallery, index, added, removed)


def _written(gallery: Gallery, index: Any, added: NDArray[np.int64], removed: NDArray[np.int64]) -> IndexFile:
    """Take `removed` out of the index, `added` into it, and write it as the gallery's generation's."""
    threads = gallery.manifest.config.index.threads
    if len(removed):
        index.remove(removed.astype(np.uint64), threads=threads)
    keys = gallery.table[KEY].to_numpy(np.int64)
    # a million photos take the better part of an hour; between steps the bar moves, and who has had enough can stop it
    with tqdm(total=len(added), desc="index", unit="photo", delay=2, leave=False) as bar:
        for rows, vectors in gallery.blocks():
            new = np.isin(keys[rows], added, assume_unique=True) if len(added) < len(keys) else slice(None)
            names, new_vectors = keys[rows][new].astype(np.uint64), vectors[new]
            for at in range(0, len(names), STEP):
                index.add(names[at : at + STEP], new_vectors[at : at + STEP], threads=threads)
                bar.update(len(names[at : at + STEP]))
    generation = gallery.manifest.generation
    about = IndexFile(file=f"index-{generation:06}.usearch", keys=f"index-keys-{generation:06}.npy", rows=len(keys))
    path = gallery.folder / about.file
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        index.save(str(beside))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    write_atomically(gallery.folder / about.keys, lambda stream: np.save(stream, keys))
    return about


def _new(dims: int, config: IndexConfig) -> Any:
    return _usearch().Index(
        ndim=dims,
        metric="cos",
        dtype=DTYPES[config.storage],
        connectivity=config.connectivity,
        expansion_add=config.expansion_add,
        expansion_search=config.expansion_search,
    )


def _usearch() -> Any:
    try:
        import usearch.index
    except ImportError as error:
        raise CatalogueError(
            f"a catalogue of more than index.above photos needs USearch ({error}); pip install usearch, or raise index.above"
        ) from None
    return usearch.index


def _keys(path: Path, about: IndexFile) -> NDArray[np.int64]:
    try:
        keys = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error})") from None
    if keys.shape != (about.rows,):
        raise CatalogueError(f"{path}: does not belong to catalogue.json; copy the catalogue anew")
    return keys


def _opened(path: Path, about: IndexFile, config: IndexConfig, view: bool) -> Any:
    # USearch reads a path twice, and if a writer deletes the file between the two it closes a descriptor that isn't its own; so
    # the file is opened here, once.
    try:
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        index = _usearch().Index.restore(mapped, view=view)
    except (OSError, RuntimeError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error})") from None
    if index is None or len(index) != about.rows:
        raise CatalogueError(f"{path}: cut off, or not of this catalogue")
    if view:
        index.mapped = mapped  # which must live as long
    index.expansion_search, index.expansion_add = config.expansion_search, config.expansion_add
    return index


@dataclass(frozen=True, eq=False)
class Proposer:
    """An open index. `outside` [M] are the rows of the gallery that it doesn't hold, to be looked at exactly."""

    index: Any
    keys: NDArray[np.int64]
    outside: NDArray[np.int64]

    def rows(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Rows of the gallery of (about) the `count` photos in the index that are nearest to a unit vector [D]."""
        found = self.index.search(vector, min(count, len(self.index)), threads=1).keys.astype(np.int64)
        row = np.searchsorted(self.keys, found)
        row[row == len(self.keys)] = 0
        return row[self.keys[row] == found]  # removed photos have no row any more


def open_index(gallery: Gallery) -> Proposer | None:
    """The gallery's index, memory-mapped; None if it has none, or if it can't be read (search is exact then)."""
    about = gallery.manifest.index
    if about is None:
        return None
    try:
        index = _opened(gallery.folder / about.file, about, gallery.manifest.config.index, view=True)
        held = _keys(gallery.folder / about.keys, about)
    except CatalogueError:
        return None
    keys = gallery.table[KEY].to_numpy(np.int64)
    return Proposer(index, keys, np.flatnonzero(~np.isin(keys, held, assume_unique=True)))
