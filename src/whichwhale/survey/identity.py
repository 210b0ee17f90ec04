"""Who a whale is: its callosity pattern, scars and build, drawn from a generator keyed by (seed, whale) and nothing else.

A pattern is a set of raised patches in skin coordinates (unit d): x along the spine (blowhole 0, bonnet tip 1), q the way round
the skin from the midline, positive to the right. The parts are those of the field's photo-identification (Kraus et al. 1986,
Rep. Int. Whal. Commn (Special) 10): bonnet, rostral islands or a continuous strip, coaming, post-blowhole callosities,
eyebrows, lip and chin callosities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTINUOUS, UNCLEAR, BROKEN = 0, 1, 2
# Shares of the three types among the real labelled photos (callosity.csv: 1835, 36, 1733).
TYPE_SHARES = {CONTINUOUS: 0.509, UNCLEAR: 0.010, BROKEN: 0.481}
STRIP_KNOTS = 9


@dataclass(frozen=True)
class Whale:
    """One animal. `patches` [n, 6]: x, q, half length, half breadth, angle (radians), strength of the ragged edge; `strip`
    [STRIP_KNOTS, 3]: x, middle q, half breadth of the strip between coaming and bonnet, breadth ≤ 0 where it is broken;
    `scars` [m, 6]: x, q of both ends, half breadth, brightness; `blotches` [k, 5]: x, q, half length, half breadth,
    brightness.
    """

    key: tuple[int, int]
    callosity: int
    patches: NDArray[np.float64]
    strip: NDArray[np.float64]
    scars: NDArray[np.float64]
    blotches: NDArray[np.float64]
    cream: NDArray[np.float64]  # albedo of the callosities, linear RGB
    skin: NDArray[np.float64]  # albedo of the skin, linear RGB
    mottling: float
    plump: float

    @staticmethod
    def draw(seed: int, number: int) -> Whale:
        """The whale `number` of the survey `seed`."""
        rng = np.random.default_rng([seed, 1, number])
        kind = int(rng.choice(list(TYPE_SHARES), p=list(TYPE_SHARES.values())))
        patches = [*_bonnet(rng), *_islands(rng, kind), *_coaming(rng), *_eyebrows(rng), *_lips(rng), *_behind(rng)]
        skin = np.array([0.056, 0.051, 0.053]) * math.exp(0.20 * rng.standard_normal()) * (1 + rng.normal(0, 0.04, 3))
        cream = (
            np.array([0.92, 0.88, 0.82])
            * rng.uniform(0.85, 1.05)
            * np.array([1, 1 - abs(rng.normal(0, 0.03)), 1 - abs(rng.normal(0, 0.08))])
        )
        return Whale(
            (seed, number), kind, np.array(patches), _strip(rng, kind), _scars(rng), _blotches(rng), cream, skin,
            float(rng.gamma(2.0, 0.5)), float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.2)),
        )  # fmt: skip

    def texture_rng(self) -> np.random.Generator:
        """Generator for what the pattern's numbers leave open (ragged edges, grain): the same for every photo of this whale."""
        return np.random.default_rng([self.key[0], 2, self.key[1]])


def _bonnet(rng: np.random.Generator) -> list[list[float]]:
    """The callosity at the tip of the rostrum: one main body and up to three lobes."""
    length, breadth = rng.uniform(0.06, 0.13), rng.uniform(0.065, 0.115)
    x = 1.02 - length * rng.uniform(0.75, 1.0)
    patches = [[x, rng.normal(0, 0.01), length, breadth, rng.normal(0, 0.2), rng.uniform(0.2, 0.5)]]
    for _ in range(rng.integers(0, 4)):
        patches.append(
            [
                x + rng.normal(0, 0.07),
                rng.normal(0, 0.06),
                rng.uniform(0.025, 0.06),
                rng.uniform(0.02, 0.05),
                rng.uniform(-1, 1),
                0.4,
            ]
        )
    return patches


def _islands(rng: np.random.Generator, kind: int) -> list[list[float]]:
    """Islands between bonnet and coaming; a continuous pattern has few, beside its strip."""
    count = rng.integers(0, 3) if kind == CONTINUOUS else rng.integers(1, 7)
    reach = 0.085 if kind == CONTINUOUS else 0.05
    sizes = [rng.uniform(0.012, 0.03) if kind == CONTINUOUS else rng.uniform(0.018, 0.055) for _ in range(count)]
    return [
        [rng.uniform(0.26, 0.80), rng.normal(0, reach), size * rng.uniform(0.8, 2.0), size, rng.normal(0, 0.4), 0.4]
        for size in sizes
    ]


