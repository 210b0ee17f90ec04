"""The whale's skin as two textures in (s, theta): the head finely, the trunk coarsely. Drawn once a whale, then used in all
its photos."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import anatomy
from whichwhale.survey.identity import Whale
from whichwhale.survey.noise import Image, fractal, smooth, step

HEAD_TEXELS, TRUNK_TEXELS = 256, 96  # per d: finer than a 3,072-pixel photo's d = 260 pixels needs on the head


@dataclass(frozen=True)
class Texture:
    """A stretch of skin: `layers` float32 [rows, columns, 5] = albedo (linear RGB), height of the skin's relief (d), gloss;
    rows s0 to s1, columns theta from −THETA_LIMIT to THETA_LIMIT (both at texel centres)."""

    layers: NDArray[np.float32]
    s0: float
    s1: float

    def at(self, texels: float) -> Texture:
        """Resampled to about `texels` per d along s, columns in proportion."""
        rows, columns = self.layers.shape[:2]
        factor = texels * (self.s1 - self.s0) / rows
        size = (max(8, round(columns * factor)), max(8, round(rows * factor)))
        # OpenCV averages over areas for at most four channels at a time.
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        parts = [cv2.resize(self.layers[..., part], size, interpolation=how) for part in (np.s_[:3], np.s_[3:])]
        return Texture(np.dstack(parts), self.s0, self.s1)

    def grid(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """s [rows, 1] and theta [1, columns] of the texels."""
        rows, columns = self.layers.shape[:2]
        s = self.s0 + (np.arange(rows, dtype=np.float32) + 0.5) * np.float32((self.s1 - self.s0) / rows)
        theta = ((np.arange(columns, dtype=np.float32) + 0.5) / columns * 2 - 1) * np.float32(anatomy.THETA_LIMIT)
        return s[:, None], theta[None]


def draw(whale: Whale) -> tuple[Texture, Texture]:
    """Head and trunk of this whale."""
    rng = whale.texture_rng()
    head = _draw(whale, rng, 0.0, anatomy.HEAD_END, HEAD_TEXELS, 0.45)
    # They overlap, since a texture's outermost rows have no neighbours to tell which way the skin faces.
    trunk = _draw(whale, rng, anatomy.HEAD_END - 0.06, anatomy.TRUNK_END, TRUNK_TEXELS, 0.5)
    return head, trunk


def _draw(whale: Whale, rng: np.random.Generator, s0: float, s1: float, texels: int, radius: float) -> Texture:
    shape = (round((s1 - s0) * texels), round(2 * anatomy.THETA_LIMIT * radius * texels))
    texture = Texture(np.zeros((*shape, 5), np.float32), s0, s1)
    s, theta = texture.grid()
    x = np.broadcast_to(anatomy.along(s), shape).astype(np.float32)
    q = (theta * np.maximum(anatomy.half_width(s), 0.02)).astype(np.float32)
    grain = fractal(rng, shape, texels * 0.030, 3)
    broad = fractal(rng, shape, texels * 0.22, 4)

    albedo = np.exp(0.10 * grain + 0.16 * broad)[..., None] * whale.skin.astype(np.float32)
    pale = np.zeros(shape, np.float32)
    mottles = step(fractal(rng, shape, texels * 0.10, 4), 1.1, 2.4)
    pale += 0.10 * min(whale.mottling, 2.5) * mottles * step(broad, -0.5, 1.0)
    for cx, cq, length, breadth, bright in whale.blotches:
        distance = ((x - cx) / (length + 0.02)) ** 2 + ((q - cq) / (breadth + 0.015)) ** 2
        pale += bright * step(1.0 - distance + 0.55 * grain + 0.3 * broad, 0.1, 1.2)
    for ax, aq, bx, bq, half, bright in whale.scars:
        pale += bright * step(1.0 - _segment(x, q, ax, aq, bx, bq) / half + 0.3 * grain, 0.0, 0.8)
    albedo += np.clip(pale, 0, 0.55)[..., None] * np.array([0.80, 0.78, 0.76], np.float32)
    height = 0.0015 * grain + 0.004 * broad
    gloss = np.ones(shape, np.float32)
    if s0 == 0.0:
        _baleen(albedo, x, q)
        _callosities(whale, rng, x, q, grain, albedo, height, gloss, texels)
        blowholes(x, q, albedo, height)
    texture.layers[..., :3], texture.layers[..., 3], texture.layers[..., 4] = np.clip(albedo, 0.004, 0.95), height, gloss
    return texture


def _segment(x: Image, q: Image, ax: float, aq: float, bx: float, bq: float) -> Image:
    """Distance to the segment from a to b."""
    dx, dq = bx - ax, bq - aq
    t = np.clip(((x - ax) * dx + (q - aq) * dq) / max(dx * dx + dq * dq, 1e-9), 0, 1)
    return np.hypot(x - ax - t * dx, q - aq - t * dq)


def _baleen(albedo: Image, x: Image, q: Image) -> None:
    """The dark cleft between rostrum and lip."""
    outside = np.abs(q) - anatomy.rostrum_half_width(x).astype(np.float32)
    cleft = np.exp(-(((outside - 0.045) / 0.028) ** 2)) * step(x, 0.05, 0.25) * (1 - step(x, 0.98, 1.06))
    albedo *= (1 - 0.65 * cleft)[..., None]


def _callosities(
    whale: Whale,
    rng: np.random.Generator,
    x: Image,
    q: Image,
    grain: Image,
    albedo: Image,
    height: Image,
    gloss: Image,
    texels: int,
) -> None:
    edge = fractal(rng, x.shape, texels * 0.07, 4, 0.5)
    warp_x, warp_q = (0.012 * smooth(rng, x.shape, texels * 0.09) for _ in range(2))
    wx, wq = x + warp_x, q + warp_q
    field = np.full(x.shape, -1.0, np.float32)
    for cx, cq, length, breadth, angle, ragged in whale.patches:
        c, s = np.cos(angle), np.sin(angle)
        u, v = ((wx - cx) * c + (wq - cq) * s) / length, ((wq - cq) * c - (wx - cx) * s) / breadth
        np.maximum(field, 1.0 - np.sqrt(u * u + v * v) + 0.42 * ragged * edge, out=field)
    knots = whale.strip
    middle = np.interp(wx, knots[:, 0], knots[:, 1])
    breadth = np.interp(wx, knots[:, 0], knots[:, 2], left=-0.05, right=-0.05)
    strip = 1.0 - np.abs(wq - middle) / np.maximum(breadth, 1e-3) + 0.22 * edge
    np.maximum(field, np.where(breadth > 0.004, strip, -1.0).astype(np.float32), out=field)

    mask = step(field, -0.04, 0.10)
    pits = step(fractal(rng, x.shape, texels * 0.022, 2), 0.7, 2.0)
    worn = step(fractal(rng, x.shape, texels * 0.12, 3), 0.6, 2.2)  # bare grey skin shows where the lice have gone
    tone = (1 - 0.30 * pits - 0.35 * worn + 0.07 * grain) * (0.65 + 0.35 * step(field, 0.0, 0.4))
    cream = np.clip(tone, 0.12, 1.15)[..., None] * whale.cream.astype(np.float32)
    albedo += mask[..., None] * (cream - albedo)
    height += mask * (0.018 + 0.007 * grain + 0.010 * step(field, 0.0, 0.5))
    gloss *= 1 - 0.85 * mask


def blowholes(x: Image, q: Image, albedo: Image, height: Image) -> None:
    """Two slits in a V that opens backwards, on a swelling, drawn into `albedo` [rows, columns, channels] and `height` [rows,
    columns], in place."""
    for side in (-1.0, 1.0):
        c, s = np.cos(0.45), -side * np.sin(0.45)
        dx, dq = x - 0.0, q - side * 0.055
        u, v = (dx * c + dq * s) / 0.075, (dq * c - dx * s) / 0.024
        slit = step(1.0 - np.sqrt(u * u + v * v), -0.1, 0.35)
        rim = np.exp(-((np.sqrt(u * u + v * v) - 1.5) ** 2) / 0.3)
        albedo *= (1 - 0.85 * slit + 0.15 * rim)[..., None]
        height += 0.012 * rim - 0.03 * slit
