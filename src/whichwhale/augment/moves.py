"""How a passport moves: one transform of the passport plane, which becomes part of the one warp from the store."""

from __future__ import annotations

import numpy as np

from whichwhale.augment.config import GeometryConfig
from whichwhale.augment.draws import stream
from whichwhale.geometry import Transform, compose, rotation, scaling, similarity_from_points, tilting, translation

POINTS = np.array([[0.5, 0.0], [-0.5, 0.0]])  # where the two points lie in the passport plane, whose unit is their distance d


def draw_geometry(config: GeometryConfig, draw: np.random.Generator, centre: tuple[float, float]) -> Transform:
    """A random change of the passport plane about `centre` (unit d), plane to plane: float64 [2, 3], [3, 3] with perspective.

    The rotation happens where heads are not squashed, so a turned head keeps its shape.
    """
    turn, grow, stretch, dx, dy = draw.uniform(-1, 1, 5)
    mirrored = draw.random() < config.mirror
    size = (1 + config.zoom) ** grow
    wide = (1 + config.stretch) ** (stretch / 2)
    moves = [
        scaling(1.0, -1.0 if mirrored else 1.0),  # in the line through the two points
        rotation(np.deg2rad(config.rotation) * turn, centre),
        scaling(size * wide, size / wide, centre),
        translation(config.shift * dx, config.shift * dy),
    ]
    if config.jitter:
        moved = POINTS + stream(draw, "jitter").normal(0, config.jitter, (2, 2))
        moves.insert(0, similarity_from_points(POINTS, moved))
    if config.perspective:
        moves.append(tilting(*stream(draw, "perspective").uniform(-config.perspective, config.perspective, 2), about=centre))
    return compose(*moves)
