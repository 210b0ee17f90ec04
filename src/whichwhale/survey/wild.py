"""Conditions far wider than those of real photos: a survey to train on alone, before any real photo.

What a network has met in every colour, light and size it takes for no sign of a head, and a real photo is then one more of them
(domain randomisation: Tobin et al. 2017, arXiv 1703.06907). So ranges here are deliberately wider than what was measured in
conditions.py and placement.py, and flatter: headings and places have no preference. Functions stand in for those of the same
name there.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import numpy as np

from whichwhale.survey import conditions
from whichwhale.survey.conditions import Camera, Light, Pose, Sea
from whichwhale.survey.identity import Whale
from whichwhale.survey.placement import Placement

__all__ = ["draw_camera", "draw_light", "draw_place", "draw_pose", "draw_sea", "vary", "vary_animal"]

SIZES = (0.022, 0.2)  # d / photo width, uniform in the logarithm; 1 to 99 % of the real ones are 0.031 to 0.135
HUES, SATURATION, VALUES = (0.22, 0.72), 0.8, (0.06, 0.8)  # of half of the seas: green to violet blue, grey to strong
# In the mean of 1,500 real head crops, aligned by the points that people set, the bonnet ends at its tip and a pale bar, a
# quarter of d wide, lies 0.15 d behind the blowholes. Patterns of the usual survey end 0.035 d further.
FRONT = 1.01, 0.02  # x (d) where the bonnet ends: mean, sd; in photos, ragged as it is, it looks 0.02 shorter
SHIFTED = 0.5, 0.8  # x (d) up to which all keeps its place, and beyond which all is moved for it
BAR, BARRED = (-0.15, 0.025), 0.6  # x (d) of the bar: mean, sd; share of the animals that have one
STRAY = 0.4  # chance of foam that no animal in the photo made

vary = conditions.vary


def draw_sea(rng: np.random.Generator) -> Sea:
    """One sea of any state, half of them of any colour."""
    known = conditions.draw_sea(rng)
    state = int(rng.integers(5))
    colour = known.colour
    if rng.random() < 0.5:
        hsv = rng.uniform(*HUES), SATURATION * rng.random(), rng.uniform(*VALUES)
        colour = np.array(colorsys.hsv_to_rgb(*hsv)) ** 2
    return Sea(
        state,
        colour,
        contrast=float(math.exp(rng.uniform(math.log(0.025), math.log(0.35)))),
        wavelength=float(rng.uniform(0.2, 1.8)),
        decay=float(rng.uniform(1.4, 2.5)),
        bearing=float(rng.uniform(0, 2 * math.pi)),
        spread=float(rng.uniform(0.3, 5.0)),
        sparkle=float(rng.beta(0.8, 1.0)),
        caps=float(max(0.0, rng.normal(0.28 * (state - 2.3), 0.3))),
        murk=float(math.exp(rng.normal(-0.5, 0.9))),
        stray=float(rng.uniform(0.5, 4.0) if rng.random() < STRAY else 0.0),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """One light, any between overcast and clear."""
    clear = rng.random()
    return Light(
        bearing=float(rng.uniform(0, 2 * math.pi)),
        elevation=float(rng.uniform(0.2, 1.45)),
        sun=float(0.1 + 1.3 * clear),
        sky=float((0.8 - 0.4 * clear) * rng.uniform(0.7, 1.3)),
        exposure=float(math.exp(rng.normal(0.0, 0.35))),
        haze=float(np.clip(rng.gamma(1.2, 0.08), 0.0, 0.4)),
        veil=np.array([0.42, 0.43, 0.45]) * rng.uniform(0.4, 1.4) * np.exp(rng.normal(0, 0.1, 3)),
        cast=np.exp(rng.normal(0.0, 0.06, 3)),
    )


def draw_camera(rng: np.random.Generator) -> Camera:
    """One camera, tilted up to 63 degrees, as blurred and noisy as a photo may be."""
    return Camera(
        tilt=float(rng.uniform(0.0, 1.1)),
        perspective=float(rng.uniform(0.02, 0.2)),
        vignette=float(abs(rng.normal(0, 0.2))),
        blur=float(np.clip(rng.lognormal(-0.9, 0.8), 0.1, 2.6)),
        shake=float(rng.exponential(2.0) if rng.random() < 0.3 else 0.0),
        shake_bearing=float(rng.uniform(0, math.pi)),
        noise=float(rng.gamma(2.0, 1.4)),
        quality=int(rng.integers(45, 98)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """One pose: head out, awash or under water, bent and turned more than real ones."""
    depth = rng.random()
    if depth < 0.6:
        level = rng.uniform(-0.36, -0.05)  # head out
    elif depth < 0.85:
        level = rng.uniform(-0.05, 0.10)  # awash
    else:
        level = rng.uniform(0.10, 0.45)  # under water
    out = level < 0.05
    return Pose(
        roll=float(np.clip(rng.standard_t(4) * 0.42, -1.05, 1.05)),
        pitch=float(np.clip(rng.normal(0.03, 0.12), -0.35, 0.4)),
        bend=float(np.clip(rng.normal(0, 0.08), -0.2, 0.2)),
        flex=float(np.clip(rng.normal(0.015, 0.05), -0.12, 0.15)),
        level=float(level),
        wash=float(rng.random() if out else 0.4 * rng.random()),
        splash=float(1.6 * rng.beta(0.9, 1.1) if out else 0.3 * rng.random()),
        blow=float(rng.uniform(0.2, 1.0) if out and rng.random() < 0.3 else 0.0),
        sweep=(float(rng.uniform(0.1, 1.3)), float(rng.uniform(0.1, 1.3))),
        droop=(float(rng.uniform(0.05, 0.8)), float(rng.uniform(0.05, 0.8))),
    )


def draw_place(rng: np.random.Generator) -> Placement:
    """One placement, anywhere and any way round; both points stay at least 1 % inside the photo (aspect 3:2)."""
    size = math.exp(rng.uniform(*np.log(SIZES)))
    heading = rng.uniform(-math.pi, math.pi)
    reach = np.array([size / 2 * abs(math.cos(heading)), size * 0.75 * abs(math.sin(heading))]) + 0.01
    x, y = rng.uniform(reach, 1 - reach)
    return Placement(size, heading, float(x), float(y))


def vary_animal(whale: Whale, rng: np.random.Generator) -> Whale:
    """The same animal in other colours and of another build, with fewer or larger callosities: from grey lice to orange ones,
    from black skin to brown. Its bonnet ends where people see the bonnet tip, and most have a bar behind the blowholes."""
    patches = whale.patches[rng.random(len(whale.patches)) > rng.choice([0.0, 0.0, 0.3])]
    patches = patches if len(patches) else whale.patches
    size = np.ones(patches.shape[1])
    size[2:4] = math.exp(rng.normal(0, 0.2))
    pale = rng.uniform(0.4, 1.08) * np.array([1.0, 1 - abs(rng.normal(0, 0.1)), 1 - abs(rng.normal(0, 0.22))])
    dark = math.exp(0.45 * rng.standard_normal()) * np.exp(rng.normal([0.08, -0.04, 0.0], 0.12))
    varied = replace(
        whale,
        patches=patches * size,
        cream=np.array([0.92, 0.89, 0.84]) * pale,
        skin=np.array([0.056, 0.051, 0.053]) * dark,
        mottling=float(whale.mottling * math.exp(rng.normal(0.2, 0.5))),
        plump=float(np.clip(rng.normal(1.0, 0.13), 0.75, 1.35)),
    )
    return _barred(_fronted(varied, rng.normal(*FRONT)), rng)


def _fronted(whale: Whale, front: float) -> Whale:
    """The animal with what lies on the front of its head moved back until its bonnet, if it ends beyond, ends at x = `front`."""
    x, q, length = whale.patches[:, :3].T
    bonnet = (x > SHIFTED[1]) & (np.abs(q) < 0.1)
    end = np.concatenate([(x + length)[bonnet], whale.strip[whale.strip[:, 2] > 0, 0], [front]]).max()

    def back(at: np.ndarray) -> np.ndarray:
        return at - (end - front) * np.clip((at - SHIFTED[0]) / (SHIFTED[1] - SHIFTED[0]), 0, 1)

    patches, strip = whale.patches.copy(), whale.strip.copy()
    patches[:, 0], strip[:, 0] = back(x), back(strip[:, 0])
    return replace(whale, patches=patches, strip=strip)


def _barred(whale: Whale, rng: np.random.Generator) -> Whale:
    """The animal with a pale bar across its back behind the blowholes, or without."""
    bar = [rng.normal(*BAR), rng.normal(0, 0.01), rng.uniform(0.012, 0.035), rng.uniform(0.06, 0.16), rng.normal(0, 0.08), 0.45]
    return replace(whale, patches=np.vstack([whale.patches, bar])) if rng.random() < BARRED else whale
