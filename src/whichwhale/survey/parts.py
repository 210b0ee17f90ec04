"""Where an animal's named parts are in a photo: upright boxes round what can be seen of them, from the surfaces that are drawn.

A person draws such a box round what shows. Skin that another part hides, that lies outside the photo, or so deep that it hardly
differs from the sea, does not count. Waves, foam and blow do: one draws the box through them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import anatomy
from whichwhale.survey.conditions import Light, Sea
from whichwhale.survey.identity import Whale
from whichwhale.survey.pose import View
from whichwhale.survey.scene import ABSORPTION

Box = tuple[float, float, float, float]  # x, y, width, height, pixels of the photo

NAMES = ("head", "flipper_left", "flipper_right", "fluke", "callosities")
LEVELS = 10.0  # of 255: by how much skin under water must differ from the sea to be seen
SHARE = 0.2  # least part of a surface's points that must be seen
SIDE = 0.004  # least side of a box, of the photo's width
SAMPLES = 16  # points per d
CELL = 0.08  # d: how finely it is decided what hides what
ABOVE = 0.02  # d: how much nearer to the camera a surface must be to hide another


@dataclass(frozen=True, eq=False)
class _Surface:
    """Points of one surface in the photo: pixels [N, 2], nearness [N] (d), `clear` [N] whether they face the camera and the water
    lets them be seen; `up` [N] those that count as its area; `body` names what moves as one (a surface does not hide its own
    body)."""

    part: str
    body: str
    pixels: NDArray[np.float64]
    near: NDArray[np.float64]
    clear: NDArray[np.bool_]
    up: NDArray[np.bool_]


def boxes(animals: Sequence[tuple[View, Whale]], sea: Sea, light: Light, size: tuple[int, int]) -> list[dict[str, Box]]:
    """For each animal, in the order in which they are drawn (later ones cover earlier ones), the box of each part that is seen.

    `size` is the photo's (width, height).
    """
    surfaces = [_surfaces(view, whale, sea, light) for view, whale in animals]
    cell = max(CELL * min((view.scale for view, _ in animals), default=1.0), 1.0)
    shape = (int(size[1] // cell) + 1, int(size[0] // cell) + 1)
    fronts = [{body: _front(own, body, cell, shape) for body in {one.body for one in own}} for own in surfaces]
    found = []
    for number, own in enumerate(surfaces):
        covered = np.full(shape, -np.inf)
        for later in fronts[number + 1 :]:
            for front in later.values():
                covered[np.isfinite(front)] = np.inf
        mine = {}
        for one in own:
            if one.part not in NAMES:
                continue
            others = [front for body, front in fronts[number].items() if body != one.body]
            box = _box(one, np.maximum.reduce([covered, *others]), cell, size)
            if box is not None:
                mine[one.part] = box
        if "callosities" in mine:  # pale: in dark water all that is seen of the head
            mine["head"] = _both(mine.get("head", mine["callosities"]), mine["callosities"])
        found.append({part: mine[part] for part in NAMES if part in mine})
    return found


def difference(depth: NDArray, albedo: NDArray, sea: Sea, light: Light) -> NDArray[np.float64]:
    """By how many levels (of 255, the largest of three colours) a surface of this albedo [3] at a depth [...] (d) differs from
    the open
    sea: what scene.py draws, without waves and camera.
    """
    depth = np.maximum(np.asarray(depth, np.float64), 0)[..., None]
    deep = 0.78 * sea.colour
    mirrored = 0.25 * (0.55 * sea.colour + 0.45 * sea.colour.mean())
    lit = albedo * (0.7 * light.sun + 0.8 * light.sky)
    below = lit * np.exp(-2.0 * sea.murk * ABSORPTION * depth) + deep * (1 - np.exp(-1.1 * sea.murk * depth))
    seen = [(1 - light.haze) * light.exposure * (one + mirrored) + light.haze * light.veil for one in (below, deep)]
    shown = [255 * np.sqrt(np.clip(one, 0, 1)) for one in seen]
    return np.abs(shown[0] - shown[1]).max(-1)


def _surfaces(view: View, whale: Whale, sea: Sea, light: Light) -> list[_Surface]:
    def surface(part: str, body: str, world: tuple[NDArray, ...], facing=True, up=None, albedo=whale.skin) -> _Surface:
        px, py, near = view.pixels(*world)
        clear = ((world[2] > 0) | (difference(-world[2], albedo, sea, light) >= LEVELS)) & facing
        area = np.ones(near.shape, bool) if up is None else up
        return _Surface(part, body, np.column_stack([px.ravel(), py.ravel()]), near.ravel(), clear.ravel(), area.ravel())

    theta = np.linspace(-anatomy.THETA_LIMIT, anatomy.THETA_LIMIT, 2 * SAMPLES + 1)[None]
    found = []
    for part, start, end in (("head", 0.0, anatomy.HEAD_END), ("trunk", anatomy.HEAD_END, anatomy.TRUNK_END)):
        s = np.linspace(start, end, round((end - start) * SAMPLES) + 1)[:, None]
        up = np.broadcast_to(np.abs(theta) < np.pi / 2, (s.size, theta.size))
        found.append(surface(part, "trunk", *_skin(view, s, theta, whale.plump), up))
    patches = _skin(view, *_on_skin(*_callosity_points(whale)), whale.plump)
    found.append(surface("callosities", "trunk", *patches, albedo=0.6 * whale.cream))
    found.append(surface("fluke", "fluke", view.ground(*anatomy.fluke(SAMPLES, 2 * SAMPLES + 1))))
    for index, (side, part) in enumerate(((-1, "flipper_left"), (1, "flipper_right"))):
        paddle = anatomy.flipper(SAMPLES, SAMPLES, side, view.pose.sweep[index], view.pose.droop[index])
        found.append(surface(part, part, view.ground(*paddle)))  # flat: both sides are seen
    return found


def _skin(view: View, s: NDArray, theta: NDArray, plump: float) -> tuple[tuple[NDArray, ...], NDArray[np.bool_]]:
    """Points of trunk and head in the world, and whether they face the camera."""
    step = 1e-3
    here, behind, beside = (
        np.stack(view.ground(*anatomy.trunk(s + ds, theta + dt, plump))) for ds, dt in ((0.0, 0.0), (step, 0.0), (0.0, step))
    )
    outward = np.cross(beside - here, behind - here, axis=0)
    eye = np.array([0.0, np.sin(view.camera.tilt), np.cos(view.camera.tilt)])
    return tuple(here), np.tensordot(eye, outward, 1) > 0


def _callosity_points(whale: Whale) -> tuple[NDArray, NDArray]:
    """x and q on the skin, [N] each, of the outlines of all patches and of the strip."""
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)[None]
    x, q, length, breadth, angle = whale.patches[:, :5].T[..., None]
    u, v = length * np.cos(turn), breadth * np.sin(turn)
    xs, qs = x + u * np.cos(angle) - v * np.sin(angle), q + u * np.sin(angle) + v * np.cos(angle)
    knots = whale.strip[whale.strip[:, 2] > 0.004]
    strip_q = np.concatenate([knots[:, 1] - knots[:, 2], knots[:, 1] + knots[:, 2]])
    return np.concatenate([xs.ravel(), np.tile(knots[:, 0], 2)]), np.concatenate([qs.ravel(), strip_q])


def _on_skin(x: NDArray, q: NDArray) -> tuple[NDArray, NDArray]:
    """s and theta of skin coordinates: the inverse of what skin.py draws with."""
    rounding = np.sqrt(2 * anatomy.ROUNDING * np.maximum(anatomy.TIP - x, 0))
    s = np.where(rounding < anatomy.ROUNDING, rounding, anatomy.way(x))
    theta = q / np.maximum(anatomy.half_width(s), 0.02)
    return s, np.clip(theta, -anatomy.THETA_LIMIT, anatomy.THETA_LIMIT)


def _front(surfaces: Sequence[_Surface], body: str, cell: float, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The nearest that a body comes to the camera in each cell [rows, columns]; −inf where it is not."""
    front = np.full(shape, -np.inf)
    for one in surfaces:
        if one.body == body:
            row, column, inside = _cells(one, cell, shape)
            np.maximum.at(front, (row[inside], column[inside]), one.near[inside])
    return front


def _cells(surface: _Surface, cell: float, shape: tuple[int, int]) -> tuple[NDArray, NDArray, NDArray]:
    column, row = np.floor((surface.pixels.T + 0.5) / cell).astype(np.int64)
    return row, column, (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])


def _box(surface: _Surface, before: NDArray[np.float64], cell: float, size: tuple[int, int]) -> Box | None:
    row, column, inside = _cells(surface, cell, before.shape)
    edge = np.array(size) - 0.5
    seen = inside & ((surface.pixels >= -0.5) & (surface.pixels <= edge)).all(1) & surface.clear
    seen[seen] &= before[row[seen], column[seen]] <= surface.near[seen] + ABOVE
    if not (seen & surface.up).sum() >= SHARE * surface.up.sum():
        return None
    points = surface.pixels[seen]
    low, high = points.min(0), points.max(0)
    if (high - low).min() < SIDE * size[0]:
        return None
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _both(a: Box, b: Box) -> Box:
    low = min(a[0], b[0]), min(a[1], b[1])
    high = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return *low, high[0] - low[0], high[1] - low[1]
