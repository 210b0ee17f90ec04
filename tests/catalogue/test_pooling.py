"""Pooling, against the formulas of the module's head written out photo by photo."""

import math

import numpy as np
import pytest

from whichwhale.catalogue.config import PoolConfig
from whichwhale.catalogue.pooling import pooled, together

NONE = -np.inf
COSINES = np.array([[0.9, 0.1, 0.5, 0.3, -0.2], [0.2, NONE, NONE, NONE, -0.5]], np.float32)
STARTS = np.array([0, 1, 4])  # one, three and one photos


def test_max() -> None:
    expected = np.array([[0.9, 0.5, -0.2], [0.2, NONE, -0.5]], np.float32)
    np.testing.assert_array_equal(pooled(COSINES, STARTS, PoolConfig(kind="max")), expected)


def test_mean_of_the_two_nearest() -> None:
    found = pooled(COSINES, STARTS, PoolConfig(kind="mean_top_k", k=2))
    np.testing.assert_allclose(found, [[0.9, 0.4, -0.2], [0.2, NONE, -0.5]], rtol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 8.0, 500.0])  # with 500 a sum of exp(s (cos - 1)) would underflow
def test_log_sum_exp(scale: float) -> None:
    found = pooled(COSINES, STARTS, PoolConfig(kind="log_sum_exp"), scale)
    three = 0.5 + math.log(1 + math.exp(scale * (0.1 - 0.5)) + math.exp(scale * (0.3 - 0.5))) / scale
    np.testing.assert_allclose(found, [[0.9, three, -0.2], [0.2, NONE, -0.5]], rtol=1e-5)


def test_encounters() -> None:
    scores = np.array([[0.2, 0.8], [0.4, 0.1]])
    np.testing.assert_allclose(together(scores, PoolConfig()), [0.3, 0.45], rtol=1e-6)
    np.testing.assert_allclose(together(scores, PoolConfig(encounter="max")), [0.4, 0.8], rtol=1e-6)


def test_keys_of_the_kind() -> None:
    with pytest.raises(ValueError, match="k means nothing to kind=max"):
        PoolConfig(kind="max", k=2)
    with pytest.raises(ValueError, match="scale means nothing to kind=max"):
        PoolConfig(kind="max", scale=4)
