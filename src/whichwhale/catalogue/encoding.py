"""Vectors as they lie on disk: float32, float16 or int8, and a fingerprint of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.config import Storage

Stored = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.int8]


def encode(vectors: NDArray[np.float32], storage: Storage) -> Stored:
    """Unit vectors [N, D] as stored. int8 keeps the direction alone: each is scaled until its largest component is 127."""
    if storage == "int8":
        largest = np.abs(vectors).max(axis=1, keepdims=True)
        return np.rint(vectors * (127 / largest)).astype(np.int8)
    return vectors.astype(storage)


def decode(stored: Stored) -> NDArray[np.float32]:
    """Unit vectors float32 [N, D] of what `encode` gave; not a copy if nothing is to do."""
    if stored.dtype == np.float32:
        return stored
    vectors = stored.astype(np.float32)
    if stored.dtype == np.int8:
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def fingerprints(stored: Stored) -> NDArray[np.int64]:
    """A number for each row [N] that equal rows share and different ones don't, but for one pair in 10^19: a sum of the row's
    64-bit words, each multiplied by a fixed odd number and folded (Dietzfelbinger et al. 1997, multiply-shift hashing)."""
    flat = np.ascontiguousarray(stored).view(np.uint8).reshape(len(stored), -1)
    padded = np.zeros((len(stored), -(-flat.shape[1] // 8) * 8), np.uint8)
    padded[:, : flat.shape[1]] = flat
    words = padded.view(np.uint64)
    odd = np.random.default_rng(0).integers(0, 2**63, words.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = words * odd
    mixed ^= mixed >> np.uint64(32)  # the high bits, which depend on all others, into the low ones
    return (mixed * odd).sum(axis=1, dtype=np.uint64).view(np.int64)
