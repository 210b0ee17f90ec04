"""Training views: a picture moved by one warp, its points and box moved with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import Chains, generator
from whichwhale.geometry import Affine, apply, compose, translation
from whichwhale.pictures.config import MovesConfig
from whichwhale.pictures.frames import move_extent
from whichwhale.pictures.store import Pictures
from whichwhale.pictures.views import moved_about_middle, to_view, view_picture

BORDER = 0.04  # of a view's sides: how near to its edge the animal may come


@dataclass(frozen=True, eq=False)
class Targets:
    """What training views are to show of `rows` of the pictures, in pixels of the pictures.

    points  [N, K, 2], NaN where unknown; extent [N, 2] width and height of the box; `keep` is the channel that must stay in view
    (−1: none need); `weights` are the channels' own, 1 where not given; `bases` picture-to-view transforms [n, 2, 3] of each
    picture, of which one is drawn before it moves (None: the picture's middle); `whales` [N] who is in them (None: not asked)
    """

    rows: NDArray[np.int64]
    points: NDArray[np.float64]
    extent: NDArray[np.float64]
    keep: int = -1
    weights: tuple[float, ...] = ()
    bases: list[NDArray[np.float64]] | None = None
    whales: NDArray[np.int64] | None = None


class TrainingViews:
    """Makes item i: `image` uint8 [H, W, 3], `points` float32 [K, 2] and `extent` float32 [2] in its pixels, `weight` float32 [K]
    (the channel's own; 0: unknown or out of view), and `whale` where the targets know it, by draws keyed by (seed, epoch, row of
    the pictures)."""

    def __init__(self, pictures: Pictures, targets: Targets, size: tuple[int, int], moves: MovesConfig, seed: int) -> None:
        self.pictures, self.targets, self.size, self.moves, self.seed = pictures, targets, size, moves, seed
        self.epoch = 0
        self._chains = Chains(moves.photometry())

    def set_epoch(self, epoch: int) -> None:
        """From now on draws are those of `epoch`, counted from 0."""
        self.epoch = epoch

    def __call__(self, number: int) -> dict[str, Any]:
        row = int(self.targets.rows[number])
        draw = generator(self.seed, self.epoch, row)
        base = to_view(self.pictures, self.size)
        if self.targets.bases is not None:
            of = self.targets.bases[number]
            base = of[draw.integers(len(of))]
        matrix = compose(base, draw_move(self.moves, draw, self.size))
        there = draw.uniform(BORDER, 1 - BORDER, 2) * self.size - 0.5
        points = apply(matrix, self.targets.points[number])
        if self.targets.keep >= 0 and not _inside(points[self.targets.keep], self.size, BORDER):
            matrix = compose(matrix, translation(*(there - points[self.targets.keep])))
            points = apply(matrix, self.targets.points[number])
        with self._chains.one() as photometric:
            image = photometric(view_picture(self.pictures, row, matrix, self.size), draw)
        weight = _inside(points, self.size)
        who = {} if self.targets.whales is None else {"whale": self.targets.whales[number]}
        return {
            "image": image,
            "points": np.where(weight[:, None], points, 0).astype(np.float32),
            "weight": weight.astype(np.float32) * np.float32(self.targets.weights or 1),
            "extent": move_extent(matrix, self.targets.extent[number]).astype(np.float32),
            **who,
        }


def draw_move(moves: MovesConfig, draw: np.random.Generator, size: tuple[int, int]) -> Affine:
    """A random move of a view of `size` (width, height) about its middle: float64 [2, 3], view to view."""
    turn, grow, dx, dy = draw.uniform(-1, 1, 4)
    mirrored, angle = draw.random() < moves.mirror, np.deg2rad(moves.rotation) * turn
    shift = (moves.shift * dx * size[0], moves.shift * dy * size[1])
    return moved_about_middle(size, mirrored, angle, (1 + moves.zoom) ** grow, shift)


def _inside(points: NDArray[np.float64], size: tuple[int, int], border: float = 0.0) -> NDArray[np.bool_]:
    """Whether points [..., 2] lie in a view of `size`, at least `border` of its sides from the edge; False for NaN."""
    share = (points + 0.5) / size
    return ((share >= border) & (share <= 1 - border)).all(-1)
