"""Chains for threads: nobody shares one, and which one it is makes no difference."""

import numpy as np
import pytest

from whichwhale.augment import AugmentConfig, Chains, generator

CONFIG = AugmentConfig(photometric="heavy", occlusion=0.5)
PICTURE = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)


def test_two_at_once_are_two_and_one_after_the_other_is_the_same():
    chains = Chains(CONFIG)
    with chains.one() as first, chains.one() as second:
        assert first is not second
    with chains.one() as third, chains.one() as fourth:
        assert {id(third), id(fourth)} == {id(first), id(second)}


def test_a_used_chain_changes_a_picture_as_a_fresh_one_does():
    chains = Chains(CONFIG)
    for epoch in range(3):
        with chains.one() as used, Chains(CONFIG).one() as fresh:
            ours, theirs = (chain(PICTURE, generator(0, epoch, 1)) for chain in (used, fresh))
        assert np.array_equal(ours, theirs)


def test_one_that_failed_is_not_used_again():
    chains = Chains(CONFIG)
    with pytest.raises(ZeroDivisionError), chains.one() as failed:
        raise ZeroDivisionError
    with chains.one() as next_one:
        assert next_one is not failed
