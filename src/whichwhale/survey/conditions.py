"""What a photo was taken of and through: sea, light, camera, and how the animal lay. One small dataclass each, drawn from a
generator.

An encounter shares sea and light, each of its photos varies them a little; camera and pose are the photo's own. Colours are
linear-light RGB; lengths are in d (about 2.7 m), angles in radians. Bearings are in the photo: 0 to the right, positive toward
its lower edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

# Display colour (sRGB, 0 to 255) of the sea at the right edge of 2,269 of the competition's head crops
# (coldmanck/Right-Whale-Recognition-DaRanJin): a mixture of Gaussians, weight, mean and sd by channel; channels vary together.
SEA_COLOURS = (
    (0.277, (47, 76, 93), (13, 16, 20)),
    (0.281, (76, 110, 129), (16, 13, 15)),
    (0.021, (140, 157, 157), (53, 44, 44)),
    (0.129, (106, 121, 132), (23, 17, 18)),
    (0.183, (79, 89, 96), (17, 14, 15)),
    (0.109, (45, 57, 61), (18, 19, 21)),
)


@dataclass(frozen=True)
class Sea:
    """`colour` mean of the open water; `contrast` of the waves' shading; `wavelength` of the dominant waves; `decay` exponent
    of the wave spectrum; `bearing` they come from, `spread` (larger: narrower); `sparkle` share of glint; `caps` of
    whitecaps; `murk` absorption of the water per d; `state` Beaufort number; `stray` mean number of patches of foam that no
    animal in the photo made.
    """

    state: int
    colour: NDArray[np.float64]
    contrast: float
    wavelength: float
    decay: float
    bearing: float
    spread: float
    sparkle: float
    caps: float
    murk: float
    stray: float = 0.0


@dataclass(frozen=True)
class Light:
    """`bearing` and `elevation` of the sun; `sun` and `sky` irradiance; `exposure` factor; `haze` share of `veil` (airlight);
    `cast` white balance error."""

    bearing: float
    elevation: float
    sun: float
    sky: float
    exposure: float
    haze: float
    veil: NDArray[np.float64]
    cast: NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """`tilt` from the vertical; `perspective` how much smaller the far edge is drawn, at full tilt; `vignette` loss of light
    in the corners; `blur` (sd) and `shake` (length) in units of 1/1000 of the photo's width; `noise` sd in display units (of
    255).
    """

    tilt: float
    perspective: float
    vignette: float
    blur: float
    shake: float
    shake_bearing: float
    noise: float
    quality: int


@dataclass(frozen=True)
class Pose:
    """`roll` (positive lifts the right side), `pitch` (nose up), `bend` and `flex` (curvature sideways, downwards, of the
    part behind the blowhole), `level`: height of the water over the blowhole, negative when the head is out; `wash`, `spray`,
    `blow` in [0, 1]; flippers' `sweep` and `droop` [2] (left, right).
    """

    roll: float
    pitch: float
    bend: float
    flex: float
    level: float
    wash: float
    splash: float
    blow: float
    sweep: tuple[float, float]
    droop: tuple[float, float]


def draw_sea(rng: np.random.Generator) -> Sea:
    """One sea, of a state and colour as in the real photos."""
    state = int(rng.choice([0, 1, 2, 3, 4], p=[0.10, 0.24, 0.34, 0.24, 0.08]))
    _, mean, sd = SEA_COLOURS[rng.choice(len(SEA_COLOURS), p=np.array([w for w, _, _ in SEA_COLOURS]))]
    shade = rng.standard_normal()
    display = np.array(mean) + np.array(sd) * (0.99 * shade + 0.14 * rng.standard_normal(3))
    display = np.clip(display, 10, 185)
    # The mixture's tails would give pink and purple seas. Half of the real grey ones (channels within 25 of each other) have
    # 0.5 more green than the mean of red and blue, blue ones about 0.75 as much more blue than green as more green than red.
    display[0] = min(display[0], display[1] - 2)
    display[2] = min(display[2], display[1] + 0.85 * (display[1] - display[0]) - 3)
    colour = (display / 255) ** 2
    return Sea(
        state,
        colour,
        contrast=float(np.clip((0.05 + 0.028 * state) * math.exp(0.45 * rng.standard_normal()), 0.02, 0.30)),
        wavelength=float(rng.uniform(0.25, 0.8) * (0.7 + 0.4 * state)),
        decay=float(rng.uniform(1.55, 2.3)),
        bearing=float(rng.uniform(0, 2 * math.pi)),
        spread=float(rng.uniform(0.5, 4.0)),
        sparkle=float(rng.beta(0.8, 1.6)),
        caps=float(max(0.0, rng.normal(0.28 * (state - 2.6), 0.12))),
        murk=float(math.exp(rng.normal(-0.35, 0.5))),
    )


def draw_light(rng: np.random.Generator) -> Light:
    """One light, from overcast to clear, as in the real photos."""
    clear = rng.beta(1.2, 1.0)
    return Light(
        bearing=float(rng.uniform(0, 2 * math.pi)),
        elevation=float(rng.uniform(0.35, 1.15)),
        sun=float(0.15 + 1.05 * clear),
        sky=float(0.75 - 0.35 * clear),
        exposure=float(math.exp(rng.normal(0.0, 0.22))),
        haze=float(np.clip(rng.gamma(1.3, 0.045), 0.0, 0.35)),
        veil=np.array([0.40, 0.43, 0.47]) * rng.uniform(0.6, 1.2),
        cast=np.exp(rng.normal([0.0, 0.0, 0.0], [0.018, 0.01, 0.018])),
    )


def vary(sea: Sea, light: Light, rng: np.random.Generator) -> tuple[Sea, Light]:
    """Sea and light a little later, from another side of the circling aeroplane."""
    turn = rng.uniform(0, 2 * math.pi)
    shade = math.exp(rng.normal(0, 0.16))
    sea = replace(
        sea,
        colour=np.clip(sea.colour * shade * np.exp(rng.normal(0, 0.015, 3)), 0.001, 0.75),
        bearing=sea.bearing + turn,
        sparkle=float(np.clip(sea.sparkle + rng.normal(0, 0.22), 0, 1)),
        contrast=float(sea.contrast * math.exp(rng.normal(0, 0.2))),
    )
    light = replace(
        light,
        bearing=light.bearing + turn,
        exposure=float(light.exposure * math.exp(rng.normal(0, 0.20))),
        haze=float(np.clip(light.haze + rng.normal(0, 0.02), 0, 0.4)),
    )
    return sea, light


def draw_camera(rng: np.random.Generator) -> Camera:
    """One camera as in the real photos, most of them looking nearly straight down."""
    return Camera(
        tilt=float(np.clip(abs(rng.normal(0.0, 0.55)), 0.0, 1.0)),
        perspective=float(rng.uniform(0.06, 0.16)),
        vignette=float(abs(rng.normal(0, 0.12))),
        blur=float(np.clip(rng.lognormal(-0.95, 0.5), 0.15, 1.8)),
        shake=float(rng.exponential(1.2) if rng.random() < 0.25 else 0.0),
        shake_bearing=float(rng.uniform(0, math.pi)),
        noise=float(rng.gamma(2.5, 0.55)),
        quality=int(rng.integers(78, 96)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """One pose as in the real photos: head out, awash or under water."""
    depth = rng.random()
    if depth < 0.64:
        level = rng.uniform(-0.30, -0.06)  # head out
    elif depth < 0.89:
        level = rng.uniform(-0.06, 0.08)  # awash
    else:
        level = rng.uniform(0.08, 0.40)  # under water
    out = level < 0.05
    return Pose(
        roll=float(np.clip(rng.standard_t(4) * 0.33, -0.95, 0.95)),
        pitch=float(rng.normal(0.03, 0.07)),
        bend=float(rng.normal(0, 0.045)),
        flex=float(rng.normal(0.015, 0.03)),
        level=float(level),
        wash=float(rng.beta(1.6, 1.4) if out else 0.25 * rng.random()),
        splash=float(rng.beta(0.9, 1.4) if out else 0.0),
        blow=float(rng.uniform(0.2, 1.0) if out and rng.random() < 0.22 else 0.0),
        sweep=(float(rng.uniform(0.2, 1.1)), float(rng.uniform(0.2, 1.1))),
        droop=(float(rng.uniform(0.12, 0.6)), float(rng.uniform(0.12, 0.6))),
    )
