"""Close-ups that look like real head crops, and differ from photo to photo as much as those do: what the light, the water, the
wet skin, the open mouth and the camera do to one and the same pattern.

Beside real crops the usual close-ups are too dull (real skin shines blue to violet, real callosities are cream to pink and often
burnt out), too blurred and too tidy. Ranges here are drawn wider than was seen, as in wild.py and for its reason; functions stand
in for those of the same name in conditions.py, and a `Look` says what those leave out. All of it is the photo's own, so that
animals can be told by their patterns alone (patterns.py).
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import conditions
from whichwhale.survey.conditions import Camera, Light, Pose, Sea

Colour = NDArray[np.float64]

# What lice, worn callosities and the inside of a lip look like (linear RGB): white, cream, orange, pink-brown, grey.
LICE = ((0.90, 0.84, 0.78), (0.80, 0.68, 0.56), (0.66, 0.46, 0.30), (0.58, 0.43, 0.37), (0.45, 0.43, 0.43))
LICE_SHARES = (0.38, 0.34, 0.05, 0.14, 0.09)
CORES = ((0.45, 0.30, 0.20), (0.36, 0.30, 0.27), (0.30, 0.30, 0.32), (0.70, 0.62, 0.52))
LIPS = ((0.30, 0.33, 0.22), (0.34, 0.35, 0.34), (0.42, 0.36, 0.30), (0.20, 0.24, 0.22))


@dataclass(frozen=True)
class Hide:
    """The animal's surface: albedo (linear RGB) of `skin`, `lice`, of the callosities' `core` and of the mouth's `inside`; how
    far the core shows (`bare`), how uneven the lice are (`speckle`), how wide their edge is (`soft`, d); `mottling` of the skin
    and its `bloom` (pale sloughing patches); `rim` and `belly` brightness of the lips and of the skin below them; `gape` [2]
    (left, right) how far the lips stand off; `sunk` how much lower than usual the jaw lies (d), `taper` how much slimmer it
    ends; `stout` breadth of the trunk."""

    skin: Colour
    lice: Colour
    core: Colour
    inside: Colour
    bare: float
    speckle: float
    soft: float
    mottling: float
    bloom: float
    rim: float
    belly: float
    gape: tuple[float, float]
    sunk: float
    taper: float
    stout: float


@dataclass(frozen=True)
class Wet:
    """How skin shines: `sky` and `sun` strength of what it mirrors, `lobe` exponent of the sun's broad reflex, `tint` [3] of the
    mirrored sky; `rough` slope of the film of water; `streaks` how much it lies in runnels; `drops` density of sparks."""

    sky: float
    sun: float
    lobe: float
    tint: Colour
    rough: float
    streaks: float
    drops: float


@dataclass(frozen=True)
class Water:
    """Water over and round the head: `sheet` sd (d) of what runs over it, `lean` [2] slope of its level along and across the
    photo, `brink` (d) over which skin fades as it dips; `absorption` [3] per d at murk 1; `smear` blur (d) of what lies under it;
    `mirror` share of the sky that it mirrors over the animal; `caustics`; `rings` strength of the bow's waves; `foam_soft` blur
    (d), `foam_gain`, and share of foam that stays on dry skin, `foam_on`."""

    sheet: float
    lean: tuple[float, float]
    brink: float
    absorption: Colour
    smear: float
    mirror: float
    caustics: float
    rings: float
    foam_soft: float
    foam_gain: float
    foam_on: float


@dataclass(frozen=True)
class Film:
    """From light to pixels: `bloom` strength and `spread` (d) of the glow round what is burnt out, `knee` where highlights begin
    to be compressed (1: not at all); `gamma`, `black` level, `saturation`, `shadows` [3] colour of the darkest; `reduced` times
    fewer pixels on the way, `first_quality` of a JPEG then (0: none), `cubic` enlarged again so; `sharpen`."""

    bloom: float
    spread: float
    knee: float
    gamma: float
    black: float
    saturation: float
    shadows: Colour
    reduced: float
    first_quality: int
    cubic: bool
    sharpen: float


@dataclass(frozen=True)
class Look:
    """What a lifelike photo has beside sea, light, camera and pose."""

    hide: Hide
    wet: Wet
    water: Water
    film: Film


def _seldom(rng: np.random.Generator, chance: float, value: float) -> float:
    return float(value) if rng.random() < chance else 0.0


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def draw_sea(rng: np.random.Generator) -> Sea:
    """One sea: calmer and smoother than the usual one, as heads are seen in, of its colours or any other, often a strong one."""
    known = conditions.draw_sea(rng)
    colour = known.colour
    other = rng.random()
    if other < 0.5:  # teal to blue
        hsv = rng.uniform(0.48, 0.60), rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.62)
        colour = np.array(colorsys.hsv_to_rgb(*hsv)) ** 2
    elif other < 0.62:  # grey to nearly black, of any tinge
        hsv = rng.random(), rng.uniform(0.0, 0.12), rng.uniform(0.06, 0.7)
        colour = np.array(colorsys.hsv_to_rgb(*hsv)) ** 2
    return replace(
        known,
        colour=colour,
        contrast=_log_uniform(rng, 0.02, 0.2),
        wavelength=float(rng.uniform(0.3, 1.8)),
        decay=float(rng.uniform(1.5, 2.9)),
        spread=float(rng.uniform(0.3, 3.0)),
        sparkle=float(rng.beta(0.7, 2.0)),
        caps=float(max(0.0, rng.normal(-0.3, 0.4))),
        murk=_log_uniform(rng, 0.25, 3.0),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """One light, from overcast to clear, and one way to expose it."""
    clear = rng.random()
    return Light(
        bearing=float(rng.uniform(0, 2 * math.pi)),
        elevation=float(rng.uniform(0.3, 1.4)),
        sun=float(0.1 + 1.2 * clear),
        sky=float((0.75 - 0.35 * clear) * rng.uniform(0.8, 1.25)),
        exposure=float(math.exp(rng.normal(0.22, 0.26))),
        haze=float(np.clip(rng.gamma(0.9, 0.07), 0.0, 0.4)),
        veil=np.array([0.36, 0.38, 0.46]) * rng.uniform(0.4, 1.4) * np.exp(rng.normal(0, 0.12, 3)),
        cast=np.exp(rng.normal([0.0, 0.0, -0.01], [0.04, 0.02, 0.05])),
    )


def vary(sea: Sea, light: Light, rng: np.random.Generator) -> tuple[Sea, Light]:
    """As in the usual survey, but exposed more differently: other cameras, other moments."""
    sea, light = conditions.vary(sea, light, rng)
    return sea, replace(light, exposure=float(light.exposure * math.exp(rng.normal(0.0, 0.22))))


def draw_camera(rng: np.random.Generator) -> Camera:
    """One camera, most of them sharp, some moved or out of focus."""
    return Camera(
        tilt=float(np.clip(abs(rng.normal(0.0, 0.28)), 0.0, 1.1)),
        perspective=float(rng.uniform(0.04, 0.18)),
        vignette=float(abs(rng.normal(0, 0.1))),
        blur=float(np.clip(rng.lognormal(0.0, 0.6), 0.3, 4.0) if rng.random() < 0.2 else 0.0),
        shake=float(rng.exponential(4.0) if rng.random() < 0.12 else 0.0),
        shake_bearing=float(rng.uniform(0, math.pi)),
        noise=float(rng.gamma(1.6, 1.1)),
        quality=int(rng.integers(60, 97)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """One pose: nose up more often than not, rolled to either side, out of the water, awash or under it."""
    depth = rng.random()
    if depth < 0.5:
        level = rng.uniform(-0.30, -0.08)
    elif depth < 0.8:
        level = rng.uniform(-0.08, 0.05)
    else:
        level = rng.uniform(0.05, 0.35)
    out = level < 0.05
    return Pose(
        roll=float(np.clip(rng.standard_t(4) * 0.22, -1.0, 1.0)),
        pitch=float(np.clip(rng.normal(0.10, 0.09), -0.2, 0.45)),
        bend=float(rng.normal(0, 0.05)),
        flex=float(rng.normal(0.02, 0.04)),
        level=float(level),
        wash=float(rng.beta(1.2, 1.6)),
        splash=float(1.3 * rng.beta(0.8, 1.5) if out else 0.0),
        blow=float(rng.uniform(0.2, 1.0) if out and rng.random() < 0.2 else 0.0),
        sweep=(0.6, 0.6),  # flippers and flukes are outside a close-up
        droop=(0.3, 0.3),
    )


def draw_look(rng: np.random.Generator) -> Look:
    """One look, all of it the photo's own."""
    return Look(_hide(rng), _wet(rng), _water(rng), _film(rng))


