"""Callosity patterns with the variety of real ones: who a whale is in a lifelike survey, and nothing else about it.

Along the rostrum a pattern has two edges, drawn apart: a bonnet (round to teardrop), a waist of any breadth, a heap at the
coaming, joined or broken. What hangs on to them or lies about are patches: tongues that run back from the bonnet, lobes, islands,
arms beside the blowholes, heaps behind them, bands or rows on the lips, chin patches. Skin coordinates and parts as in
identity.py; breadths are those of real head crops as looked at side by side, not a fit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from whichwhale.survey.identity import BROKEN, CONTINUOUS, TYPE_SHARES, Whale

KNOTS = 147  # along the rostrum, 0.007 d apart
FROM, TO = 0.02, 1.045
NECK = 0.011  # half breadth (d) of a joined pattern where it is narrowest
HEAP = 0.27  # x up to which the heap at the coaming may reach
GONE = -0.05  # half breadth where there is none
# Whales are told by their patterns alone: skin, colour of the lice and build are each photo's own (lifelike.py).
SKIN, CREAM = np.array([0.05, 0.05, 0.05]), np.array([0.8, 0.77, 0.7])

Row = list[float]
Profile = NDArray[np.float64]


def draw(seed: int, number: int) -> Whale:
    """The whale `number` of the lifelike survey `seed`, from streams of its own: it is no whale of the usual survey."""
    rng = np.random.default_rng([seed, 11, number])
    kind = int(rng.choice(list(TYPE_SHARES), p=list(TYPE_SHARES.values())))
    strip, reach = _strip(rng, kind)
    patches = [
        *_bonnet(rng, reach), *_islands(rng, kind, strip, reach), *_dots(rng), *_coaming(rng), *_behind(rng), *_eyebrows(rng),
        *_lips(rng), *_chin(rng),
    ]  # fmt: skip
    # Whales must not be told by scars and blotches, which come and go with the years.
    scars, blotches = np.empty((0, 6)), np.empty((0, 5))
    return Whale((seed, number), kind, np.array(patches), strip, scars, blotches, CREAM, SKIN, 0.0, 1.0)


def _wave(rng: np.random.Generator, length: float) -> Profile:
    """Noise of unit variance along the rostrum that bends within `length` d."""
    x = np.linspace(FROM, TO, KNOTS)
    nodes = np.arange(FROM - length, TO + 2 * length, length)
    return np.interp(x, nodes, rng.standard_normal(len(nodes)) * 1.22)


def _strip(rng: np.random.Generator, kind: int) -> tuple[NDArray[np.float64], float]:
    """Edges along the rostrum as `Whale.strip` has them, and the x at which the bonnet begins."""
    x = np.linspace(FROM, TO, KNOTS)
    length, breadth = rng.uniform(0.16, 0.44), rng.uniform(0.048, 0.105)
    front = rng.uniform(1.005, 1.04)
    reach = front - length
    bonnet = _teardrop((front - x) / length, rng.uniform(0.25, 0.65), rng.uniform(1.6, 3.2), rng.uniform(1.2, 4.0)) * breadth

    heap, start = np.full(KNOTS, GONE), rng.uniform(0.07, 0.26)
    if rng.random() < 0.8:
        middle, half = rng.uniform(0.08, 0.19), rng.uniform(0.03, 0.08)
        inside = 1 - np.abs((x - middle) / half) ** rng.uniform(1.2, 2.5)
        heap = np.where(inside > 0, rng.uniform(0.025, 0.125) * np.maximum(inside, 0) ** rng.uniform(0.3, 0.9), GONE)
        start = min(start, middle) if kind == CONTINUOUS else start
    waist = float(np.clip(math.exp(rng.normal(math.log(0.040), 0.40)), 0.014, 0.085))
    waist = waist * np.exp(0.26 * _wave(rng, rng.uniform(0.09, 0.3))) * np.linspace(rng.uniform(0.45, 1.2), 1.0, KNOTS)
    waist = np.maximum(waist, NECK)
    if kind != CONTINUOUS:
        waist = np.where(_gaps(rng, x, start, reach, kind), GONE, waist)
    waist = np.where((x > start) & (x < reach + 0.5 * length), waist, GONE)

    both = _rounded(rng, x, np.max([bonnet, waist, heap], axis=0))
    ragged, fine = rng.uniform(0.05, 0.28), rng.uniform(0.0, 0.12)
    sides = [both * np.exp(ragged * _wave(rng, rng.uniform(0.05, 0.16)) + fine * _wave(rng, 0.03)) for _ in range(2)]
    left, right = (np.where(both > 0, np.clip(side, 0.004, 0.13), GONE) for side in sides)
    middle = rng.uniform(0.002, 0.011) * _wave(rng, rng.uniform(0.2, 0.4)) + (right - left) / 2
    return np.column_stack([x, middle, (left + right) / 2]), reach


def _rounded(rng: np.random.Generator, x: Profile, breadth: Profile) -> Profile:
    """The same half breadths, each stretch with round ends."""
    there = np.concatenate([[False], breadth > 0, [False]])
    ends = np.flatnonzero(there[1:] != there[:-1]).reshape(-1, 2)
    breadth = breadth.copy()
    for first, behind in ends:
        one = slice(first, behind)
        length = (behind - first) * (x[1] - x[0])
        radius = min(float(np.median(breadth[one])) * rng.uniform(0.7, 1.6), length / 2)
        for way in (x[one] - x[first], x[behind - 1] - x[one]):
            breadth[one] *= np.sqrt(1 - (1 - np.clip((way + 0.002) / radius, 0, 1)) ** 2)
    return breadth


def _teardrop(t: Profile, widest: float, power: float, tail: float) -> Profile:
    """1 at t = `widest`, 0 (or less) outside 0 to 1: blunt in front, behind blunt or drawn out."""
    front = np.clip(1 - np.clip(1 - t / widest, 0, 1) ** power, 0, 1) ** (1 / power)
    behind = np.clip(1 - np.clip((t - widest) / (1 - widest), 0, 1) ** tail, 0, 1) ** (1 / max(tail, 1.5))
    return np.where((t <= 0) | (t >= 1), GONE, np.where(t < widest, front, behind))


def _gaps(rng: np.random.Generator, x: Profile, start: float, reach: float, kind: int) -> NDArray[np.bool_]:
    """Where the strip between coaming and bonnet is missing: all of it, one long part, or several short ones."""
    style = rng.choice(["bare", "gap", "chain"], p=[0.4, 0.3, 0.3]) if kind == BROKEN else "chain"
    if style == "bare":
        return (x > start) & (x < reach + 0.02)
    if style == "gap":
        first = rng.uniform(max(start + 0.06, HEAP - 0.05), reach - 0.06)
        return (x > first) & (x < first + rng.uniform(0.09, 0.4))
    middles = rng.uniform(max(start + 0.09, HEAP + 0.03), reach - 0.02, rng.integers(2, 5) if kind == BROKEN else 1)
    halves = rng.uniform(0.016, 0.05, len(middles)) if kind == BROKEN else np.array([0.012])
    return (np.abs(x[:, None] - middles) < halves).any(1)


def _bonnet(rng: np.random.Generator, reach: float) -> list[Row]:
    """What hangs on to the bonnet: tongues that run back along the rostrum's edges, and lobes."""
    rows: list[Row] = [[1.0, 0.0, 0.03, 0.03, 0.0, 0.3]]
    for side in (-1, 1):
        if rng.random() < 0.33:
            half = rng.uniform(0.05, 0.16)
            rows.append([
                reach + 0.07 - half * rng.uniform(0.3, 0.9), side * rng.uniform(0.035, 0.08), half, rng.uniform(0.009, 0.021),
                side * rng.normal(-0.03, 0.08), rng.uniform(0.2, 0.6),
            ])  # fmt: skip
    for _ in range(rng.integers(0, 4)):
        x, q = rng.uniform(reach, 1.01), rng.choice([-1, 1]) * rng.uniform(0.03, 0.1)
        rows.append([x, q, rng.uniform(0.018, 0.055), rng.uniform(0.012, 0.035), rng.normal(0, 0.5), 0.4])
    return rows


