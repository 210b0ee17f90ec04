"""Random streams that belong to a key: whatever draws from one changes nothing for the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Name = Literal[
    "jitter",
    "perspective",
    "waterline",
    "wash",
    "glint",
    "spray",
    "haze",
    "exposure",
    "contrast",
    "pca",
    "colour",
    "blur",
    "noise",
    "jpeg",
    "mix",
]  # a new name goes to the end
EACH = 16  # numbers a name; the last one says whether it happens
SIDE = 256  # of the lattice of normal numbers
_NUMBERS = {name: number for number, name in enumerate(get_args(Name))}
_normal = NormalDist().inv_cdf


class Draw(np.random.Generator):
    """The random stream of a key, and beside it `EACH` numbers for each name, which take nothing from it."""

    @cached_property
    def table(self) -> list[list[float]]:
        """Numbers from 0 to 1, one row a name: all from one child stream, which costs more to make than they do to draw."""
        child = np.random.SeedSequence(self.bit_generator.seed_seq.entropy, spawn_key=(0,))
        return np.random.Generator(np.random.PCG64(child)).random((len(_NUMBERS), EACH)).tolist()


def generator(*key: int) -> Draw:
    """The random stream of a key such as (seed, epoch, item); streams of different keys of the same length are independent.

    (Of the same length, and numbers below 2**32: numpy fills short keys with zeros, so (1, 2) and (1, 2, 0) are one stream.)
    """
    return Draw(np.random.PCG64(key))


def numbers(draw: Draw, name: Name) -> Numbers:
    """The numbers of a name under the key of `draw`, from the first on, wherever `draw` is and whatever else is drawn."""
    return Numbers(draw.table[_NUMBERS[name]])


def luck(draw: Draw, name: Name) -> float:
    """The number that says whether what has this name happens."""
    return draw.table[_NUMBERS[name]][-1]


class Numbers:
    """Numbers drawn beforehand, taken one after another: a generator takes a microsecond for each that it draws alone."""

    __slots__ = ("random",)

    def __init__(self, drawn: Sequence[float]) -> None:
        self.random = iter(drawn).__next__

    def uniform(self, low: float, high: float) -> float:
        """From `low` to below `high`."""
        return low + (high - low) * self.random()

    def normal(self, spread: float = 1.0) -> float:
        """Of mean 0 and standard deviation `spread`."""
        return spread * _normal(self.random() or 0.5)

    def integer(self, count: int) -> int:
        """One of 0 to `count` - 1."""
        return int(count * self.random())

    def window(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Normal numbers [rows, columns]: a window, at a drawn place, of a lattice that is always the same."""
        top, left = self.integer(SIDE), self.integer(SIDE)
        if max(rows, columns) > SIDE:
            return lattice()[np.ix_(np.arange(top, top + rows) % SIDE, np.arange(left, left + columns) % SIDE)]
        return lattice()[top : top + rows, left : left + columns]


@lru_cache(maxsize=1)
def lattice() -> NDArray[np.float32]:
    """Standard normal numbers that come again after `SIDE` rows and columns, float32 [2 SIDE, 2 SIDE]."""
    return np.tile(np.random.default_rng(0).standard_normal((SIDE, SIDE), np.float32), (2, 2))
