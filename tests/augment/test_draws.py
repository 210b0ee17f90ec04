"""Streams belong to their key and their name."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.augment import generator, stream

number = st.integers(0, 2**32 - 1)
key = st.tuples(number, number, number)


@given(key, key)
def test_a_stream_belongs_to_its_key(one: tuple, other: tuple) -> None:
    first, again, second = (generator(*k).integers(2**62, size=4).tolist() for k in (one, one, other))
    assert first == again
    assert (first == second) == (one == other)


@given(key)
def test_a_named_stream_takes_nothing_from_its_parent_and_does_not_mind_where_it_is(k: tuple) -> None:
    parent, untouched = generator(*k), generator(*k)
    first = stream(parent, "wash").integers(2**62, size=3).tolist()
    assert parent.integers(2**62, size=3).tolist() == untouched.integers(2**62, size=3).tolist()
    assert stream(parent, "wash").integers(2**62, size=3).tolist() == first
    assert stream(parent, "glint").integers(2**62, size=3).tolist() != first


def test_named_streams_are_those_of_numpys_seed_sequences() -> None:
    """As SeedSequence.spawn would make them: the second name is the second child."""
    child = np.random.SeedSequence((1, 2, 3)).spawn(2)[1]
    expected = np.random.default_rng(child).random(4)
    np.testing.assert_array_equal(stream(generator(1, 2, 3), "perspective").random(4), expected)
