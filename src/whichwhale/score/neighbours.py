"""What embeddings are worth among themselves, where no class is known: animals that no model has seen."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


def nearest_neighbour(embedding: ArrayLike, animal: ArrayLike) -> float:
    """Share of photos whose nearest other photo, by cosine, shows the same animal; NaN if none could.

    Counted are the photos of animals with two or more. Among equally near ones the lowest row counts.

    Args:
        embedding: [N, D], unit length.
        animal: integers [N].
    """
    vectors, names = _checked(embedding, animal)
    several = _pairs(names).any(axis=1)
    if not several.any():
        return float("nan")
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return float((names[cosines.argmax(axis=1)] == names)[several].mean())


def verification_auc(embedding: ArrayLike, animal: ArrayLike) -> float:
    """Chance that two photos of one animal have a larger cosine than two of different ones (ties count half): the area under the
    receiver operating characteristic of all pairs, by the rank sum (Mann and Whitney 1947). NaN if one kind of pair is missing.

    Arguments as `nearest_neighbour`. Memory grows with N squared.
    """
    vectors, names = _checked(embedding, animal)
    above = np.triu_indices(len(names), 1)
    same = _pairs(names)[above]
    alike, different = int(same.sum()), int((~same).sum())
    if not alike or not different:
        return float("nan")
    ranks = rankdata((vectors @ vectors.T)[above])
    return float((ranks[same].sum() - alike * (alike + 1) / 2) / (alike * different))


def among_themselves(embedding: ArrayLike, animal: ArrayLike) -> dict[str, float]:
    """Both figures, those that there are: `neighbour` and `auc`. Arguments as `nearest_neighbour`."""
    if not len(np.asarray(animal)):
        return {}
    found = {"neighbour": nearest_neighbour(embedding, animal), "auc": verification_auc(embedding, animal)}
    return {key: value for key, value in found.items() if not np.isnan(value)}


def _checked(embedding: ArrayLike, animal: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    vectors, names = np.asarray(embedding, np.float64), np.asarray(animal)
    if vectors.ndim != 2 or names.shape != vectors.shape[:1]:
        raise ValueError(f"embedding must be [N, D] and animal [N], not of shape {vectors.shape} and {names.shape}")
    return vectors, names


def _pairs(names: NDArray) -> NDArray[np.bool_]:
    """[N, N]: two photos of one animal."""
    pairs = names[:, None] == names
    np.fill_diagonal(pairs, False)
    return pairs
