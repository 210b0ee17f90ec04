"""Members that say the same: a copy is no new voice, so the weight that a pool fits is shared among those who are alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_alike(z: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each member of z [M, N, C] the first one whose logits are the very same, itself if nobody's before it are [M]."""
    first = np.arange(len(z))
    for m in range(1, len(z)):
        for other in np.unique(first[:m]):
            # A look at one photo spares nearly all comparisons of whole tables.
            if np.array_equal(z[m, :1], z[other, :1]) and np.array_equal(z[m], z[other]):
                first[m] = other
                break
    return first


def shared(weights: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weights of the distinct members, in their order, as weights of all [M]: each in equal parts to those who are alike."""
    _, place, count = np.unique(first, return_inverse=True, return_counts=True)
    return (weights / count)[place]
