"""Photometric chains for threads that make items side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from whichwhale.augment.config import AugmentConfig
from whichwhale.augment.photometric import Photometric


class Chains:
    """As many photometric chains of one config as threads ask for at once, since one serves one thread at a time. Which chain
    changes a picture makes no difference: the draws are the item's own."""

    def __init__(self, config: AugmentConfig) -> None:
        self._config = config
        self._spare: list[Photometric] = []

    @contextmanager
    def one(self) -> Iterator[Photometric]:
        """A chain that is nobody else's inside the block."""
        try:
            chain = self._spare.pop()
        except IndexError:
            chain = Photometric(self._config)
        yield chain
        self._spare.append(chain)  # one that failed is not used again
