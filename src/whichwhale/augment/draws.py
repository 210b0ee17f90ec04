"""Random streams that belong to a key: whatever draws from one changes nothing for the others."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

Name = Literal[
    "jitter", "perspective", "chances", "waterline", "wash", "glint", "spray", "haze", "exposure", "contrast", "pca", "mix"
]
_NUMBERS = {name: number for number, name in enumerate(get_args(Name))}  # a new name goes to the end


def generator(*key: int) -> np.random.Generator:
    """The random stream of a key such as (seed, epoch, item); streams of different keys of the same length are independent.

    (Of the same length, and numbers below 2**32: numpy fills short keys with zeros, so (1, 2) and (1, 2, 0) are one stream.)
    """
    return np.random.default_rng(key)


def stream(draw: np.random.Generator, name: Name) -> np.random.Generator:
    """A stream of its own under the key that `draw` was made from; it takes nothing from `draw`, and where that one is makes no
    difference."""
    parent = draw.bit_generator.seed_seq
    child = np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, _NUMBERS[name]))
    return np.random.Generator(np.random.PCG64(child))
