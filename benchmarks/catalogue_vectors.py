"""Made-up embeddings of any number of animals whose cosines follow those of real ones.

A real model's embeddings are measured: mean and covariance of all, the cosines of held-out photos with other photos of the same
animal and with those of others. A made-up photo i of animal a is the direction of

    w_i u_a + sqrt(1 - w_i^2) e_i,   w_i = sigmoid(centre + animals n_a + photos n_i),

where u_a and e_i are normal with that mean and covariance, of length 1, and n_a, n_i standard normal: some animals are alike in
all their photos, some photos show little of their animal. Two photos of one animal then have a cosine of about w_i w_j. The three
numbers are fitted so that the cosines within animals have the real ones' quantiles; those between animals follow from mean and
covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
PAIRS = 40_000


@dataclass(frozen=True, eq=False)
class Population:
    """How embeddings are made: `mean` [D], `root` [D, D] (root @ root.T is the covariance), and the three numbers."""

    mean: NDArray[np.float32]
    root: NDArray[np.float32]
    centre: float
    animals: float
    photos: float

    def directions(self, draw: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Unit vectors [count, D] as photos in general have them."""
        return unit(draw.standard_normal((count, len(self.mean)), np.float32) @ self.root.T + self.mean)

    def photos_of(self, seed: int, animals: NDArray[np.int64], first: int, count: int) -> NDArray[np.float32]:
        """Photos first … first + count - 1 of each of the animals, unit vectors [animals * count, D]; keyed by (seed, block of
        animals, photo), so that any part can be made again. `animals` are whole blocks of consecutive numbers from 0."""
        block = np.random.default_rng([seed, int(animals[0])])
        of_animal, alike = self.directions(block, len(animals)), block.standard_normal(len(animals))
        made = np.empty((len(animals), count, len(self.mean)), np.float32)
        for k in range(count):
            draw = np.random.default_rng([seed, int(animals[0]), first + k])
            w = weights(self.centre + self.animals * alike + self.photos * draw.standard_normal(len(animals)))
            own = self.directions(draw, len(animals))
            made[:, k] = unit(w[:, None] * of_animal + np.sqrt(1 - w**2)[:, None] * own)
        return made.reshape(-1, len(self.mean))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def weights(logit: NDArray[np.float64]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


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


def fit(embedding: NDArray[np.float32], within: NDArray[np.float32], seed: int = 0) -> Population:
    """The population of embeddings [N, D] with cosines `within` animals."""
    mean = embedding.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(embedding.T))
    root = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    draw = np.random.default_rng(seed)
    bare = Population(mean, root, 0, 0, 0)
    # cosines of the four parts of pairs of photos of one animal, drawn once: then any three numbers cost an array's worth
    u, e, f = (bare.directions(draw, PAIRS) for _ in range(3))
    ue, uf, ef = ((one * other).sum(1) for one, other in ((u, e), (u, f), (e, f)))
    alike, one, other = draw.standard_normal((3, PAIRS))
    wanted = np.quantile(within, QUANTILES)

    def pairs(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        centre, animals, photos = numbers[0], abs(numbers[1]), abs(numbers[2])
        w, v = weights(centre + animals * alike + photos * one), weights(centre + animals * alike + photos * other)
        a, b = np.sqrt(1 - w**2), np.sqrt(1 - v**2)
        length = np.sqrt((1 + 2 * w * a * ue) * (1 + 2 * v * b * uf))
        return (w * v + w * b * uf + a * v * ue + a * b * ef) / length

    found = minimize(
        lambda numbers: float(((np.quantile(pairs(numbers), QUANTILES) - wanted) ** 2).sum()),
        [0.5, 0.5, 1.0],
        method="Nelder-Mead",
    )
    return Population(mean, root, float(found.x[0]), abs(float(found.x[1])), abs(float(found.x[2])))