def _islands(rng: np.random.Generator, kind: int, strip: NDArray[np.float64], reach: float) -> list[Row]:
    """Between coaming and bonnet: many where the strip is broken, else lobes and a few beside it."""
    gone = strip[(strip[:, 2] <= 0) & (strip[:, 0] > 0.15) & (strip[:, 0] < reach), 0]
    rows: list[Row] = []
    if len(gone) > 3:
        for _ in range(rng.integers(0, 1 + min(7, len(gone) // 3))):
            x, q, size = rng.choice(gone), rng.normal(0, 0.03), rng.uniform(0.012, 0.045)
            row = [x, q, size * rng.uniform(0.8, 2.4), size, rng.normal(0, 0.3), rng.uniform(0.1, 0.6)]
            rows.append(row)
            if rng.random() < 0.2:  # a pair
                rows.append([row[0] + rng.normal(0, 0.015), -row[1] - np.sign(row[1]) * 0.02, *row[2:]])
    for _ in range(rng.poisson(1.6 if kind == CONTINUOUS else 0.8)):
        x, side, size = rng.uniform(0.2, 0.95), rng.choice([-1, 1]), rng.uniform(0.009, 0.028)
        beside = max(float(np.interp(x, strip[:, 0], strip[:, 2])), 0.02) + rng.uniform(-0.01, 0.03)
        rows.append([x, side * beside, size * rng.uniform(0.8, 2.5), size, rng.normal(0, 0.4), 0.4])
    return rows


def _dots(rng: np.random.Generator) -> list[Row]:
    """Where single hairs grow, on the rostrum's flanks."""
    size = rng.uniform(0.005, 0.012)
    return [
        [rng.uniform(0.1, 0.98), rng.choice([-1, 1]) * rng.uniform(0.06, 0.13), size * rng.uniform(0.7, 1.5), size, 0.0, 0.2]
        for _ in range(rng.choice([0, rng.integers(1, 9)]))
    ]


def _coaming(rng: np.random.Generator) -> list[Row]:
    """Beside and between the blowholes: arms in a V, heaps at their outer sides, an island in their fork."""
    rows: list[Row] = []
    arms, flanks = rng.random() < 0.5, rng.random() < 0.3
    for side in (-1, 1):
        if arms and rng.random() < 0.85:
            rows.append([
                rng.uniform(0.03, 0.14), side * rng.uniform(0.05, 0.11), rng.uniform(0.03, 0.09), rng.uniform(0.011, 0.032),
                -side * rng.uniform(0.3, 0.9), 0.45,
            ])  # fmt: skip
        if flanks and rng.random() < 0.8:
            rows.append([
                rng.uniform(-0.08, 0.05), side * rng.uniform(0.11, 0.16), rng.uniform(0.02, 0.07), rng.uniform(0.011, 0.03),
                side * rng.normal(0.2, 0.2), 0.4,
            ])  # fmt: skip
    if rng.random() < 0.3:
        half, breadth = rng.uniform(0.015, 0.05), rng.uniform(0.009, 0.022)
        rows.append([rng.uniform(-0.05, 0.04), rng.normal(0, 0.008), half, breadth, 0.0, 0.4])
    return rows


def _behind(rng: np.random.Generator) -> list[Row]:
    rows: list[Row] = []
    for _ in range(min(rng.poisson(2.0), 6)):
        half, breadth = rng.uniform(0.011, 0.045), rng.uniform(0.011, 0.04)
        rows.append([min(rng.normal(-0.15, 0.07), -0.08), rng.normal(0, 0.06), half, breadth, rng.normal(0, 0.5), 0.4])
    return rows


def _eyebrows(rng: np.random.Generator) -> list[Row]:
    return [
        [rng.uniform(-0.06, 0.16), side * rng.uniform(0.34, 0.44), rng.uniform(0.03, 0.14), rng.uniform(0.012, 0.04), side *
        rng.normal(0.1, 0.15), 0.5]
        for side in (-1, 1) if rng.random() < 0.8
    ]  # fmt: skip


def crest(x: float | Profile) -> float | Profile:
    """|q| of the lower lip's crest at x."""
    return 0.305 * (1.15 - 0.45 * x)


def _lips(rng: np.random.Generator) -> list[Row]:
    """On the crest of the lower lips, alike on both sides more often than not: nothing, a row of heaps or a long band."""
    rows: list[Row] = []
    style = str(rng.choice(["none", "row", "band"], p=[0.42, 0.33, 0.25]))
    for side in (-1, 1):
        own = style if rng.random() < 0.75 else str(rng.choice(["none", "row", "band"]))
        if own == "row":
            xs, halves = rng.uniform(0.2, 0.98, rng.integers(1, 6)), rng.uniform(0.012, 0.07)
        elif own == "band":
            first, last = np.sort(rng.uniform(0.15, 1.0, 2))
            xs, halves = np.arange(first, last + 0.05, 0.07), 0.05
        else:
            continue
        thick = rng.uniform(0.009, 0.028)
        for x in xs:
            breadth = thick * rng.uniform(0.6, 1.5)
            rows.append([x, side * (crest(x) + rng.normal(0, 0.012)), max(halves * rng.uniform(0.7, 1.4), breadth), breadth,
                         -side * 0.15, rng.uniform(0.3, 0.7)])  # fmt: skip
        rows += [
            [x, side * (0.60 - 0.28 * x) * rng.uniform(0.85, 1.25), rng.uniform(0.008, 0.025), rng.uniform(0.008, 0.02), 0.0, 0.3]
            for x in rng.uniform(0.1, 1.0, rng.integers(0, 5))
        ]
    return rows


def _chin(rng: np.random.Generator) -> list[Row]:
    rows: list[Row] = []
    for side in (-1, 1):
        for _ in range(rng.choice([0, 1, 2, 3], p=[0.15, 0.4, 0.3, 0.15])):
            rows.append([
                rng.normal(1.03, 0.035), side * rng.normal(0.23, 0.06), rng.uniform(0.022, 0.065), rng.uniform(0.02, 0.06),
                rng.uniform(-1, 1), 0.5,
            ])  # fmt: skip
    return rows
