"""The approximate index: made, kept up to date, asked. The only place that knows FAISS.

A copy of the vectors in the fewest directions that hold most of them (principal components, turned at random so that all are
worth the same), dealt to cells by k-means; of each photo a code of 4 bits for every two directions, and one of 8 bits for each.
A search looks at the codes of 4 bits in the nearest cells, orders the best by the others, and proposes photos. search.py scores
them exactly, so that the index decides which animals are looked at and never how near they are.

Sources: Jégou, Douze and Schmid, Product quantization for nearest neighbor search (IEEE TPAMI 33, 2011); André, Kermarrec and Le
Scouarnec, Quicker ADC (IEEE TPAMI 43, 2021); Douze et al., The Faiss library (2024).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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

STEP = 16_384  # photos that the index takes at a time
SAMPLE = 256  # photos a cell that it is made from; k-means takes no more
LEAST_SAMPLE = 50_000
CODED = 5000  # photos from which on codes of 4 bits are worth having


def kept_up(gallery: Gallery) -> IndexFile | None:
    """The index that `gallery` should have: none below the size for one, the old one while it lacks little, else one that was
    brought up to date or made anew (files are written, nothing is current yet)."""
    config, old = gallery.manifest.config.index, gallery.manifest.index
    if len(gallery) <= config.above:
        return None
    keys = gallery.table[KEY].to_numpy(np.int64)
    try:
        if old is None:
            raise CatalogueError("none yet")
        had = _keys(gallery.folder / old.keys, old)
        added, gone = np.setdiff1d(keys, had, assume_unique=True), len(np.setdiff1d(had, keys, assume_unique=True))
        if len(added) + gone <= config.pending * len(keys):
            return old
        if len(had) + len(added) - old.made + gone > config.stale * len(keys):
            raise CatalogueError("stale")
        index = _opened(gallery.folder / old.file, old)
    except CatalogueError:  # or damaged: the index is only a copy of what the vectors' files hold
        return _written(gallery, _made(gallery), np.zeros(0, np.int64), keys, len(keys))
    return _written(gallery, index, had, added, old.made)


def _written(gallery: Gallery, index: Any, had: NDArray[np.int64], added: NDArray[np.int64], made: int) -> IndexFile:
    """Add the photos `added` (keys) to the index, which has those of `had`, and write it as the gallery's generation's."""
    keys, names = gallery.table[KEY].to_numpy(np.int64), [had]
    with (
        _threads(gallery.manifest.config.index.threads),
        tqdm(total=len(added), desc="index", unit="photo", delay=2, leave=False) as bar,
    ):
        for rows, vectors in gallery.blocks():
            new = np.isin(keys[rows], added, assume_unique=True) if len(added) < len(keys) else slice(None)
            names.append(keys[rows][new])
            new_vectors = vectors[new]
            for at in range(0, len(new_vectors), STEP):
                index.add(np.ascontiguousarray(new_vectors[at : at + STEP], np.float32))
                bar.update(len(new_vectors[at : at + STEP]))
    held, generation = np.concatenate(names), gallery.manifest.generation
    about = IndexFile(file=f"index-{generation:06}.faiss", keys=f"index-keys-{generation:06}.npy", rows=len(held), made=made)
    path = gallery.folder / about.file
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _faiss().write_index(index, str(beside))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    write_atomically(gallery.folder / about.keys, lambda stream: np.save(stream, held))
    return about


def _made(gallery: Gallery) -> Any:
    """An index without photos, fitted to the gallery's."""
    config, faiss = gallery.manifest.config.index, _faiss()
    cells = max(1, len(gallery) // config.cell)
    step = max(1, len(gallery) // max(SAMPLE * cells, LEAST_SAMPLE))
    sample = gallery.vectors(np.arange(0, len(gallery), step))
    matrix = directions(sample, config.energy)
    turn = faiss.LinearTransform(matrix.shape[1], matrix.shape[0], False)
    faiss.copy_array_to_vector(matrix.ravel(), turn.A)
    turn.is_trained = True
    # few photos: all of them are compared, there is nothing to save
    what = f"IVF{cells},PQ{matrix.shape[0] // 2}x4fs,Refine(SQ8)" if len(gallery) >= CODED else "Flat"
    index = faiss.index_factory(matrix.shape[0], what, faiss.METRIC_INNER_PRODUCT)
    with _threads(config.threads):
        index.train(np.ascontiguousarray(sample @ matrix.T))
    return faiss.IndexPreTransform(turn, index)


def directions(vectors: NDArray[np.float32], energy: float) -> NDArray[np.float32]:
    """Orthonormal rows [d, D], an even number (a row of zeros more where D is odd and all are needed), that hold the share
    `energy` of the squares of the vectors [N, D], and each as much of it as the others on average."""
    values, principal = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    held = np.cumsum(np.maximum(values[::-1], 0.0))
    count = int(np.searchsorted(held, energy * held[-1] * (1 - 1e-9))) + 1
    count = min(count, len(values))
    count += count % 2
    kept = np.zeros((count, len(values)))
    kept[: min(count, len(values))] = principal[:, ::-1].T[:count]
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((count, count)))
    return (turn @ kept).astype(np.float32)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    faiss = _faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise CatalogueError(
            f"a catalogue of more than index.above photos needs FAISS ({error}); pip install faiss-cpu, or raise index.above"
        ) from None
    return faiss


def _keys(path: Path, about: IndexFile) -> NDArray[np.int64]:
    try:
        keys = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error})") from None
    if keys.shape != (about.rows,):
        raise CatalogueError(f"{path}: does not belong to catalogue.json; copy the catalogue anew")
    return keys


