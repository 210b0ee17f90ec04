"""Parts of a set of photos, for cross-fitting whatever is fitted on predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PARTS = 5


def partition(images: Sequence[str], seed: int, parts: int = PARTS) -> NDArray[np.int64]:
    """Part of each photo [N]: sizes differ by at most one; depends on the names and the seed alone."""
    key = [hashlib.sha256(f"{seed}\n{image}".encode()).digest() for image in images]
    order = sorted(range(len(images)), key=key.__getitem__)
    part = np.empty(len(images), np.int64)
    part[order] = np.arange(len(images)) % parts
    return part
