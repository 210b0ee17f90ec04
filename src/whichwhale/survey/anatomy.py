"""The shape of a right whale, as a surface. Unit: d, the distance from bonnet tip to blowhole.

Own frame of the animal: x forward along the spine with the blowhole at 0 and the bonnet tip at 1, y to its right when seen from
above (so that, with image axes x right and y down, a whale that heads right shows its right side below), z up, 0 at the
blowhole. Trunk and head are one surface over (s, theta): s is the way along the back from the tip of the jaw, theta the angle
round the spine (0 on the back, positive to the right). Proportions are read from photos taken straight from above: body about
5.2 d, head about a quarter, widest (1.28 d) behind the flippers, rostrum 0.2 d wide between lips that arch up beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Array = NDArray[np.floating]

TIP, ROUNDING = 1.14, 0.22  # x of the jaw's tip; length over which the snout rounds off
TRUNK_END = 5.40  # s at the flukes
HEAD_END = 1.80  # s where the finely textured head gives way to the trunk
THETA_LIMIT = 2.5  # radians to each side; the belly is never seen

_S = [0.0, 0.1, 0.22, 0.4, 0.74, 1.04, 1.24, 1.5, 1.8, 2.2, 2.8, 3.4, 4.0, 4.6, 5.0, 5.4]
_HALF_WIDTH = PchipInterpolator(
    _S, [0.0, 0.12, 0.22, 0.30, 0.375, 0.42, 0.445, 0.48, 0.53, 0.60, 0.64, 0.57, 0.40, 0.20, 0.11, 0.08]
)
_TOP = PchipInterpolator(
    _S, [-0.42, -0.33, -0.29, -0.25, -0.18, -0.14, -0.11, -0.10, -0.07, -0.01, 0.02, -0.05, -0.16, -0.27, -0.33, -0.36]
)
_X = [-0.6, -0.3, 0.0, 0.15, 0.3, 0.5, 0.8, 0.95, 1.03, 1.07, 1.2]
_RIDGE = PchipInterpolator(_X, [0.0, 0.035, 0.11, 0.14, 0.155, 0.16, 0.16, 0.15, 0.11, 0.0, 0.0])
_ROSTRUM = PchipInterpolator(_X, [0.42, 0.34, 0.23, 0.165, 0.13, 0.112, 0.122, 0.128, 0.11, 0.08, 0.05])


def along(s: Array) -> Array:
    """x at the way s along the back: quadratic at the snout, so that equal steps in s are equal steps on the skin."""
    return np.where(s < ROUNDING, TIP - s**2 / (2 * ROUNDING), TIP + ROUNDING / 2 - s)


def way(x: float) -> float:
    """Inverse of `along` behind the snout's rounding."""
    return TIP + ROUNDING / 2 - x


def half_width(s: Array) -> Array:
    """Half width of the animal at the way s."""
    return _HALF_WIDTH(s)


def rostrum_half_width(x: Array) -> Array:
    """Half width of the rostrum at x."""
    return _ROSTRUM(np.clip(x, _X[0], _X[-1]))


def _ease(t: Array) -> Array:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def trunk(s: Array, theta: Array, plump: float = 1.0) -> tuple[Array, Array, Array]:
    """x, y, z on the skin, each [rows, columns], from s [rows, 1] and theta [1, columns]; `plump` scales the trunk's breadth."""
    x = along(s)
    behind = _ease((s - HEAD_END) / 0.5)
    half = half_width(s) * (1 + (plump - 1) * behind)
    sine, cosine = np.sin(theta), np.cos(theta)
    y = half * sine
    z = _TOP(s) + 0.95 * half * (cosine - 1)
    head = _ease((x + 0.45) / 0.35)  # 1 on the head, 0 on the trunk
    if head.max() > 0:
        upper = _ease(cosine / 0.3)
        rostrum = rostrum_half_width(x)
        outside = np.abs(y) - rostrum
        ridge = _ease(0.5 - outside / 0.07)
        groove = np.exp(-((outside - 0.05) ** 2) / (2 * 0.028**2)) * _ease((x - 0.02) / 0.2) * _ease((1.06 - x) / 0.1)
        lip = np.exp(-((np.abs(theta) - 0.80) ** 2) / (2 * 0.26**2)) * _ease((x - 0.02) / 0.35) * _ease((1.1 - x) / 0.25)
        z = z + _RIDGE(np.clip(x, _X[0], _X[-1])) * ridge * upper + head * upper * (0.11 * lip - 0.09 * groove)
    return np.broadcast_to(x, z.shape), np.broadcast_to(y, z.shape), z


def landmarks() -> Array:
    """Bonnet tip and blowhole [2, 3] on the midline of the skin."""
    points = []
    for x in (1.0, 0.0):
        xs, ys, zs = trunk(np.array([[way(x)]]), np.array([[0.0]]))
        points.append((float(xs[0, 0]), float(ys[0, 0]), float(zs[0, 0])))
    return np.array(points)


def fluke(rows: int, columns: int) -> tuple[Array, Array, Array]:
    """Both flukes: x, y, z [rows, columns]; rows from leading to trailing edge, columns from left to right tip."""
    t = np.linspace(-1, 1, columns)[None]
    v = np.linspace(0, 1, rows)[:, None]
    lead = -4.0 - 0.42 * np.abs(t) ** 1.25
    trail = -4.52 + 0.07 * np.exp(-((t / 0.07) ** 2)) + 0.02 * np.abs(t) + 0.06 * np.sin(np.pi * np.abs(t)) ** 2
    x = lead + (np.minimum(trail, lead) - lead) * v
    return x, np.broadcast_to(0.80 * t, x.shape), np.full_like(x, -0.40) - 0.04 * t**2


def flipper(rows: int, columns: int, side: int, sweep: float, droop: float) -> tuple[Array, Array, Array]:
    """One flipper (side −1 left, 1 right): a paddle that points outwards, swept back by `sweep` and down by `droop` (radians)."""
    u = np.linspace(0, 1, columns)[None]
    v = np.linspace(-1, 1, rows)[:, None]
    chord = 0.12 + 0.11 * np.sin(np.pi * np.clip(u * 0.95 + 0.03, 0, 1)) - 0.09 * u**3
    reach = 0.25 + 0.66 * u + 0.0 * v
    back = chord * v + 0.05 * u
    out = reach * np.cos(sweep) - back * np.sin(sweep)
    rear = reach * np.sin(sweep) + back * np.cos(sweep)
    return -0.45 - rear, side * (0.22 + out * np.cos(droop)), -0.54 - out * np.sin(droop)
