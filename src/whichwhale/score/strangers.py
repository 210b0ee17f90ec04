"""How new does a photo look? Scores from vectors and logits; all grow with strangeness.

max logit, energy      of logits: a classifier's, or log_sum_exp of a catalogue's cosines (Hendrycks et al. 2022; Liu et al. 2020)
max cosine             to the nearest photo
gap                    between the nearest animal's cosine and the next one's
kNN distance           to the k-th nearest photo (Sun et al. 2022)
LOF                    how much sparser it is about the photo than about its neighbours (Breunig et al. 2000)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from whichwhale.score.ranking import rank_of_truth

NEIGHBOURS = (1, 2, 3, 5, 10, 20)  # k of the kNN distance; with 1 it is max cosine in other units
LOF_NEIGHBOURS = (2, 3, 5, 10, 20)  # 20 is what the paper's authors and scikit-learn suggest where nothing is known
COLUMNS: tuple[tuple[str, int | None], ...] = (
    *((name, None) for name in ("max logit", "energy", "max cosine", "gap")),
    *(("kNN distance", k) for k in NEIGHBOURS),
    *(("LOF", k) for k in LOF_NEIGHBOURS),
)
NAMES = tuple(dict.fromkeys(name for name, _ in COLUMNS))


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries as a gallery answered them, [Q].

    score   [Q, len(COLUMNS)], scores with their k, each larger for stranger photos; a k larger than the gallery is the gallery
    rank    place of the true animal among the gallery's, 0 is the nearest; -1 for a stranger
    animal  number of the animal that the photo shows, the same whoever asks
    """

    score: NDArray[np.float64]
    rank: NDArray[np.int64]
    animal: NDArray[np.int64]

    @property
    def stranger(self) -> NDArray[np.bool_]:
        return self.rank < 0

    def __len__(self) -> int:
        return len(self.rank)


def together(parts: list[Asked]) -> Asked:
    """Queries of several galleries in one table."""
    score, rank, animal = (np.concatenate([getattr(part, name) for part in parts]) for name in ("score", "rank", "animal"))
    return Asked(score, rank, animal)


def ask(
    gallery: NDArray[np.floating],
    gallery_animal: NDArray[np.int64],
    query: NDArray[np.floating],
    query_animal: NDArray[np.int64],
    logits: NDArray[np.floating] | None = None,
    *,
    scale: float = 16.0,
) -> Asked:
    """Ask a gallery about photos, some of which show animals that are not in it.

    Args:
        gallery: [G, D], query: [Q, D], unit length; gallery_animal: [G], query_animal: [Q], numbers.
        logits: [Q, C] of a classifier that knows the gallery's animals; without, ln sum exp(scale * cosine) over each animal's
            photos takes their place (a kernel density; blend/neighbours.py).

    Raises:
        ValueError: fewer than two animals or three photos in the gallery.
    """
    animals, code = np.unique(gallery_animal, return_inverse=True)
    if len(animals) < 2 or len(code) < 3:
        raise ValueError(f"a gallery of {len(code)} photos of {len(animals)} animals: it takes three photos, of two animals")
    from sklearn.neighbors import LocalOutlierFactor  # takes a second to import

    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], np.arange(len(animals)))
    photos, queries = np.asarray(gallery, np.float64)[order], np.asarray(query, np.float64)
    cosines = queries @ photos.T
    best = np.maximum.reduceat(cosines, starts, axis=1)
    two = -np.partition(-best, 1, axis=1)[:, :2]
    if logits is None:
        table = scale + np.log(np.add.reduceat(np.exp(scale * (cosines - 1)), starts, axis=1))
    else:
        table = np.asarray(logits, np.float64)
    nearest = [min(k, len(photos)) - 1 for k in NEIGHBOURS]
    kth = -np.partition(-cosines, sorted(set(nearest)), axis=1)[:, nearest]
    score = np.column_stack(
        [
            -table.max(axis=1),
            -logsumexp(table, axis=1),
            -two[:, 0],
            two[:, 1] - two[:, 0],
            np.sqrt(np.maximum(0, 2 - 2 * kth)),
            *(
                -LocalOutlierFactor(n_neighbors=min(k, len(photos) - 1), novelty=True).fit(photos).score_samples(queries)
                for k in LOF_NEIGHBOURS
            ),
        ]
    )
    place = np.searchsorted(animals, query_animal)
    known = (place < len(animals)) & (animals[np.minimum(place, len(animals) - 1)] == query_animal)
    rank = np.full(len(queries), -1)
    if known.any():
        rank[known] = rank_of_truth(best[known], place[known])
    return Asked(score, rank, np.asarray(query_animal, np.int64))


def halves(
    embedding: NDArray[np.floating],
    animal: NDArray[np.int64],
    meeting: NDArray[np.int64] | None = None,
    *,
    seed: int,
    scale: float = 16.0,
) -> Asked:
    """Animals that no model was trained on, asked as both: half of them are enrolled, every other photo of each, and the rest of
    their photos are asked as known, all photos of the other animals as strangers; then the other way round.

    So each photo is asked as a stranger's once, and every other photo of an animal with several as a known one's once. Where
    encounters are known they are dealt whole, every other one of each animal.

    Args:
        embedding: [N, D], unit length; animal: [N] numbers; meeting: [N] numbers of the encounters; seed: deals animals and
            photos.

    Raises:
        ValueError: too few animals to make two galleries.
    """
    random = np.random.default_rng([seed, 3])
    animals = np.unique(animal)
    side = dict(zip(random.permutation(animals).tolist(), (np.arange(len(animals)) % 2).tolist(), strict=True))
    of = np.array([side[one] for one in animal.tolist()])
    shuffled = random.permutation(len(animal))
    place = np.empty(len(animal), np.int64)
    for one in animals:
        own = shuffled[animal[shuffled] == one]
        of_own = np.arange(len(own)) if meeting is None else meeting[own]
        _, first, which = np.unique(of_own, return_index=True, return_inverse=True)
        place[own] = np.argsort(np.argsort(first))[which]  # the encounters by their first photo
    asked = []
    for enrolled in (0, 1):
        in_gallery = (of == enrolled) & (place % 2 == 0)
        rest = ~in_gallery
        asked.append(ask(embedding[in_gallery], animal[in_gallery], embedding[rest], animal[rest], scale=scale))
    return together(asked)
