"""N-way K-shot accuracy: of N animals that no model was trained on K photos each are known; who is on another photo?

An episode draws N animals, K support photos of each and one other photo of each to ask about (Vinyals et al., Matching networks
for one shot learning, 2016). Draws are keyed by (seed, N, K, episode) over animals and photos in the order given, so that other
vectors of the same photos meet the same episodes. Where encounters are known no support photo is of the asked one's: two
frames of one pass are nearly one picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.score import roc
from whichwhale.score.bootstrap import Interval

NEIGHBOURS = (1, 3, 5, 10, 20, 50, 100)
NEAR = 1e-9  # distances below count as this, so that an equal photo outweighs all others and none is infinite


@dataclass(frozen=True, eq=False)
class Episodes:
    """E episodes: `support` [E, N * K], rows of photos, animal by animal; `query` [E, N], a row of each of the animals, in the
    same order; `animal` [E, N], their numbers."""

    support: NDArray[np.int64]
    query: NDArray[np.int64]
    animal: NDArray[np.int64]

    @property
    def ways(self) -> int:
        return self.query.shape[1]

    @property
    def shots(self) -> int:
        return self.support.shape[1] // self.ways


def episodes(
    animal: NDArray[np.int64], ways: int, shots: int, count: int, *, seed: int, meeting: NDArray[np.int64] | None = None
) -> Episodes:
    """Draw `count` episodes among the animals with more than `shots` photos; with encounters, a photo and `shots` of others.

    Args:
        animal: [N] numbers of the animals, photo by photo; meeting: [N] numbers of the encounters.

    Raises:
        ValueError: fewer than `ways` animals have as many photos.
    """
    if ways < 2 or shots < 1 or count < 1:
        raise ValueError(
            f"{count} episodes of {ways} ways and {shots} shots: it takes an episode, two ways and one shot at least"
        )
    rows = {one: np.flatnonzero(animal == one) for one in np.unique(animal).tolist()}
    askable = {one: own[_others(own, meeting) >= shots] for one, own in rows.items()}
    able = np.array([one for one, some in askable.items() if len(some)], np.int64)
    if len(able) < ways:
        have = f"more than {shots} photos" if meeting is None else f"a photo and {shots} more of other encounters"
        raise ValueError(f"{len(able)} animals have {have}, it takes {ways} for {ways} ways")
    support, query, chosen = [], [], []
    for number in range(count):
        random = np.random.default_rng([seed, ways, shots, number])
        animals = random.choice(able, ways, replace=False)
        drawn = np.array([_drawn(random, rows[one], askable[one], shots, meeting) for one in animals.tolist()])
        support.append(drawn[:, :-1].ravel())
        query.append(drawn[:, -1])
        chosen.append(animals)
    return Episodes(np.array(support), np.array(query), np.array(chosen))


def _others(own: NDArray[np.int64], meeting: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """For each of an animal's photos, how many it has of other encounters."""
    if meeting is None:
        return np.full(len(own), len(own) - 1)
    _, which, size = np.unique(meeting[own], return_inverse=True, return_counts=True)
    return len(own) - size[which]


