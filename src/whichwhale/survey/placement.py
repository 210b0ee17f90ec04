"""Where heads lie in real aerial photos, and how large: sampled from distributions fitted once to people's annotations.

Source: the bonnet tips, blowholes and head boxes of 4,543 photos of the 2015 NOAA right-whale competition (anlthms/whale-2015,
robibok/whales). d is the distance from bonnet tip to blowhole. Fits, with the quantiles they answer for:

- d / photo width: normal, mean 0.0835, sd 0.0226 (5, 50, 95 %: 4.6, 8.4, 12.1 % of the width; the normal fits better than a
  log-normal).
- heading in the photo: 1 + a cos(angle - p) + b cos 2(angle - q), from the first two circular moments.
- middle of both points / photo size: linear in the heading's cosine and sine (the animal, not its head, is put in the centre),
  plus a normal.
- head box: an upright box round an ellipse of full axes 1.94 d × 1.55 d along the heading, times a log-normal factor that falls
  with the head's size (people leave more margin round small heads), times a log-normal aspect, its centre off by a normal, in
  d.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

SIZE_MEAN, SIZE_SD, SIZE_RANGE = 0.0835, 0.0226, (0.025, 0.16)
HEADING_FIRST, HEADING_SECOND = (0.184, math.radians(95.7)), (0.182, math.radians(5.9))
CENTRE_X = (0.4917, 0.0505, 0.0816)  # constant, slope on cos(heading), residual sd; of the photo's width
CENTRE_Y = (0.4825, 0.0636, 0.1138)  # constant, slope on sin(heading), residual sd; of the photo's height
# A second whale: d of the first one's; heading's sd against it (radians); across and along of its head from the first one's (d).
BESIDE_SIZE, BESIDE_TURN_SD, BESIDE_ACROSS, BESIDE_ALONG = (0.75, 0.95), 0.35, (1.6, 3.2), (-2.5, 1.5)
CLOSE_SIZE, CLOSE_HEADING_SD, CLOSE_OFFSET_SD = 1 / 2.6, 5.0, 0.015  # close-ups: d / width, degrees, share of the photo's size
BOX_AXES = (1.935, 1.551)
BOX_SIZE = (1.048, 0.421, 0.187)  # log factor = -(a + b log(d / width)) + normal of this sd
BOX_ASPECT_SD = 0.091
BOX_OFFSET = (-0.120, 0.255, 0.191)  # mean and sd along the heading, sd across


@dataclass(frozen=True)
class Placement:
    """A head in a photo: `size` = d / photo width; `heading` in radians in the photo (x right, y down); `x`, `y` the middle
    of both points / photo size."""

    size: float
    heading: float
    x: float
    y: float


def draw(rng: np.random.Generator) -> Placement:
    """One placement; both points stay at least 1 % inside the photo (aspect 3:2), as in all real annotations."""
    while True:
        size = rng.normal(SIZE_MEAN, SIZE_SD)
        if SIZE_RANGE[0] <= size <= SIZE_RANGE[1]:
            break
    (a, p), (b, q) = HEADING_FIRST, HEADING_SECOND
    while True:  # rejection: the density is at most 1 + a + b
        heading = rng.uniform(-math.pi, math.pi)
        if rng.uniform(0, 1 + a + b) < 1 + a * math.cos(heading - p) + b * math.cos(2 * (heading - q)):
            break
    reach = (size / 2 * abs(math.cos(heading)) + 0.01, size * 0.75 * abs(math.sin(heading)) + 0.01)
    while True:
        x = CENTRE_X[0] + CENTRE_X[1] * math.cos(heading) + CENTRE_X[2] * rng.standard_normal()
        y = CENTRE_Y[0] + CENTRE_Y[1] * math.sin(heading) + CENTRE_Y[2] * rng.standard_normal()
        if reach[0] <= x <= 1 - reach[0] and reach[1] <= y <= 1 - reach[1]:
            return Placement(size, heading, x, y)


def draw_close_up(rng: np.random.Generator) -> Placement:
    """A photo of little but the head, bonnet tip to the right: a passport fills three quarters of the width."""
    heading = math.radians(CLOSE_HEADING_SD) * rng.standard_normal()
    x, y = 0.5 + CLOSE_OFFSET_SD * rng.standard_normal(2).clip(-3, 3)
    return Placement(CLOSE_SIZE, heading, float(x), float(y))


def draw_beside(rng: np.random.Generator, first: Placement) -> Placement | None:
    """A second, smaller whale in the company of the first, side by side as they travel; None if the photo has no room for it.

    The first one stays the animal that the label means. These numbers are a guess: the annotated photos know one whale each.
    """
    c, s = math.cos(first.heading), math.sin(first.heading)
    for _ in range(64):
        size = first.size * rng.uniform(*BESIDE_SIZE)
        heading = first.heading + BESIDE_TURN_SD * rng.standard_normal()
        across = first.size * rng.uniform(*BESIDE_ACROSS) * rng.choice([-1.0, 1.0])
        along = first.size * rng.uniform(*BESIDE_ALONG)
        x, y = first.x + along * c - across * s, first.y + 1.5 * (along * s + across * c)
        reach = (size / 2 * abs(math.cos(heading)) + 0.01, size * 0.75 * abs(math.sin(heading)) + 0.01)
        if reach[0] <= x <= 1 - reach[0] and reach[1] <= y <= 1 - reach[1]:
            return Placement(size, math.remainder(heading, 2 * math.pi), x, y)
    return None


def draw_box(
    rng: np.random.Generator, bonnet: np.ndarray, blowhole: np.ndarray, width: int, height: int
) -> tuple[float, float, float, float]:
    """A head box as a person draws it round the two points [2] (pixels): x, y, width, height in pixels.

    It holds both points (99.4 % of the real boxes do) and is cut at the photo's edge.
    """
    axis = bonnet - blowhole
    d = float(np.hypot(*axis))
    along = axis / d
    across = np.array([-along[1], along[0]])
    intercept, slope, spread = BOX_SIZE
    scale = math.exp(-(intercept + slope * math.log(d / width)) + spread * rng.standard_normal())
    aspect = math.exp(BOX_ASPECT_SD * rng.standard_normal())
    length, breadth = BOX_AXES
    half = 0.5 * d * scale * np.hypot(length * np.abs(along), breadth * np.abs(across)) * np.array([aspect, 1 / aspect])
    # A box that is drawn wide has its centre further off; the offsets were fitted with the mean box, whose factor is 1.
    mean, sd_along, sd_across = BOX_OFFSET
    offset = (mean + sd_along * rng.standard_normal()) * along + sd_across * rng.standard_normal() * across
    centre = (bonnet + blowhole) / 2 + d * offset
    margin = 0.03 * d
    low = np.minimum(centre - half, np.minimum(bonnet, blowhole) - margin)
    high = np.maximum(centre + half, np.maximum(bonnet, blowhole) + margin)
    low = np.clip(low, 0, [width - 1, height - 1])
    high = np.clip(high, 0, [width - 1, height - 1])
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