def _strip(rng: np.random.Generator, kind: int) -> NDArray[np.float64]:
    x = np.linspace(0.14, 0.92, STRIP_KNOTS)
    breadth = rng.uniform(0.035, 0.085) * np.exp(0.38 * rng.standard_normal(STRIP_KNOTS))
    if rng.random() < 0.5:  # tapers toward the blowholes
        breadth *= np.linspace(0.55, 1.1, STRIP_KNOTS)
    if kind == BROKEN:
        first = rng.uniform(0.14, 0.65)
        gap = (x > first) & (x < first + rng.uniform(0.2, 0.6))
        breadth = np.where(gap | (rng.random() < 0.55), -0.05, breadth)
    elif kind == UNCLEAR:
        breadth = breadth * 0.35 * rng.uniform(0, 1, STRIP_KNOTS)
    return np.column_stack([x, rng.normal(0, 0.014, STRIP_KNOTS), np.minimum(breadth, 0.12)])


def _coaming(rng: np.random.Generator) -> list[list[float]]:
    """In front of the blowholes: a heap, two arms in a V, or both."""
    patches = []
    if rng.random() < 0.75:
        patches.append(
            [
                rng.uniform(0.11, 0.20),
                rng.normal(0, 0.02),
                rng.uniform(0.03, 0.075),
                rng.uniform(0.03, 0.10),
                rng.normal(0, 0.3),
                0.45,
            ]
        )
    if rng.random() < 0.5:
        for side in (-1, 1):
            patches.append(
                [
                    rng.uniform(0.05, 0.14),
                    side * rng.uniform(0.05, 0.11),
                    rng.uniform(0.03, 0.09),
                    rng.uniform(0.015, 0.035),
                    -side * rng.uniform(0.3, 0.9),
                    0.45,
                ]
            )
    return patches


def _behind(rng: np.random.Generator) -> list[list[float]]:
    """Post-blowhole callosities: small heaps behind the blowholes."""
    return [
        [rng.uniform(-0.32, -0.09), rng.normal(0, 0.08), rng.uniform(0.015, 0.04), rng.uniform(0.015, 0.045), 0.0, 0.4]
        for _ in range(rng.integers(0, 4))
    ]


def _eyebrows(rng: np.random.Generator) -> list[list[float]]:
    return [
        [rng.uniform(-0.06, 0.16), side * rng.uniform(0.34, 0.44), rng.uniform(0.04, 0.14), rng.uniform(0.015, 0.04), side *
        rng.normal(0.1, 0.15), 0.5]
        for side in (-1, 1) if rng.random() < 0.8
    ]  # fmt: skip


def _lips(rng: np.random.Generator) -> list[list[float]]:
    """Along the crest of the lower lips, on the chin and in a row along the jaw."""
    patches = []
    crest = rng.random() < 0.55
    for side in (-1, 1):
        if crest:
            for _ in range(rng.integers(1, 5)):
                x = rng.uniform(0.25, 0.85)
                patches.append(
                    [
                        x,
                        side * rng.uniform(0.27, 0.34) * (1.15 - 0.45 * x),
                        rng.uniform(0.03, 0.15),
                        rng.uniform(0.012, 0.035),
                        -side * 0.15,
                        0.6,
                    ]
                )
        for _ in range(rng.integers(0, 3)):
            patches.append(
                [
                    rng.uniform(1.0, 1.10),
                    side * rng.uniform(0.06, 0.22),
                    rng.uniform(0.03, 0.065),
                    rng.uniform(0.03, 0.06),
                    rng.uniform(-1, 1),
                    0.5,
                ]
            )
        for _ in range(rng.integers(0, 6)):
            x = rng.uniform(0.1, 1.0)
            patches.append(
                [
                    x,
                    side * (0.60 - 0.28 * x) * rng.uniform(0.85, 1.25),
                    rng.uniform(0.01, 0.03),
                    rng.uniform(0.01, 0.025),
                    0.0,
                    0.3,
                ]
            )
    return patches


def _scars(rng: np.random.Generator) -> NDArray[np.float64]:
    """Pale lines of ropes, propellers and each other; most whales have some."""
    scars = []
    for _ in range(rng.poisson(2.5)):
        x, q, angle, length = rng.uniform(-3.6, 0.9), rng.normal(0, 0.22), rng.uniform(0, math.pi), rng.gamma(2.0, 0.12)
        scars.append(
            [x, q, x + length * math.cos(angle), q + length * math.sin(angle), rng.uniform(0.006, 0.02), rng.uniform(0.1, 0.45)]
        )
    if rng.random() < 0.3:  # a rope scar round the peduncle
        x = rng.uniform(-4.0, -3.3)
        scars.append([x, -0.3, x + rng.normal(0, 0.08), 0.3, rng.uniform(0.02, 0.05), rng.uniform(0.2, 0.5)])
    return np.array(scars).reshape(-1, 6)


def _blotches(rng: np.random.Generator) -> NDArray[np.float64]:
    """Pale areas of sloughing skin."""
    rows = [
        [rng.uniform(-3.2, 0.2), rng.normal(0, 0.3), rng.gamma(2.0, 0.06), rng.gamma(2.0, 0.03), rng.uniform(0.05, 0.25)]
        for _ in range(rng.poisson(3.0))
    ]
    return np.array(rows).reshape(-1, 5)
