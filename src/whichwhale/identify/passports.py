"""Training passports and test-time views: one warp from the store each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import AugmentConfig, Chains, draw_geometry, generator
from whichwhale.augment.mixing import draw_mix
from whichwhale.geometry import Affine, Transform, compose, identity, invert, mirrors, rotation, scaling, translation, warp
from whichwhale.identify.config import ViewsConfig
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import Store


class TrainingPassports:
    """Makes item i: `image` uint8 [H, W, 3], changed by draws keyed by (seed, epoch, store row), `mirrored` (whether it shows the
    animal's mirror image), and its labels. Item i + k * len(rows) is its k-th repeat in the epoch, whose draws are others.
    `rows` int [N] are places in the store, `labels` by name int [N], -1 where there is none; `draws` int [store rows] are other
    keys than the rows' numbers, below 2**32.

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
        self._chains = Chains(augment)

    def set_epoch(self, epoch: int) -> None:
        """From now on draws are those of `epoch`, counted from 0."""
        self.epoch = epoch

    def __call__(self, number: int) -> dict[str, Any]:
        return self.many([number])[0]

    def many(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The items of these numbers, each as it is alone, in less time (`Photometric.many`)."""
        again, places = np.divmod(numbers, len(self.rows))
        rows = self.rows[places]
        keys = rows if self.draws is None else self.draws[rows]
        each = zip(keys.tolist(), again.tolist(), strict=True)
        draws = [generator(self.seed, self.epoch, *both) for both in each]  # again = 0 is the stream of the key without it
        moves = [draw_geometry(self.augment.geometry, draw, self.view.centre) for draw in draws]
        onto = [compose(self._back, move, self._plane) for move in moves]
        images = [warp(self._images[row], matrix, self.view.size) for row, matrix in zip(rows, onto, strict=True)]
        with self._chains.one() as photometric:
            planes = [compose(move, self._plane) for move in moves] if photometric.placed else [None] * len(moves)
            images = photometric.many(images, draws, planes)
        items = [{"image": image, "mirrored": mirrors(move)} for image, move in zip(images, moves, strict=True)]
        for item, draw, place in zip(items, draws, places, strict=True):
            item |= {name: values[place] for name, values in self.labels.items()}
            if self.epoch < self.mixed_epochs:
                item["mix"] = draw_mix(self.augment.mix, draw, self.view.size)
        return items


def view_passport(store: Store, row: int, view: PlaneView, move: Transform) -> NDArray[np.uint8]:
    """Draw passport `row` as `view` shows it after `move` (plane to plane): uint8 RGB [H, W, 3]."""
    return warp(store.images[row], compose(invert(store.plane_to_store), move, view.matrix()), view.size)


def prediction_views(config: ViewsConfig, view: PlaneView) -> list[Affine]:
    """The plane-to-plane transforms of the test-time views; the plain one comes first if turns and shifts begin with none."""
    mirrors = [identity(), scaling(1.0, -1.0)] if config.mirror else [identity()]
    return [
        compose(mirror, rotation(np.deg2rad(turn), view.centre), scaling(zoom, zoom, view.centre), translation(*shift))
        for turn in config.rotations
        for zoom in config.zooms
        for shift in config.shifts
        for mirror in mirrors
    ]
