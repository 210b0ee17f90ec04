"""A map of vectors in two dimensions, to look at and to show what it loses."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 15


def flat_map(vectors: NDArray[np.floating], *, seed: int) -> NDArray[np.float64]:
    """UMAP of unit vectors [N, D] by the cosine, [N, 2]; its random draws are keyed by the seed.

    Source: McInnes, Healy & Melville, UMAP: uniform manifold approximation and projection for dimension reduction (2018).

    Raises:
        ValueError: fewer than four vectors.
    """
    if len(vectors) < 4:
        raise ValueError(f"{len(vectors)} vectors: a map takes four at least")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread
        import umap  # compiles for half a minute

        made = umap.UMAP(
            n_components=2, n_neighbors=min(NEIGHBOURS, len(vectors) - 1), metric="cosine", random_state=seed, n_jobs=1
        )
        return np.asarray(made.fit_transform(np.asarray(vectors, np.float32)), np.float64)
