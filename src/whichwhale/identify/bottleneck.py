"""Bottleneck training: the backbone stands still, its features come from a cache on disk, and the head alone is fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from whichwhale.augment import generator
from whichwhale.geometry import Affine, identity
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.features import FeatureCache, Shown
from whichwhale.identify.net import Identifier
from whichwhale.passport.store import Store


class Variants:
    """Makes item i: `features` float32 [dims] of one of the photo's variants, `mirrored`, and its labels.

    The variants take turns from epoch to epoch, each photo starting at one of its own. Item i + k N is the k-th repeat of photo i
    of N in the epoch, the next variant.
    """

    def __init__(self, variants: list[Shown], labels: dict[str, NDArray], seed: int) -> None:
        self.variants, self.labels = variants, labels
        self.first = generator(seed, len(variants)).integers(len(variants), size=len(variants[0]))
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self, number: int) -> dict[str, Any]:
        again, number = divmod(number, len(self.first))
        features, mirrored = self.variants[(self.epoch + self.first[number] + again) % len(self.variants)][number]
        return {"features": features, "mirrored": mirrored, **{name: values[number] for name, values in self.labels.items()}}


class Bottleneck:
    """The features that a fit of `net`'s head, or its predictions, take in place of passports."""

    def __init__(self, home: Path, net: Identifier, config: IdentifyConfig, store: Store) -> None:
        self.config, self.cache = config, FeatureCache(home / "features", net.backbone, config, store)

    def training(self, rows: NDArray[np.int64], labels: dict[str, NDArray]) -> Variants:
        """Variants of the store's `rows` [N]: the first is the plain passport, the others are augmented.

        Where a mirror image is another class, the second is always one: by draws alone, some photo would have none among the
        variants, and if it is its whale's only one nothing would train the twin.
        """
        twins = self.config.mirrored == "twin"
        augmented = [self.cache.augmented(k, mirrored=twins and k == 1) for k in range(1, self.config.bottleneck.variants)]
        ways = [self.cache.plain(identity()), *augmented]
        return Variants([self.cache.get(rows, way) for way in ways], labels, self.config.seed)

    def views(self, rows: NDArray[np.int64]) -> Callable[[Affine], NDArray[np.float32]]:
        """What `predict` takes: the features [N, dims] of the store's `rows` as a view shows them."""
        return lambda move: self.cache.get(rows, self.cache.plain(move)).all()


@contextmanager
def head_alone(net: Identifier) -> Iterator[None]:
    """Inside, `net` is without its backbone: a fit's steps, optimizer and checkpoints then know the head alone."""
    backbone, net.backbone = net.backbone, nn.Identity()
    try:
        yield
    finally:
        net.backbone = backbone
