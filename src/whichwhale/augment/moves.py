"""How a passport moves: one transform of the passport plane, which becomes part of the one warp from the store."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np

from whichwhale.augment.config import GeometryConfig
from whichwhale.augment.draws import Draw, numbers
from whichwhale.geometry import Transform

POINTS = np.array([[0.5, 0.0], [-0.5, 0.0]])  # where the two points lie in the passport plane, whose unit is their distance d


def draw_geometry(config: GeometryConfig, draw: Draw, centre: tuple[float, float]) -> Transform:
    """A random change of the passport plane about `centre` (unit d), plane to plane: float64 [2, 3], [3, 3] with perspective.

    One after another: the jitter of the points; the mirror image in the line through them; rotation, then zoom and stretch about
    the centre; shift; perspective. The rotation happens where heads are not squashed, so a turned head keeps its shape.

    The product is written out in numbers, for matrices of this size cost numpy many times what their numbers do
    (tests/augment/test_moves.py has it as the product of those of `geometry`).
    """
    turn, grow, stretch, dx, dy = draw.uniform(-1, 1, 5).tolist()
    flip = -1.0 if draw.random() < config.mirror else 1.0
    size, wide = (1 + config.zoom) ** grow, (1 + config.stretch) ** (stretch / 2)
    angle, (cx, cy) = radians(config.rotation) * turn, centre
    across, down = size * wide, size / wide
    a, b = across * cos(angle), -across * sin(angle)
    c, d = down * sin(angle), down * cos(angle)
    e, f = cx - a * cx - b * cy + config.shift * dx, cy - c * cx - d * cy + config.shift * dy
    b, d = b * flip, d * flip
    if config.jitter:
        own = numbers(draw, "jitter")
        first, second = (complex(x + own.normal(config.jitter), y + own.normal(config.jitter)) for x, y in POINTS.tolist())
        # The similarity z -> p z + q, points as complex numbers, that takes 0.5 and -0.5 there.
        p, q = first - second, (first + second) / 2
        e, f = a * q.real + b * q.imag + e, c * q.real + d * q.imag + f
        (a, b), (c, d) = (a * p.real + b * p.imag, b * p.real - a * p.imag), (c * p.real + d * p.imag, d * p.real - c * p.imag)
    if not config.perspective:
        return np.array([[a, b, e], [c, d, f]])
    own = numbers(draw, "perspective")
    x, y = own.uniform(-config.perspective, config.perspective), own.uniform(-config.perspective, config.perspective)
    u, v, w = a * x + c * y, b * x + d * y, (e - cx) * x + (f - cy) * y  # `geometry.tilting` about the centre
    return np.array([[a + cx * u, b + cx * v, e + cx * w], [c + cy * u, d + cy * v, f + cy * w], [u, v, 1 + w]])
