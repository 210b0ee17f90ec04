"""The sea over the animal: water line, wash, glitter and blow, each a colour that covers the picture by a soft share.

Shares are drawn on a grid of every fourth pixel and enlarged: they are soft, and a training picture may cost a millisecond. All
but the glitter lie in the passport plane (unit d, points at (0.5, 0) and (-0.5, 0)), where the head is, however it was moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import cos, hypot, pi, sin

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.augment.air import Picture, pale
from whichwhale.augment.draws import Numbers
from whichwhale.augment.moves import POINTS
from whichwhale.geometry import Transform, inverse_rows

Share = NDArray[np.float32]
Colour = tuple[float, float, float]  # RGB, 0 to 255
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
        across, down = _cells(size)
        # As `geometry.apply`, but a row and a column at a time.
        x, y, *depth = (a * across + (b * down + c) for a, b, c in inverse_rows(plane)[: len(plane)])
        return cls(x / depth[0], y / depth[0]) if depth else cls(x, y)

    @cached_property
    def extent(self) -> tuple[float, float]:
        """How far the cells reach along y and along x, d; the farthest are at the corners."""
        corners = ([float(axis[row, column]) for row in (0, -1) for column in (0, -1)] for axis in (self.y, self.x))
        return tuple(max(values) - min(values) for values in corners)

    def texture(self, draw: Numbers, cell: float) -> Share:
        """Smooth noise of about zero mean and unit variance, its bumps `cell` d apart."""
        rows, columns = (int(long / cell) + 3 for long in self.extent)
        return enlarged(draw.window(rows, columns) * np.float32(1.37), self.x.shape[::-1], cv2.INTER_CUBIC)


def waterline(image: Picture, draw: Numbers, place: Place) -> Picture:
    """All beyond a wavy line goes to the colour of the sea: the picture's own at its edges, and a drawn one."""
    angle = draw.uniform(0, 2 * pi)
    x, y = cos(angle), sin(angle)
    reach = hypot(HEAD[0] * x, HEAD[1] * y) * draw.uniform(0.45, 1.0)  # half of the head stays, and mostly more
    beyond = x * place.x + y * place.y
    beyond += 0.04 * place.texture(draw, 0.2)
    edges = [(upper + lower) / 2 for upper, lower in zip(cv2.mean(image[:1]), cv2.mean(image[-1:]), strict=True)]
    drawn, share = pale(draw, 50, 150), draw.uniform(0.2, 0.8)
    colour = tuple(edge + share * (level - edge) for edge, level in zip(edges, drawn, strict=False))
    soft = soft_step(beyond, reach, reach + draw.uniform(0.04, 0.12))
    return covered(image, colour, soft, draw.uniform(0.75, 1.0))


def wash(image: Picture, draw: Numbers, place: Place) -> Picture:
    """White foam with soft, ragged edges over a part of the head, most often of one of its long sides."""
    side = 1 if draw.random() < 0.5 else -1
    centre = draw.uniform(-0.75, 0.6), side * draw.uniform(0.08, 0.4)
    long, short = draw.uniform(0.2, 0.55), draw.uniform(0.08, 0.25)
    u, v = _turned(place, centre, draw.uniform(-0.5, 0.5), (long, short))
    density = 0.5 * place.texture(draw, 0.16)
    density += 0.45 * place.texture(draw, 0.06)
    density -= u * u
    density -= v * v
    white = draw.uniform(205, 250)
    return covered(image, (white - 3, white, white), soft_step(density, -1.0, 0.2), draw.uniform(0.65, 1.0))


def spray(image: Picture, draw: Numbers, place: Place) -> Picture:
    """The blow: a bright cloud that begins at the blowhole, the second point, and drifts where the wind blows."""
    wind, reach = draw.uniform(0, 2 * pi), draw.uniform(0.15, 0.5)
    x, y = POINTS[1].tolist()
    u, v = _turned(place, (x + draw.normal(0.05), y + draw.normal(0.05)), wind, (reach, 0.45 * reach))
    v /= 1 + 0.4 * _between(u, -0.5, 2)
    u -= 0.5
    cloud = np.exp(-u * u - v * v)
    cloud *= 0.8 + 0.3 * place.texture(draw, 0.15)
    white = draw.uniform(195, 245)
    return covered(image, (white, white, white), _between(cloud, 0, 1), draw.uniform(0.4, 0.95))