def _drawn(
    random: np.random.Generator,
    own: NDArray[np.int64],
    askable: NDArray[np.int64],
    shots: int,
    meeting: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Rows of `shots` support photos, then of the one to ask about."""
    if meeting is None:
        return random.choice(own, shots + 1, replace=False)
    query = random.choice(askable)
    return np.append(random.choice(own[meeting[own] != meeting[query]], shots, replace=False), query)


def right(vectors: NDArray[np.floating], drawn: Episodes, k: int) -> NDArray[np.bool_]:
    """Whether each query [E, N] is given its animal by the `k` nearest support photos, each with the weight 1 / distance; of
    equal sums the animal that was drawn first wins.

    Args:
        vectors: [N, D]; distances are Euclidean, which for unit vectors orders as the cosine does. k: all, if there are fewer.

    Source: Dudani, The distance-weighted k-nearest-neighbor rule (IEEE Transactions on Systems, Man, and Cybernetics 6, 1976),
    with inverse distances.
    """
    table = np.asarray(vectors, np.float64)
    found = np.empty(drawn.query.shape, bool)
    way = np.arange(drawn.ways)
    label = np.repeat(way, drawn.shots)
    k = min(k, len(label))
    for number, (support, query) in enumerate(zip(drawn.support, drawn.query, strict=True)):
        distance = np.sqrt(((table[query][:, None] - table[support][None]) ** 2).sum(axis=2))
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :k]
        vote = np.zeros((len(query), drawn.ways))
        weight = 1 / np.maximum(np.take_along_axis(distance, nearest, 1), NEAR)
        np.add.at(vote, (np.arange(len(query))[:, None], label[nearest]), weight)
        found[number] = vote.argmax(axis=1) == way
    return found


def accuracy(hits: NDArray[np.bool_], drawn: Episodes, *, seed: int, draws: int = 1000) -> Interval:
    """Share of right answers; the interval is over animals: of a query it is its animal that is drawn again."""
    animals, code = np.unique(drawn.animal, return_inverse=True)
    code = code.ravel()
    asked = np.bincount(code)
    good = np.bincount(code, hits.ravel())
    times = roc.animals_drawn(len(animals), draws, seed)
    return roc.interval(float(good.sum() / asked.sum()), times @ good / (times @ asked), animals=len(animals))


def choose_k(vectors: NDArray[np.floating], validation: Episodes, candidates: Sequence[int] = NEIGHBOURS) -> int:
    """The number of neighbours of highest accuracy on episodes of other animals; of equally good ones the least. More than there
    are support photos is not tried."""
    most = validation.support.shape[1]
    tried = sorted({min(k, most) for k in candidates})
    return tried[int(np.argmax([right(vectors, validation, k).mean() for k in tried]))]


def sides(animal: NDArray[np.int64], validation: float, *, seed: int) -> NDArray[np.bool_]:
    """Which photos [N] show validation animals, about the share `validation` of the animals; whole animals, drawn by the seed."""
    animals, code = np.unique(animal, return_inverse=True)
    order = np.random.default_rng([seed, 5]).permutation(len(animals))
    return (order < round(validation * len(animals)))[code]


@dataclass(frozen=True)
class Result:
    """`nearest`: the nearest support photo alone; `knn`: the `k` nearest, k chosen on validation animals; `flat`: the same in
    `flat_k` on a two-dimensional map of the vectors, None if there is none."""

    ways: int
    shots: int
    nearest: Interval
    knn: Interval
    k: int
    flat: Interval | None
    flat_k: int | None


def few_shot(
    vectors: NDArray[np.floating],
    animal: NDArray[np.int64],
    *,
    ways: int,
    shots: int,
    count: int = 500,
    validation: float = 0.4,
    flat: NDArray[np.floating] | None = None,
    meeting: NDArray[np.int64] | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> Result:
    """Accuracy on the animals that are not validation animals.

    Args:
        vectors: [N, D], unit length; animal: [N] numbers; flat: [N, 2], a map of the vectors.
        meeting: [N] numbers of the encounters.
        count: episodes, of validation animals as well; validation: share of the animals that k is chosen on.

    Raises:
        ValueError: too few animals on either side; says which.
    """
    aside = sides(animal, validation, seed=seed)

    def drawn(kept: NDArray[np.int64], what: str) -> Episodes:
        try:
            found = episodes(animal[kept], ways, shots, count, seed=seed, meeting=None if meeting is None else meeting[kept])
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
        return Episodes(kept[found.support], kept[found.query], found.animal)

    choosing, asking = drawn(np.flatnonzero(aside), "to choose k on"), drawn(np.flatnonzero(~aside), "to ask about")

    def scored(table: NDArray[np.floating], k: int) -> Interval:
        return accuracy(right(table, asking, k), asking, seed=seed, draws=draws)

    k = choose_k(vectors, choosing)
    flat_k = None if flat is None else choose_k(flat, choosing)
    shown = None if flat is None or flat_k is None else scored(flat, flat_k)
    return Result(ways, shots, scored(vectors, 1), scored(vectors, k), k, shown, flat_k)
