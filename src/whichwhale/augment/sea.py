"""The sea over the animal: water line, wash, glitter and blow, each a colour that covers the picture by a soft share.

Shares are drawn on a grid of every fourth pixel and enlarged: they are soft, and a training picture may cost a millisecond. All
but the glitter lie in the passport plane (unit d, points at (0.5, 0) and (-0.5, 0)), where the head is, however it was moved.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.augment.air import Picture, pale
from whichwhale.augment.moves import POINTS
from whichwhale.geometry import Transform, invert

Share = NDArray[np.float32]
STEP = 4  # px of the picture a cell of the grid
HEAD = (0.75, 0.3)  # d: half of a head's length and breadth, about


@dataclass(frozen=True, eq=False)
class Place:
    """Where the cells of a picture's grid lie in the passport plane: `x`, `y` float32 [rows, columns], d."""

    x: Share
    y: Share

    @classmethod
    def of(cls, plane: Transform, size: tuple[int, int]) -> Place:
        """For a picture of `size` (width, height) px, into which `plane` brings points of the passport plane."""
        back = invert(plane).astype(np.float32)
        columns, rows = grid_of(size)
        across = (np.arange(columns, dtype=np.float32) + 0.5) * np.float32(size[0] / columns) - 0.5
        down = (np.arange(rows, dtype=np.float32)[:, None] + 0.5) * np.float32(size[1] / rows) - 0.5
        # As `geometry.apply`, but a row and a column at a time.
        x, y, *depth = (a * across + (b * down + c) for a, b, c in back)
        return cls(x / depth[0], y / depth[0]) if depth else cls(x, y)

    def texture(self, draw: np.random.Generator, cell: float) -> Share:
        """Smooth noise of about zero mean and unit variance, its bumps `cell` d apart."""
        rows, columns = (int(np.ptp(axis) / cell) + 3 for axis in (self.y, self.x))
        return enlarged(draw.standard_normal((rows, columns), np.float32) * np.float32(1.37), self.x.shape[::-1], cv2.INTER_CUBIC)


def waterline(image: Picture, draw: np.random.Generator, place: Place) -> Picture:
    """All beyond a wavy line goes to the colour of the sea: the picture's own at its edges, and a drawn one."""
    angle = draw.uniform(0, 2 * np.pi)
    away = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    reach = np.hypot(HEAD[0] * away[0], HEAD[1] * away[1]) * draw.uniform(0.45, 1.0)  # half of the head stays, and mostly more
    beyond = place.x * away[0] + place.y * away[1] - np.float32(reach) + 0.04 * place.texture(draw, 0.2)
    edges = image[[0, -1]].mean((0, 1))
    colour = edges + draw.uniform(0.2, 0.8) * (pale(draw, 50, 150) - edges)
    return covered(image, colour, soft_step(beyond, 0.0, draw.uniform(0.04, 0.12)) * np.float32(draw.uniform(0.75, 1.0)))


def wash(image: Picture, draw: np.random.Generator, place: Place) -> Picture:
    """White foam with soft, ragged edges over a part of the head, most often of one of its long sides."""
    side = 1 if draw.random() < 0.5 else -1
    centre = draw.uniform(-0.75, 0.6), side * draw.uniform(0.08, 0.4)
    radii = draw.uniform(0.2, 0.55), draw.uniform(0.08, 0.25)
    u, v = _turned(place, centre, draw.uniform(-0.5, 0.5))
    rough = 0.5 * place.texture(draw, 0.16) + 0.45 * place.texture(draw, 0.06)
    density = 1 - (u / np.float32(radii[0])) ** 2 - (v / np.float32(radii[1])) ** 2 + rough
    white = draw.uniform(205, 250)
    return covered(image, np.array([white - 3, white, white]), soft_step(density, 0.0, 1.2) * np.float32(draw.uniform(0.65, 1.0)))


def spray(image: Picture, draw: np.random.Generator, place: Place) -> Picture:
    """The blow: a bright cloud that begins at the blowhole, the second point, and drifts where the wind blows."""
    wind, reach = draw.uniform(0, 2 * np.pi), draw.uniform(0.15, 0.5)
    along, across = _turned(place, POINTS[1] + draw.normal(0, 0.05, 2), wind)
    u = along / np.float32(reach)
    v = across / (np.float32(0.45 * reach) * (1 + 0.4 * np.clip(u, -0.5, 2)))
    cloud = np.exp(-((u - 0.5) ** 2) - v * v) * (0.8 + 0.3 * place.texture(draw, 0.15))
    white = draw.uniform(195, 245)
    return covered(image, np.full(3, white), np.clip(cloud, 0, 1) * np.float32(draw.uniform(0.4, 0.95)))


def glint(image: Picture, draw: np.random.Generator) -> Picture:
    """Sun glitter: specks, or streaks along or across the picture, dense about one place and rarer away from it."""
    height, width = image.shape[:2]
    fine, long = draw.uniform(1.5, 3.0) * max(width, height) / 160, draw.uniform(1.0, 4.0)
    down, across = (fine * long, fine) if draw.random() < 0.3 else (fine, fine * long)
    lattice = draw.standard_normal((int(height / down) + 2, int(width / across) + 2), np.float32)
    columns, rows = grid_of((width, height))
    centre, spread = draw.random(2), draw.uniform(0.2, 0.6, 2)
    x, y = ((np.arange(n) + 0.5) / n for n in (columns, rows))
    near = np.outer(np.exp(-0.5 * ((y - centre[1]) / spread[1]) ** 2), np.exp(-0.5 * ((x - centre[0]) / spread[0]) ** 2))
    near = enlarged(near.astype(np.float32), (width, height))
    bright = enlarged(lattice, (width, height)) + 1.5 * near - np.float32(draw.uniform(2.0, 2.6))
    return _blended(image, np.full(3, 255.0), np.clip(bright / 0.4, 0, 1) * np.float32(draw.uniform(0.6, 1.0)))


def covered(image: Picture, colour: NDArray, share: Share) -> Picture:
    """The picture with `share` [rows, columns], of its grid, of each pixel replaced by `colour` [3]."""
    return _blended(image, colour, enlarged(share, image.shape[1::-1]))


def _blended(image: Picture, colour: NDArray, share: Share) -> Picture:
    pixel = np.rint(colour).clip(0, 255).astype(np.uint8).tobytes()
    over = np.frombuffer(pixel * share.size, np.uint8).reshape(image.shape)  # ten times as quick as broadcasting three bytes
    return cv2.blendLinear(image, over, 1 - share, share)


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows) of the grid of a picture of `size` (width, height) px."""
    return -(-size[0] // STEP), -(-size[1] // STEP)


def enlarged(values: Share, size: tuple[int, int], how: int = cv2.INTER_LINEAR) -> Share:
    """`values` [rows, columns] stretched to `size` (width, height)."""
    return cv2.resize(values, size, interpolation=how)


def soft_step(values: Share, low: float, high: float) -> Share:
    """0 up to `low`, 1 from `high` on, smooth between (Hermite)."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _turned(place: Place, centre: tuple[float, float] | NDArray, angle: float) -> tuple[Share, Share]:
    """Coordinates of the cells from `centre` (d), along and across a direction `angle` (radians)."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dx, dy = place.x - np.float32(centre[0]), place.y - np.float32(centre[1])
    return dx * c + dy * s, dy * c - dx * s