def _mixed(rng: np.random.Generator, colours: tuple[tuple[float, ...], ...], shares: tuple[float, ...] | None = None) -> Colour:
    """Between two of `colours`, brighter or darker, a little off."""
    first, second = rng.choice(len(colours), 2, p=shares)
    t = rng.beta(0.6, 0.6)
    colour = (1 - t) * np.array(colours[first]) + t * np.array(colours[second])
    return np.clip(colour * math.exp(rng.normal(0.0, 0.16)) * np.exp(rng.normal(0, 0.04, 3)), 0.02, 0.97)


def _hide(rng: np.random.Generator) -> Hide:
    gape = np.zeros(2)
    if rng.random() < 0.36:  # skimming, both lips as a rule
        gape = rng.uniform(0.3, 1.0) * np.where(rng.random(2) < 0.85, rng.uniform(0.6, 1.0, 2), 0.0)
    return Hide(
        skin=np.array([0.042, 0.037, 0.043]) * math.exp(rng.normal(0, 0.45)) * np.exp(rng.normal([0.03, -0.03, 0.06], 0.09)),
        lice=_mixed(rng, LICE, LICE_SHARES),
        core=_mixed(rng, CORES),
        inside=_mixed(rng, LIPS),
        bare=float(rng.beta(0.8, 1.5)),
        speckle=float(rng.beta(1.2, 2.0)),
        soft=float(rng.uniform(0.004, 0.016)),
        mottling=float(rng.gamma(1.5, 0.6)),
        bloom=_seldom(rng, 0.3, rng.uniform(0.1, 0.5)),
        rim=_seldom(rng, 0.45, rng.uniform(0.05, 0.45)),
        belly=_seldom(rng, 0.15, rng.uniform(0.1, 0.6)),
        gape=(float(gape[0]), float(gape[1])),
        sunk=float(rng.uniform(-0.03, 0.2)),
        taper=float(rng.uniform(-0.1, 0.38)),
        stout=float(np.clip(rng.normal(1.0, 0.1), 0.8, 1.3)),
    )


