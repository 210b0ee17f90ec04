"""Streams belong to their key and their name."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.augment import generator, numbers
from whichwhale.augment.draws import EACH, SIDE, Name, Numbers, lattice, luck

number = st.integers(0, 2**32 - 1)
key = st.tuples(number, number, number)


@given(key, key)
def test_a_stream_belongs_to_its_key(one: tuple, other: tuple) -> None:
    first, again, second = (generator(*k).integers(2**62, size=4).tolist() for k in (one, one, other))
    assert first == again
    assert (first == second) == (one == other)


@given(key)
def test_numbers_take_nothing_from_the_stream_and_do_not_mind_where_it_is(k: tuple) -> None:
    parent, untouched = generator(*k), generator(*k)
    first = [numbers(parent, "wash").random() for _ in range(2)]
    assert first[0] == first[1]  # from the first on
    assert parent.integers(2**62, size=3).tolist() == untouched.integers(2**62, size=3).tolist()
    assert numbers(parent, "wash").random() == first[0] == numbers(generator(*k), "wash").random()
    assert numbers(parent, "glint").random() != first[0]
    assert luck(parent, "wash") == parent.table[get_args(Name).index("wash")][EACH - 1]


def test_the_stream_itself_is_numpys() -> None:
    np.testing.assert_array_equal(generator(1, 2, 3).random(5), np.random.default_rng((1, 2, 3)).random(5))


def test_the_numbers_are_those_of_the_first_child_of_the_key() -> None:
    child = np.random.SeedSequence((1, 2, 3)).spawn(1)[0]
    expected = np.random.default_rng(child).random((len(get_args(Name)), EACH))
    np.testing.assert_array_equal(generator(1, 2, 3).table, expected)


def test_what_is_made_of_numbers_by_hand() -> None:
    own = Numbers([0.25, 0.5, 0.999, 0.0, 0.975, 0.0])
    assert own.uniform(-1, 1) == -0.5
    assert own.uniform(2, 4) == 3
    assert own.integer(3) == 2 and own.integer(3) == 0
    assert own.normal(2.0) == pytest.approx(2 * 1.959964, abs=1e-5)
    assert own.normal() == 0  # a number that is 0 has no quantile


def test_a_window_shows_the_lattice_where_the_numbers_say() -> None:
    every = lattice()
    assert every.shape == (2 * SIDE, 2 * SIDE) and every[:SIDE, :SIDE].std() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(Numbers([0.5, 0.25]).window(3, 4), every[SIDE // 2 :, SIDE // 4 :][:3, :4])
    top, left = SIDE - 1, SIDE - 1
    np.testing.assert_array_equal(Numbers([0.9999, 0.9999]).window(SIDE, 2), every[top : top + SIDE, left : left + 2])
    large = Numbers([0.5, 0.5]).window(3 * SIDE, 2)  # comes again
    np.testing.assert_array_equal(large[:SIDE], large[SIDE : 2 * SIDE])
    np.testing.assert_array_equal(large[:SIDE], Numbers([0.5, 0.5]).window(SIDE, 2))


def test_names_and_keys_are_independent() -> None:
    rows = np.array([np.array(generator(0, k).table)[:3, :3].ravel() for k in range(2000)])
    np.testing.assert_allclose(rows.mean(0), 0.5, atol=0.03)  # 4 sigma
    assert np.abs(np.corrcoef(rows.T) - np.eye(9)).max() < 0.1
    assert np.abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 0.1
