"""One lifelike close-up: the head's skin painted for this photo, wet, in water that runs over it, through some camera.

It stands beside scene.py, whose sea it shares: there a whole animal is drawn, here nothing that a close-up does not show.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from whichwhale.survey import coat, film, foam, pose, sea
from whichwhale.survey.coat import Coat
from whichwhale.survey.conditions import Light
from whichwhale.survey.lifelike import Look, Wet
from whichwhale.survey.noise import Image, blend, grid, ridged, smooth, step
from whichwhale.survey.placement import CLOSE_SIZE
from whichwhale.survey.scene import Photo, Shot, open_sea


def texels_of(width: int) -> int:
    """Texels per d that a close-up of `width` pixels wants: enough that no pixel is left without skin."""
    return round(1.6 * CLOSE_SIZE * width)


def render(shot: Shot, skin: Coat | None, width: int, height: int) -> Photo:
    """Draw the photo at `width` x `height` pixels: of the head with the coat `skin`, or of the open sea if that is None. The shot
    must have a look."""
    assert shot.look is not None
    view = pose.View(shot.pose, shot.camera, shot.place, width, height)
    water, grain = (np.random.default_rng([*shot.key, part]) for part in (0, 2))
    surface = sea.draw(shot.sea, shot.light, shot.camera, view.scale, (width, height), water)
    scene, deep, mirrored = open_sea(shot, surface, view.scale, water)
    part, above = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
    if skin is not None:
        wake, dye = (np.random.default_rng([*shot.key, number]) for number in (1, 4))
        animal = _animal(shot, shot.look, skin, view, (width, height), dye)
        scene, out = _swim(shot, shot.look, animal, view, surface, deep, mirrored, scene, wake)
        window = np.s_[animal.y : animal.y + out.shape[0], animal.x : animal.x + out.shape[1]]
        part[window], above[window] = animal.part, out
    pixels = film.develop(scene, shot.camera, shot.light, shot.look.film, view.scale, grain)
    return Photo(pixels, view.points(), part, above)


def _animal(shot: Shot, look: Look, skin: Coat, view: pose.View, frame: tuple[int, int], rng: np.random.Generator) -> pose.Animal:
    painted = coat.paint(skin, look.hide, look.wet.streaks, rng)
    shape = skin.field.shape
    ripples = [smooth(rng, shape, skin.texels * 0.05), smooth(rng, shape, skin.texels * 0.05)]
    skins = [(0, painted.surface, painted.albedo, painted.gloss)]
    return pose.project(skins, lambda _, world: _lit(pose.normals(world), ripples, view, shot.light, look.wet), view, frame, 3.0)


def _lit(
    normal: tuple[Image, Image, Image], ripples: list[Image], view: pose.View, light: Light, wet: Wet
) -> tuple[Image, Image, Image]:
    """Diffuse irradiance, mirrored light and cosine toward the camera, as in pose.py, under a film of water that is rippled."""
    sun, eye, half = (axis.astype(np.float32) for axis in pose.directions(view, light))
    nx, ny, nz = normal
    diffuse = np.float32(light.sun) * np.maximum(nx * sun[0] + ny * sun[1] + nz * sun[2], 0)
    diffuse += np.float32(light.sky) * (np.float32(0.62) + np.float32(0.38) * nz)
    facing = np.maximum(nx * eye[0] + ny * eye[1] + nz * eye[2], 0)
    tx, ty = nx + np.float32(wet.rough) * ripples[0], ny + np.float32(wet.rough) * ripples[1]
    size = 1 / np.sqrt(tx * tx + ty * ty + nz * nz)
    to_eye = np.clip((tx * eye[0] + ty * eye[1] + nz * eye[2]) * size, 0, 1)
    to_sun = np.clip((tx * half[0] + ty * half[1] + nz * half[2]) * size, 0, 1)
    grazing = (1 - to_eye) * (1 - to_eye)
    sky = np.float32(0.8 * light.sky * wet.sky) * (np.float32(0.02) + np.float32(0.5) * grazing * grazing)
    glow = np.float32(light.sun * wet.sun) * (np.float32(0.14) * cv2.pow(to_sun, wet.lobe) + cv2.pow(to_sun, 140.0))
    return diffuse, np.minimum(sky, np.float32(0.6)) + glow, facing


def _swim(
    shot: Shot,
    look: Look,
    animal: pose.Animal,
    view: pose.View,
    surface: sea.Surface,
    deep: Image,
    mirrored: list[Image],
    scene: Image,
    rng: np.random.Generator,
) -> tuple[Image, Image]:
    """The animal in the water [h, w, 3] and, in its window, the share of skin out of the water."""
    water, scale, exposure = look.water, view.scale, np.float32(shot.light.exposure)
    shape = animal.cover.shape
    window = np.s_[animal.y : animal.y + shape[0], animal.x : animal.x + shape[1]]
    xs, ys = grid(shape)
    sheet = np.float32(water.sheet) * smooth(rng, shape, rng.uniform(0.2, 0.7) * scale)
    sheet += (xs - np.float32(shape[1] / 2)) * np.float32(water.lean[0] / scale)
    sheet += (ys - np.float32(shape[0] / 2)) * np.float32(water.lean[1] / scale)
    depth = surface.height[window] + sheet - animal.height
    lit = animal.colour * exposure

    under = np.maximum(depth, 0)
    blurred = cv2.GaussianBlur(lit, (0, 0), max(0.4, water.smear * scale))
    seen = blend(lit, blurred, step(under, 0.0, 0.12))
    shake = np.clip(depth, 0, 0.5) * np.float32(0.03 * scale)
    where = xs + shake * surface.slope[0][window], ys + shake * surface.slope[1][window]
    seen = cv2.remap(seen, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if water.caustics:
        net = ridged(rng, shape, 0.2 * scale, 2) - np.float32(0.45)
        seen *= cv2.merge([1 + np.float32(water.caustics) * net * step(under, 0.01, 0.1)] * 3)
    veil = 1 - cv2.exp(under * np.float32(-1.1 * shot.sea.murk))
    fade = (-2.0 * shot.sea.murk * water.absorption).astype(np.float32)
    below = cv2.merge([
        seen[..., c] * cv2.exp(under * fade[c]) + deep[c] * veil + np.float32(water.mirror) * mirrored[c][window]
        for c in range(3)
    ])  # fmt: skip

    out = step(-depth, -0.25 * water.brink, 0.75 * water.brink) * animal.cover
    sparks = _sparks(shot, look, animal.sheen, depth, scale, rng)
    tint = look.wet.tint.astype(np.float32) * exposure
    above = lit + cv2.merge([animal.sheen] * 3) * tint
    behind = scene[window]
    if water.rings:
        behind = behind * cv2.merge([_rings(look, out, scale, rng)] * 3)
    inset = blend(blend(behind, below, animal.cover), above, out)
    inset += cv2.merge([sparks] * 3) * exposure
    inset = _foamed(shot, look, view, animal, inset, out, deep, rng)
    scene = scene.copy()
    scene[window] = inset
    return scene, out


def _foamed(
    shot: Shot, look: Look, view: pose.View, animal: pose.Animal, inset: Image, out: Image, deep: Image, rng: np.random.Generator
) -> Image:
    """With foam at its waterline and the blow, softer than in the usual survey, burnt out or thin, and seldom over dry skin."""
    water, light = look.water, shot.light
    brightness = np.float32(light.exposure * (0.65 * light.sun + 0.85 * light.sky))
    bright = brightness * np.array([1.02, 1.0, 0.98], np.float32)
    corner = (animal.x, animal.y)
    if shot.pose.wash > 0.15 or shot.pose.splash > 0.1:
        white, cloud = foam.foam(shot.pose, view, corner, out, rng)
        white = cv2.GaussianBlur(white, (0, 0), max(0.3, water.foam_soft * view.scale))
        white = np.minimum(white * np.float32(water.foam_gain), 1) * (1 - np.float32(1 - water.foam_on) * out)
        pale = deep * np.array([0.9, 1.25, 1.15], np.float32) + np.array([0.03, 0.09, 0.08], np.float32) * brightness
        inset = blend(blend(inset, pale, np.float32(0.65) * cloud * (1 - out)), bright, white)
    if shot.pose.blow > 0:
        cloud = foam.blow(shot.pose, view, corner, out.shape, rng)
        inset = blend(inset, np.float32(0.9) * bright, cloud)
    return inset


def _sparks(shot: Shot, look: Look, sheen: Image, depth: Image, scale: float, rng: np.random.Generator) -> Image:
    """Drops and ripples that mirror the sun: in clusters, where skin shines and along the waterline."""
    shape = depth.shape
    size = rng.uniform(0.55, 1.5)
    fine = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), size, sigmaY=size * rng.uniform(0.6, 1.3))
    fine *= np.float32(1 / fine.std())
    brink = np.exp(-np.square((depth + np.float32(0.03)) / np.float32(0.06)))
    cluster = np.float32(0.6) * smooth(rng, shape, rng.uniform(0.08, 0.4) * scale)
    likely = cluster + brink + np.minimum(np.float32(2.5) * sheen, 1.2)
    need = 4.6 - 2.6 * look.wet.drops
    return step(fine + likely, need, need + 0.7) * (depth < 0.08) * np.float32(0.3 + 1.2 * shot.light.sun)


def _rings(look: Look, out: Image, scale: float, rng: np.random.Generator) -> Image:
    """Factor of brightness of the waves that the bow sends out, [h, w]."""
    dry = (out > 0.5).astype(np.uint8)
    if not dry.any():
        return np.ones_like(out)
    outside = cv2.distanceTransform(1 - dry, cv2.DIST_L2, 3) / np.float32(scale)
    phase = outside * np.float32(2 * math.pi / rng.uniform(0.07, 0.25)) + np.float32(0.8) * smooth(rng, out.shape, 0.3 * scale)
    waves = np.sin(phase + np.float32(rng.uniform(0, 2 * math.pi))) * np.exp(-outside * np.float32(1 / rng.uniform(0.1, 0.4)))
    return 1 + np.float32(0.5 * look.water.rings) * waves * (1 - out)
