"""Training passports and test-time views: one warp from the store each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import AugmentConfig, Photometric, draw_geometry, generator
from whichwhale.augment.mixing import draw_mix
from whichwhale.geometry import Affine, Transform, compose, identity, invert, mirrors, rotation, scaling, translation, warp
from whichwhale.identify.config import ViewsConfig
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import Store


class TrainingPassports:
    """Makes item i: `image` uint8 [H, W, 3], changed by draws keyed by (seed, epoch, store row), `mirrored` (whether it shows the
    animal's mirror image), and its labels. Item i + k * len(rows) is its k-th repeat in the epoch, whose draws are others.
    `draws` [store rows] are other keys than the rows' numbers, below 2**32.

    In the first `mixed_epochs` epochs also `mix` float32 [5]: what its picture takes of its partner's in the batch.
    """

    def __init__(
        self,
        store: Store,
        rows: NDArray,
        labels: dict[str, NDArray],
        view: PlaneView,
        augment: AugmentConfig,
        seed: int,
        mixed_epochs: float = 0,
        draws: NDArray | None = None,
    ) -> None:
        self.store, self.rows, self.labels, self.view, self.augment, self.seed = store, rows, labels, view, augment, seed
        self.mixed_epochs, self.draws = mixed_epochs, draws
        # As `view_passport`, with what is the same for each: and a memory map takes its time to be a memory map.
        self._images, self._back, self._plane = np.asarray(store.images), invert(store.plane_to_store), view.matrix()
        self.epoch = 0
        self._spare: list[Photometric] = []  # one chain serves one thread at a time

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self, number: int) -> dict[str, Any]:
        again, number = divmod(number, len(self.rows))
        row = int(self.rows[number])
        key = row if self.draws is None else int(self.draws[row])
        draw = generator(self.seed, self.epoch, key, again)  # again = 0 is the stream of the key without it
        move = draw_geometry(self.augment.geometry, draw, self.view.centre)
        image = warp(self._images[row], compose(self._back, move, self._plane), self.view.size)
        try:
            photometric = self._spare.pop()
        except IndexError:
            photometric = Photometric(self.augment)
        image = photometric(image, draw, compose(move, self._plane))
        self._spare.append(photometric)
        item = {"image": image, "mirrored": mirrors(move), **{name: values[number] for name, values in self.labels.items()}}
        return item | {"mix": draw_mix(self.augment.mix, draw, self.view.size)} if self.epoch < self.mixed_epochs else item


def view_passport(store: Store, row: int, view: PlaneView, move: Transform) -> NDArray[np.uint8]:
    """Draw passport `row` as `view` shows it after `move` (plane to plane): uint8 RGB [H, W, 3]."""
    return warp(store.images[row], compose(invert(store.plane_to_store), move, view.matrix()), view.size)


def prediction_views(config: ViewsConfig, view: PlaneView) -> list[Affine]:
    """The plane-to-plane transforms of the test-time views, the plain one first."""
    mirrors = [identity(), scaling(1.0, -1.0)] if config.mirror else [identity()]
    return [
        compose(mirror, rotation(np.deg2rad(turn), view.centre), scaling(zoom, zoom, view.centre), translation(*shift))
        for turn in config.rotations
        for zoom in config.zooms
        for shift in config.shifts
        for mirror in mirrors
    ]
