"""Made-up embeddings follow the cosines that they were fitted to, and any part of them can be made again."""

import numpy as np
from catalogue_vectors import QUANTILES, Population, cosines, fit

DIMS = 24


def population(centre: float, animals: float, photos: float, shared: float = 0.3) -> Population:
    root = np.diag(np.linspace(2.0, 0.2, DIMS)).astype(np.float32)
    return Population(np.full(DIMS, 0.1, np.float32), root, centre, animals, photos, shared)


def test_cosines_are_followed() -> None:
    numbers, asked = np.repeat(np.arange(300), 4), np.arange(1200) % 2 == 0
    for truth in (population(0.5, 0.3, 1.0), population(-0.5, 1.5, 0.2, 0.8)):
        real = truth.photos_of(3, np.arange(300), 0, 4)
        within, between = cosines(real, numbers, asked)
        made = fit(real, within, between).photos_of(4, np.arange(300), 0, 4)
        made_within, made_between = cosines(made, numbers, asked)
        assert np.abs(np.quantile(made_within, QUANTILES) - np.quantile(within, QUANTILES)).max() < 0.08
        assert np.abs(np.quantile(made_between, QUANTILES) - np.quantile(between, QUANTILES)).max() < 0.05


def test_pairs_are_told_apart_and_none_is_itself() -> None:
    embedding = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    within, between = cosines(embedding, np.array(["a", "a", "b"]), np.array([True, False, True]))
    assert within.tolist() == [1.0] and sorted(between.tolist()) == [0.0, 0.0, 0.0]


def test_photos_are_keyed() -> None:
    one = population(0.5, 0.3, 1.0)
    whole = one.photos_of(0, np.arange(5), 0, 3).reshape(5, 3, DIMS)
    np.testing.assert_array_equal(one.photos_of(0, np.arange(5), 2, 1).reshape(5, DIMS), whole[:, 2])
    np.testing.assert_allclose(np.linalg.norm(whole, axis=-1), 1, atol=1e-5)
