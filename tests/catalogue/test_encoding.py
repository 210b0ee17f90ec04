"""Vectors on disk and their fingerprints."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from whichwhale.catalogue.encoding import decode, encode, fingerprints


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 20)), elements=st.floats(-1, 1, width=32)))
def test_directions_survive(vectors: np.ndarray) -> None:
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    unit = (vectors / np.where(length > 1e-3, length, 1)).astype(np.float32)
    unit[length[:, 0] <= 1e-3, :] = 0
    unit[length[:, 0] <= 1e-3, 0] = 1
    np.testing.assert_array_equal(decode(encode(unit, "float32")), unit)
    assert np.einsum("nd,nd->n", decode(encode(unit, "float16")), unit).min() > 1 - 2e-3
    int8 = decode(encode(unit, "int8"))
    np.testing.assert_allclose(np.linalg.norm(int8, axis=1), 1, atol=1e-5)
    # each component is off by at most half a step of (largest component) / 127
    bound = np.sqrt(unit.shape[1]) * np.abs(unit).max(axis=1) / 127 / 2
    assert (np.linalg.norm(int8 - unit, axis=1) <= 2 * bound + 1e-6).all()


@pytest.mark.parametrize("dims", [1, 7, 16])
@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_fingerprints_tell_rows_apart(storage: str, dims: int) -> None:
    rng = np.random.default_rng(0)
    stored = np.unique(rng.integers(-127, 128, (300, dims)).astype(storage), axis=0)
    prints = fingerprints(stored)
    assert len(np.unique(prints)) == len(stored)
    np.testing.assert_array_equal(fingerprints(stored[::-1].copy()), prints[::-1])
    np.testing.assert_array_equal(fingerprints(stored[:1]), prints[:1])
