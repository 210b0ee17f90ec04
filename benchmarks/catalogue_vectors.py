"""Made-up embeddings of any number of animals whose cosines follow those of real ones.

A real model's embeddings are measured: mean and covariance of all, the cosines of held-out photos with other photos of the same
animal and with those of others. A made-up photo i of animal a, taken in conditions k, is the direction of

    m + w_i u_a + sqrt(1 - w_i^2) (g c_k + sqrt(1 - g^2) e_i),   w_i = sigmoid(centre + animals n_a + photos n_i),

where m is the mean, u_a, c_k and e_i are normal with that covariance, of length 1, and n_a, n_i standard normal: some animals are
alike in all their photos, some photos show little of their animal, and photos of different animals in the same light and pose are
nearer to each other than others. The four numbers are fitted so that the cosines within and between animals have the real ones'
quantiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BETWEEN = (*QUANTILES, 0.999)
CONDITIONS = 64
PAIRS = 10_000


@dataclass(frozen=True, eq=False)
class Population:
    """How embeddings are made: `mean` [D], `root` [D, D] (root @ root.T is the covariance), and the four numbers; `shared` is
    g."""

    mean: NDArray[np.float32]
    root: NDArray[np.float32]
    centre: float
    animals: float
    photos: float
    shared: float

    def directions(self, draw: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Unit vectors [count, D], normal with the covariance before they had length 1."""
        return unit(draw.standard_normal((count, len(self.mean)), np.float32) @ self.root.T)

    def photos_of(self, seed: int, animals: NDArray[np.int64], first: int, count: int) -> NDArray[np.float32]:
        """Photos first … first + count - 1 of each of the animals, unit vectors [animals * count, D]; keyed by (seed, block of
        animals, photo), so that any part can be made again. `animals` are whole blocks of consecutive numbers from 0."""
        block = np.random.default_rng([seed, int(animals[0])])
        of_animal, alike = self.directions(block, len(animals)), block.standard_normal(len(animals))
        conditions = self.directions(np.random.default_rng(seed), CONDITIONS)
        made = np.empty((len(animals), count, len(self.mean)), np.float32)
        for k in range(count):
            draw = np.random.default_rng([seed, int(animals[0]), first + k])
            w = weights(self.centre + self.animals * alike + self.photos * draw.standard_normal(len(animals)))
            of_photo = self.directions(draw, len(animals))
            around = conditions[draw.integers(CONDITIONS, size=len(animals))]
            pieces = np.stack([of_animal, around, of_photo, np.broadcast_to(self.mean, of_photo.shape)], 1)
            made[:, k] = unit(np.einsum("np,npd->nd", parts(w, self.shared), pieces))
        return made.reshape(-1, len(self.mean))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def weights(logit: NDArray[np.float64]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def parts(w: NDArray[np.float32], shared: float) -> NDArray[np.float32]:
    """[N, 4]: how much of animal, conditions, itself and the mean a photo of weight w [N] has."""
    rest = np.sqrt(1 - w**2)
    return np.stack([w, rest * shared, rest * np.sqrt(1 - shared**2), np.ones_like(w)], 1).astype(np.float32)


def cosines(
    embedding: NDArray[np.float32], animal: NDArray, asked: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cosines of the `asked` photos with all others: of the same animal, and of another one."""
    rows = np.flatnonzero(asked)
    table = embedding[rows] @ embedding.T
    same = animal[rows][:, None] == animal[None]
    other = ~same
    same[np.arange(len(rows)), rows] = False
    return table[same], table[other]


def fit(embedding: NDArray[np.float32], within: NDArray[np.float32], between: NDArray[np.float32], seed: int = 0) -> Population:
    """The population of embeddings [N, D] with cosines `within` and `between` animals."""
    mean = embedding.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(embedding.T))
    root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    draw = np.random.default_rng(seed)
    bare = Population(mean, root, 0, 0, 0, 0)
    # The inner products of all that two photos are made of, drawn once: then any four numbers cost a few small sums.
    same_animal = np.arange(PAIRS) % 2 == 0
    animal, photo = bare.directions(draw, 2 * PAIRS).reshape(PAIRS, 2, -1), bare.directions(draw, 2 * PAIRS).reshape(PAIRS, 2, -1)
    animal[same_animal, 1] = animal[same_animal, 0]
    around = bare.directions(draw, CONDITIONS)[draw.integers(CONDITIONS, size=(PAIRS, 2))]
    pieces = np.stack([animal, around, photo, np.broadcast_to(mean, animal.shape)], 2)  # [pairs, 2, 4, D]
    across = np.einsum("npd,nqd->npq", pieces[:, 0], pieces[:, 1])
    inside = np.einsum("nspd,nsqd->nspq", pieces, pieces)
    alike, noise = draw.standard_normal((PAIRS, 2)), draw.standard_normal((PAIRS, 2))
    alike[same_animal, 1] = alike[same_animal, 0]
    wanted = np.concatenate([np.quantile(within, QUANTILES), np.quantile(between, BETWEEN)])

    def quantiles(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        centre, animals, photos, shared = numbers[0], abs(numbers[1]), abs(numbers[2]), float(weights(numbers[3:])[0])
        of = parts(weights(centre + animals * alike + photos * noise).ravel(), shared).reshape(PAIRS, 2, 4)
        length = np.sqrt(np.einsum("nsp,nspq,nsq->ns", of, inside, of)).prod(1)
        found = np.einsum("np,npq,nq->n", of[:, 0], across, of[:, 1]) / length
        return np.concatenate([np.quantile(found[same_animal], QUANTILES), np.quantile(found[~same_animal], BETWEEN)])

    start = np.array([0.5, 0.5, 1.0, 0.0])
    best = minimize(lambda numbers: float(((quantiles(numbers) - wanted) ** 2).sum()), start, method="Nelder-Mead").x
    return Population(mean, root, float(best[0]), abs(float(best[1])), abs(float(best[2])), float(weights(best[3:])[0]))
