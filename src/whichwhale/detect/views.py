"""Training views: a picture moved by one warp, its boxes moved with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import Chains, generator
from whichwhale.detect.config import MovesConfig
from whichwhale.geometry import Affine, apply, compose, mirrors
from whichwhale.pictures.frames import move_extent
from whichwhale.pictures.store import Pictures
from whichwhale.pictures.views import moved_about_middle, to_view, view_picture

LEAST_SIDE = 2.0  # px of the view: smaller boxes teach nothing
NONE = -1  # label of a row without a box


@dataclass(frozen=True, eq=False)
class Targets:
    """What `rows` [N] of the pictures show: for each, boxes [n, 4] (x, y, width, height; px of the picture, pixel centres at
    integers) and parts [n]."""

    rows: NDArray[np.int64]
    boxes: list[NDArray[np.float64]]
    parts: list[NDArray[np.int64]]


class TrainingViews:
    """Makes item i: `image` uint8 [H, W, 3], `boxes` float32 [most, 4] (left, top, right, bottom, px from the view's edge) and
    `labels` int64 [most] (NONE: no box), by draws keyed by (seed, epoch, row of the pictures, repeat).

    Items beyond the number of pictures are repeats: number % count is the picture, number // count the repeat.
    """

    def __init__(
        self,
        pictures: Pictures,
        targets: Targets,
        size: tuple[int, int],
        moves: MovesConfig,
        exchanged: NDArray[np.int64],
        seed: int,
    ) -> None:
        self.pictures, self.targets, self.size, self.moves, self.exchanged, self.seed = (
            pictures,
            targets,
            size,
            moves,
            exchanged,
            seed,
        )
        self.most = max([len(parts) for parts in targets.parts] + [1])
        self.epoch = 0
        self._chains = Chains(moves.photometry())

    def set_epoch(self, epoch: int) -> None:
        """From now on draws are those of `epoch`, counted from 0."""
        self.epoch = epoch

    def __call__(self, number: int) -> dict[str, Any]:
        repeat, item = divmod(number, len(self.targets.rows))
        row = int(self.targets.rows[item])
        draw = generator(self.seed, self.epoch, row, repeat)
        matrix = compose(to_view(self.pictures, self.size), draw_move(self.moves, draw, self.size))
        with self._chains.one() as photometric:
            image = photometric(view_picture(self.pictures, row, matrix, self.size), draw)
        edges, kept = moved(matrix, self.targets.boxes[item], self.size, self.moves.kept)
        parts = self.targets.parts[item]
        parts = (self.exchanged[parts] if mirrors(matrix) else parts)[kept]
        boxes, labels = np.zeros((self.most, 4), np.float32), np.full(self.most, NONE, np.int64)
        boxes[: len(parts)], labels[: len(parts)] = edges[kept], parts
        return {"image": image, "boxes": boxes, "labels": labels}


def draw_move(moves: MovesConfig, draw: np.random.Generator, size: tuple[int, int]) -> Affine:
    """A random move of a view of `size` (width, height) about its middle: float64 [2, 3], view to view."""
    turn, grow, dx, dy = draw.uniform(-1, 1, 4)
    quarter, mirrored = int(draw.integers(4)), draw.random() < moves.mirror
    angle = np.deg2rad(moves.rotation) * turn + (np.pi / 2 * quarter if moves.quarters else 0.0)
    shift = (moves.shift * dx * size[0], moves.shift * dy * size[1])
    return moved_about_middle(size, mirrored, angle, (1 + moves.zoom) ** grow, shift)


def moved(
    matrix: Affine, boxes: NDArray[np.float64], size: tuple[int, int], kept: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Boxes [n, 4] (x, y, width, height) through `matrix` onto a view of `size`, cut at its edge: left, top, right, bottom [n,
    4] in px from the view's edge (a whole view of 4 x 3 px is 0, 0, 4, 3), and which [n] are still there: at least `kept` of
    their area, and no side under LEAST_SIDE."""
    centre = apply(matrix, boxes[:, :2] + boxes[:, 2:] / 2) + 0.5
    extent = move_extent(matrix, boxes[:, 2:])
    whole = np.concatenate([centre - extent / 2, centre + extent / 2], 1)
    edges = np.clip(whole, 0, [*size, *size])
    sides = edges[:, 2:] - edges[:, :2]
    return edges, (sides.prod(1) >= kept * extent.prod(1)) & (sides >= LEAST_SIDE).all(1)