def _wet(rng: np.random.Generator) -> Wet:
    return Wet(
        sky=_log_uniform(rng, 0.5, 6.0),
        sun=_log_uniform(rng, 0.2, 2.5),
        lobe=_log_uniform(rng, 6.0, 60.0),
        tint=np.array([0.88, 0.94, 1.14]) * np.exp(rng.normal(0, [0.08, 0.03, 0.10])),
        rough=float(rng.uniform(0.05, 0.5)),
        streaks=float(rng.random()),
        drops=float(rng.beta(0.8, 1.4)),
    )


def _water(rng: np.random.Generator) -> Water:
    selective = rng.uniform(0.0, 0.9)  # at 1 red goes first and pale skin looks turquoise, at 0 it only fades
    return Water(
        sheet=float(rng.gamma(1.2, 0.022)),
        lean=(float(rng.normal(0, 0.05)), float(rng.normal(0, 0.05))),
        brink=_log_uniform(rng, 0.014, 0.12),
        absorption=(1 - selective) * np.array([1.0, 0.95, 1.1]) + selective * np.array([1.9, 0.75, 0.95]),
        smear=_log_uniform(rng, 0.005, 0.05),
        mirror=float(rng.beta(1.2, 1.6)),
        caustics=_seldom(rng, 0.3, rng.uniform(0.3, 1.3)),
        rings=_seldom(rng, 0.4, rng.uniform(0.1, 0.8)),
        foam_soft=_log_uniform(rng, 0.002, 0.025),
        foam_gain=float(rng.uniform(0.7, 1.8)),
        foam_on=float(rng.beta(0.6, 1.5)),
    )


def _film(rng: np.random.Generator) -> Film:
    few = rng.random() < 0.27
    return Film(
        bloom=_seldom(rng, 0.6, rng.uniform(0.1, 0.9)),
        spread=_log_uniform(rng, 0.008, 0.05),
        knee=float(rng.uniform(0.7, 1.0)),
        gamma=_log_uniform(rng, 0.85, 1.6),
        black=float(rng.normal(0.045, 0.03)),
        saturation=float(np.clip(rng.normal(1.0, 0.25), 0.3, 1.7)),
        shadows=np.array([0.34, 0.37, 0.85]) * _seldom(rng, 0.75, rng.uniform(0.02, 0.15)) * np.exp(rng.normal(0, 0.25, 3)),
        reduced=_log_uniform(rng, 1.15, 2.8) if few else 1.0,
        first_quality=int(rng.integers(35, 92)) if rng.random() < 0.5 else 0,
        cubic=bool(rng.random() < 0.5),
        sharpen=float(rng.uniform(0.3, 2.4) if rng.random() < 0.85 else 0.0),
    )