def _opened(path: Path, about: IndexFile) -> Any:
    faiss = _faiss()
    try:
        index = faiss.read_index(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error})") from None
    if index.ntotal != about.rows:
        raise CatalogueError(f"{path}: not of this catalogue")
    return index


@dataclass(frozen=True, eq=False)
class Proposer:
    """An open index. `row` [its photos]: which row of the gallery each is, -1 if it was removed; `outside` [M] are the rows that
    it doesn't hold, to be looked at exactly."""

    index: Any
    row: NDArray[np.int64]
    outside: NDArray[np.int64]
    config: IndexConfig

    def near(self, vector: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of the gallery of (about) the `count` photos in the index that are nearest to a unit vector [D], and about how
        near they are (cosines)."""
        count = min(count, len(self.row))
        faiss = _faiss()
        inner = faiss.downcast_index(self.index.index)
        if isinstance(inner, faiss.IndexRefine):
            cells = faiss.extract_index_ivf(inner.base_index)
            cells.nprobe = max(1, round(self.config.probe * cells.nlist))
            inner.k_factor = max(1.0, self.config.candidates / count)
        cosine, found = self.index.search(np.ascontiguousarray(vector[None], np.float32), count)
        there = found[0] >= 0
        there[there] = self.row[found[0][there]] >= 0  # removed photos have no row any more
        return self.row[found[0][there]], cosine[0][there]


def open_index(gallery: Gallery) -> Proposer | None:
    """The gallery's index, memory-mapped; None if it has none, or if it can't be read (search is exact then)."""
    about = gallery.manifest.index
    if about is None:
        return None
    try:
        index = _opened(gallery.folder / about.file, about)
        held = _keys(gallery.folder / about.keys, about)
    except CatalogueError:
        return None
    keys = gallery.table[KEY].to_numpy(np.int64)
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys, held, sorter=order)
    row = order[np.minimum(place, len(keys) - 1)]
    row = np.where(keys[row] == held, row, -1)
    outside = np.flatnonzero(~np.isin(keys, held, assume_unique=True))
    return Proposer(index, row, outside, gallery.manifest.config.index)