def glint(image: Picture, draw: Numbers) -> Picture:
    """Sun glitter: specks, or streaks along or across the picture, dense about one place and rarer away from it."""
    height, width = image.shape[:2]
    fine, long = draw.uniform(1.5, 3.0) * max(width, height) / 160, draw.uniform(1.0, 4.0)
    down, across = (fine * long, fine) if draw.random() < 0.3 else (fine, fine * long)
    lattice = enlarged(draw.window(int(height / down) + 2, int(width / across) + 2), (width, height))
    columns, rows = grid_of((width, height))
    x, y = (_bell(n, draw.random(), draw.uniform(0.2, 0.6)) for n in (columns, rows))
    near = enlarged(y[:, None] * x, (width, height))
    # As bytes, 0 to 255, which also bounds them.
    bright = cv2.addWeighted(lattice, 255 / 0.4, near, 1.5 * 255 / 0.4, -draw.uniform(2.0, 2.6) * 255 / 0.4, dtype=cv2.CV_8U)
    return _blended(image, (255, 255, 255), cv2.convertScaleAbs(bright, alpha=draw.uniform(0.6, 1.0)))


def covered(image: Picture, colour: Colour, share: Share, most: float = 1.0) -> Picture:
    """The picture with `most` times `share` [rows, columns], of its grid, of each pixel replaced by `colour`."""
    return _blended(image, colour, cv2.convertScaleAbs(enlarged(share, image.shape[1::-1]), alpha=255 * most))


def _blended(image: Picture, colour: Colour, share: NDArray[np.uint8]) -> Picture:
    """`share` [H, W] of 255. In bytes throughout: half of the time of `cv2.blendLinear`, and within one level of it."""
    share = cv2.merge((share, share, share))
    pixel = bytes(min(max(round(level), 0), 255) for level in colour)
    over = np.frombuffer(pixel * (share.size // 3), np.uint8).reshape(image.shape)  # a tenth of what broadcasting takes
    over = cv2.multiply(over, share, scale=1 / 255)
    return cv2.add(cv2.multiply(image, cv2.bitwise_not(share), scale=1 / 255), over)


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows) of the grid of a picture of `size` (width, height) px."""
    return -(-size[0] // STEP), -(-size[1] // STEP)


@lru_cache(maxsize=16)
def _cells(size: tuple[int, int]) -> tuple[Share, Share]:
    """Where the middles of the grid's columns [columns] and rows [rows, 1] lie in a picture of `size` (width, height), px."""
    across, down = ((np.arange(n) + 0.5) * (side / n) - 0.5 for n, side in zip(grid_of(size), size, strict=True))
    return across.astype(np.float32), down[:, None].astype(np.float32)


def enlarged(values: Share, size: tuple[int, int], how: int = cv2.INTER_LINEAR) -> Share:
    """`values` [rows, columns] stretched to `size` (width, height)."""
    return cv2.resize(values, size, interpolation=how)


def soft_step(values: Share, low: float, high: float) -> Share:
    """0 up to `low`, 1 from `high` on, smooth between (Hermite)."""
    t = _between((values - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def _between(values: Share, low: float, high: float) -> Share:
    return np.minimum(np.maximum(values, low), high)  # quicker than np.clip, for a grid


def _bell(cells: int, centre: float, spread: float) -> Share:
    """A bell over the unit interval, at the middles of its `cells`."""
    away = (np.arange(cells, dtype=np.float32) + (0.5 - centre * cells)) * (1 / (spread * cells))
    return np.exp(-0.5 * away * away)


def _turned(place: Place, centre: tuple[float, float], angle: float, units: tuple[float, float]) -> tuple[Share, Share]:
    """Coordinates of the cells from `centre` (d), along and across a direction `angle` (radians), in `units` (d) of each."""
    c, s = cos(angle), sin(angle)
    dx, dy = place.x - centre[0], place.y - centre[1]
    return dx * (c / units[0]) + dy * (s / units[0]), dy * (c / units[1]) - dx * (s / units[1])
