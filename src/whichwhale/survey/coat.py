"""A head's skin as a lifelike photo shows it: the pattern, drawn once a whale, painted anew for every photo.

What never changes (where lips, cleft and blowholes are) is the chart, the same for all whales; what is the whale's own is the
coat, how far each place lies within a callosity; colours, worn places, mottles and the open mouth are the photo's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from whichwhale.survey import anatomy
from whichwhale.survey.identity import Whale
from whichwhale.survey.lifelike import Hide
from whichwhale.survey.noise import Image, blend, fractal, smooth, step
from whichwhale.survey.skin import blowholes

END = 2.5  # s where a close-up is cut off by the photo's edge
EDGE = 0.012  # how ragged (d) the callosities' edges are at most


@dataclass(frozen=True)
class Chart:
    """Skin between s = 0 and END, [rows, columns] each: its `surface` (x, y, z in the animal's frame), `theta` round the body,
    `x` along the spine and `q` round the skin; `cleft` beside the rostrum with the stripes of its `baleen`, `inside` of the lips,
    their `rim`, what lies `below`; `dark` factor and `raised` (d) by the blowholes; `outward` how far an open mouth moves the
    skin to each side, `lowered` and down (d); `jaw` what sinks with the jaw, `snout` its front."""

    surface: tuple[Image, Image, Image]
    theta: Image
    x: Image
    q: Image
    cleft: Image
    inside: Image
    rim: Image
    below: Image
    baleen: Image
    dark: Image
    raised: Image
    outward: Image
    lowered: Image
    jaw: Image
    snout: Image


@dataclass(frozen=True)
class Coat:
    """One whale's pattern on the chart of `texels` a d: `field` (d) is positive within callosities, `bumps` and `cover` (unit
    variance) are their relief and where lice sit densely."""

    texels: int
    field: Image
    bumps: Image
    cover: Image


@lru_cache(maxsize=4)
def chart(texels: int) -> Chart:
    """The chart at `texels` per d."""
    rows, columns = round(END * texels), round(2 * anatomy.THETA_LIMIT * 0.45 * texels)
    s = ((np.arange(rows) + 0.5) / texels)[:, None]
    theta = (((np.arange(columns) + 0.5) / columns * 2 - 1) * anatomy.THETA_LIMIT)[None]
    surface = tuple(np.ascontiguousarray(axis, np.float32) for axis in anatomy.trunk(s, theta))
    x = np.broadcast_to(anatomy.along(s), (rows, columns)).astype(np.float32)
    q = (theta * np.maximum(anatomy.half_width(s), 0.02)).astype(np.float32)
    theta = np.broadcast_to(theta, x.shape).astype(np.float32)
    outside = np.abs(surface[1]) - anatomy.rostrum_half_width(x).astype(np.float32)
    jaw = step(x, 0.05, 0.3) * (1 - step(x, 0.98, 1.07))
    upper = (np.abs(theta) < 1.5).astype(np.float32)
    # From the rostrum's edge to the lips' crest, which runs at theta 0.80.
    room = np.maximum(0.72 * anatomy.half_width(s) - anatomy.rostrum_half_width(x), 0.05).astype(np.float32)
    reach = np.clip(outside / room, 0, 2)
    inside = step(reach, 0.15, 0.4) * (1 - step(reach, 0.75, 1.0)) * jaw * upper
    rim = np.exp(-(((np.abs(theta) - 0.84) / 0.11) ** 2)) * step(x, 0.0, 0.3) * (1 - step(x, 1.02, 1.12))
    cleft = np.exp(-(((outside - 0.045) / 0.028) ** 2)) * jaw * upper
    fringe = step(outside, 0.0, 0.03) * (1 - step(reach, 0.3, 0.5)) * jaw * upper
    baleen = fringe * (0.5 + 0.5 * np.sin(x * np.float32(2 * np.pi / 0.035)))
    dark, raised = np.ones((*x.shape, 1), np.float32), np.zeros_like(x)
    blowholes(x, q, dark, raised)
    arch = step(x, -0.1, 0.45) * (1 - step(x, 0.75, 1.12))
    away = step(outside, -0.01, 0.16) * arch
    return Chart(
        surface, theta, x, q, cleft, inside, rim, step(np.abs(theta), 0.95, 1.2), baleen, dark[..., 0], raised,
        np.float32(0.10) * np.sign(theta) * away, np.float32(0.09) * inside, step(outside, 0.0, 0.2) * step(x, -0.5, 0.2),
        step(outside, -0.02, 0.15) * step(x, 0.3, 1.1),
    )  # fmt: skip


def draw(whale: Whale, texels: int) -> Coat:
    """The coat of this whale."""
    rng, places = whale.texture_rng(), chart(texels)
    shape = places.x.shape
    edge = fractal(rng, shape, texels * 0.06, 3, 0.6)
    wx = places.x + np.float32(0.008) * smooth(rng, shape, texels * 0.1)
    wq = places.q + np.float32(0.008) * smooth(rng, shape, texels * 0.1)
    field = np.full(shape, -1.0, np.float32)
    along = places.x[:, 0]
    for cx, cq, length, breadth, angle, ragged in whale.patches.astype(np.float32):
        rows = np.nonzero(np.abs(along - cx) < max(length, breadth) + 0.06)[0]
        if not len(rows):
            continue
        near = np.s_[rows[0] : rows[-1] + 1]
        c, s = np.cos(angle), np.sin(angle)
        dx, dq = wx[near] - cx, wq[near] - cq
        u, v = (dx * c + dq * s) / length, (dq * c - dx * s) / breadth
        size = min(length, breadth)
        within = (1 - np.sqrt(u * u + v * v)) * size + (np.float32(0.2) * ragged * size + np.float32(0.2 * EDGE)) * edge[near]
        np.maximum(field[near], within, out=field[near])
    knots = whale.strip
    rough = np.float32(EDGE) * edge
    middle, breadth = (np.interp(wx + rough, knots[:, 0], knots[:, k], left=low, right=low) for k, low in ((1, 0.0), (2, -0.05)))
    np.maximum(field, (breadth - np.abs(wq - middle)).astype(np.float32) + np.float32(0.5) * rough, out=field)
    return Coat(texels, field, fractal(rng, shape, texels * 0.035, 2), fractal(rng, shape, texels * 0.13, 3))


@dataclass(frozen=True)
class Painted:
    """A coat in one photo: `albedo` [rows, columns, 3] linear RGB, `gloss` [rows, columns] of its water film, `surface` (x, y, z)
    with relief and open mouth."""

    albedo: Image
    gloss: Image
    surface: tuple[Image, Image, Image]


def paint(coat: Coat, hide: Hide, streaks: float, rng: np.random.Generator) -> Painted:
    """The coat as one photo shows it; `streaks` in [0, 1] is how much its film of water lies in runnels."""
    places, texels = chart(coat.texels), coat.texels
    shape = coat.field.shape
    broad, other = fractal(rng, shape, texels * 0.25, 3), fractal(rng, shape, texels * 0.12, 3)
    fine = fractal(rng, shape, texels * 0.026, 2)
    wide = np.where(places.theta < 0, np.float32(hide.gape[0]), np.float32(hide.gape[1]))

    tone = np.float32(0.10) * fine + np.float32(0.12 * min(hide.mottling, 3.0)) * broad
    pale = np.float32(hide.bloom) * step(other + 0.5 * broad, 0.9, 1.9)
    pale += np.float32(hide.rim) * places.rim * np.clip(0.55 + 0.5 * other, 0, 1.2)
    pale += np.float32(hide.belly) * places.below * step(broad, -0.2, 0.5)
    pale *= np.float32(1) + np.float32(0.3) * fine
    albedo = cv2.merge([cv2.exp(tone)] * 3) * hide.skin.astype(np.float32)
    albedo += cv2.merge([np.clip(pale, 0, 0.6)] * 3) * np.array([0.72, 0.72, 0.74], np.float32)
    if any(hide.gape):
        mouth = places.inside * step(wide, 0.05, 0.4)
        albedo = blend(albedo, hide.inside.astype(np.float32), mouth * np.clip(0.8 + 0.2 * other, 0, 1))
        albedo *= cv2.merge([1 - step(wide, 0.05, 0.3) * places.baleen * np.float32(0.7)] * 3)
    albedo *= cv2.merge([(1 - np.float32(0.65) * places.cleft) * places.dark] * 3)

    field = coat.field + np.float32(0.3 * hide.soft) * fine
    mask = step(field, -0.5 * hide.soft, 0.5 * hide.soft)
    bare = step(np.float32(0.6) * coat.cover + np.float32(0.8) * other, 1.9 - 2.6 * hide.bare, 2.9 - 2.6 * hide.bare)
    bare *= np.float32(0.35) + np.float32(0.65) * step(field, 0.004, 0.03)  # lice sit densest along the edge
    dots = step(np.float32(0.7) * coat.bumps + np.float32(0.7) * fine, 0.2, 1.6)
    uneven = 1 - np.float32(0.65 * hide.speckle) * dots - np.float32(0.12) * broad
    lice = blend(cv2.merge([mask * 0 + 1] * 3) * hide.lice.astype(np.float32), hide.core.astype(np.float32), bare)
    albedo = blend(albedo, lice * cv2.merge([np.clip(uneven, 0.15, 1.2)] * 3), mask)

    film = smooth(rng, shape, (texels * 0.30, texels * 0.035))  # runnels follow the body
    gloss = np.clip(1 + np.float32(0.45) * broad + np.float32(0.9 * streaks) * film, 0.05, 3) * (1 - np.float32(0.7) * mask)
    x, y, z = places.surface
    raised = np.float32(0.0012) * fine + np.float32(0.002) * broad + places.raised
    raised += mask * (np.float32(0.006) + np.float32(0.007) * coat.bumps + np.float32(0.25) * np.clip(field, 0, 0.04))
    z = z + raised * np.cos(places.theta)
    if any(hide.gape):
        y, z = y + wide * places.outward, z - wide * places.lowered
    y = y * (1 - np.float32(hide.taper) * places.snout)
    z = z - np.float32(hide.sunk) * places.jaw + np.float32(0.35 * hide.taper) * places.snout
    if hide.stout != 1:
        y = y * (1 + np.float32(hide.stout - 1) * (1 - step(places.x, -0.7, -0.2)))
    return Painted(np.clip(albedo, 0.004, 0.95), gloss, (x, y, z))
