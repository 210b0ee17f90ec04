"""One photo: the sea, the animal in it, the water over it, through the camera.

Background and animal are drawn apart and joined by a mask, so that the same animal can be put on another photo's sea.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import camera as cameras
from whichwhale.survey import foam, pose, sea, skin
from whichwhale.survey.conditions import Camera, Light, Pose, Sea
from whichwhale.survey.identity import Whale
from whichwhale.survey.lifelike import Look
from whichwhale.survey.noise import Image, blend, grid, ridged, step
from whichwhale.survey.placement import Placement

# Absorption of water per d (red, green, blue) at murk 1: red goes first, what is left looks turquoise.
ABSORPTION = np.array([1.9, 0.75, 0.95], np.float32)


@dataclass(frozen=True)
class Shot:
    """Everything that one photo shows, apart from the whale; `key` seeds what is left to chance."""

    key: tuple[int, ...]
    place: Placement
    pose: Pose
    sea: Sea
    light: Light
    camera: Camera
    look: Look | None = None  # of lifelike photos


@dataclass(frozen=True)
class Photo:
    """`pixels` uint8 RGB [h, w, 3]; `points` bonnet tip and blowhole [2, 2] in pixels; `part` uint8 [h, w]: 0 water, else 1 +
    index into `pose.PARTS` (under water too); `out` float32 [h, w]: share of skin above water."""

    pixels: NDArray[np.uint8]
    points: NDArray[np.float64]
    part: NDArray[np.uint8]
    out: Image


Textures = tuple[skin.Texture, skin.Texture]


def render(
    shot: Shot,
    whale: Whale | None,
    textures: Textures | None,
    width: int,
    height: int,
    company: Sequence[tuple[Shot, Whale, Textures]] = (),
) -> Photo:
    """Draw the photo at `width` × `height` pixels: of `whale`, or of the open sea if that is None, and of those in `company`,
    whose shots have the same sea, light and camera."""
    view = pose.View(shot.pose, shot.camera, shot.place, width, height)
    # Separate generators, so that the sea stays the same behind another animal, and the other way round.
    water, film = (np.random.default_rng([*shot.key, part]) for part in (0, 2))
    surface = sea.draw(shot.sea, shot.light, shot.camera, view.scale, (width, height), water)
    scene, deep, mirrored = open_sea(shot, surface, view.scale, water)
    part, above = np.zeros((height, width), np.uint8), np.zeros((height, width), np.float32)
    animals = [(shot, whale, textures)] if whale is not None and textures is not None else []
    for own, one, its_textures in [*animals, *company]:
        window, its_part, out = _swim(own, one, its_textures, surface, deep, mirrored, scene)
        part[window] = np.where(its_part > 0, its_part, part[window])
        above[window] = np.maximum(above[window], out)
    return Photo(cameras.expose(scene, shot.camera, shot.light, film), view.points(), part, above)


def _swim(
    shot: Shot, whale: Whale, textures: Textures, surface: sea.Surface, deep: Image, mirrored: list[Image], scene: Image
) -> tuple[tuple[slice, slice], NDArray[np.uint8], Image]:
    """Draw an animal into `scene`, in place; returns its window, and in it its parts and its share of skin above water."""
    height, width = scene.shape[:2]
    view = pose.View(shot.pose, shot.camera, shot.place, width, height)
    wake = np.random.default_rng([*shot.key, 1])
    animal = pose.draw(textures, view, shot.light, whale.plump, (width, height), margin=0.8)
    rows, columns = animal.cover.shape
    window = np.s_[animal.y : animal.y + rows, animal.x : animal.x + columns]
    inset, out = _immerse(shot, animal, surface, window, deep, mirrored, view.scale, scene[window], wake)
    white, cloud = foam.foam(shot.pose, view, (animal.x, animal.y), out, wake)
    brightness = np.float32(shot.light.exposure * (0.65 * shot.light.sun + 0.85 * shot.light.sky))
    pale = deep * np.array([0.9, 1.25, 1.15], np.float32) + np.array([0.03, 0.09, 0.08], np.float32) * brightness
    inset = blend(inset, pale, np.float32(0.65) * cloud * (1 - out))
    bright = brightness * np.array([1.02, 1.0, 0.98], np.float32)
    inset = blend(inset, bright, white)
    if shot.pose.blow > 0:
        inset = blend(inset, np.float32(0.8) * bright, foam.blow(shot.pose, view, (animal.x, animal.y), (rows, columns), wake))
    scene[window] = inset
    return window, animal.part, out


def open_sea(shot: Shot, surface: sea.Surface, scale: float, rng: np.random.Generator) -> tuple[Image, Image, list[Image]]:
    """The sea without the whale [h, w, 3], the light that comes out of the water [3], and what its surface mirrors, three of
    [h, w]."""
    exposure = np.float32(shot.light.exposure)
    colour = shot.sea.colour.astype(np.float32) * exposure
    sky = (0.55 * colour + 0.45 * colour.mean()) * np.array([0.97, 1.005, 1.04], np.float32)
    deep = np.float32(0.78) * colour
    # exp gives the bright, narrow crests and broad, dark troughs of real water.
    lift = cv2.exp(np.float32(2.2 * shot.sea.contrast) * surface.shade) - np.float32(0.78)
    cv2.max(lift, 0.0, dst=lift)
    sparkle = surface.glint * (np.float32(1.6) * exposure)
    mirrored = [lift * sky[c] + sparkle for c in range(3)]
    scene = cv2.merge([mirrored[c] + deep[c] for c in range(3)])
    if shot.sea.caps > 0:
        scene = blend(scene, np.full(3, 0.8, np.float32) * exposure, sea.whitecaps(shot.sea, surface, scale, rng))
    if shot.sea.stray > 0:
        elsewhere = foam.stray(scene.shape[:2], scale, shot.sea.stray, np.random.default_rng([*shot.key, 3]))
        scene = blend(scene, np.full(3, 0.85, np.float32) * exposure, elsewhere)
    return scene, deep, mirrored


def _immerse(
    shot: Shot,
    animal: pose.Animal,
    surface: sea.Surface,
    window: tuple[slice, slice],
    deep: Image,
    mirrored: list[Image],
    scale: float,
    behind: Image,
    rng: np.random.Generator,
) -> tuple[Image, Image]:
    """The animal in its window of water [h, w, 3], and the share of skin out of the water [h, w]."""
    waves, exposure = surface.height[window], np.float32(shot.light.exposure)
    depth = waves - animal.height
    lit = animal.colour * exposure
    # Refraction shakes what lies deeper, more the rougher the surface.
    shake = np.clip(depth, 0, 0.6) * np.float32(scale * (0.03 + 0.025 * shot.sea.state))
    xs, ys = grid(depth.shape)
    where = xs + shake * surface.slope[0][window], ys + shake * surface.slope[1][window]
    *seen, cover, height = (
        cv2.remap(layer, *where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for layer in (*cv2.split(lit), animal.cover, animal.height)
    )
    under = np.maximum(waves - height, 0)
    # Down and up again for what the animal sends back; the water's own light fills in with depth.
    veil = 1 - cv2.exp(under * np.float32(-1.1 * shot.sea.murk))
    net = ridged(rng, depth.shape, 0.22 * scale, 2)
    focus = 1 + np.float32(0.9 * shot.light.sun) * (net - np.float32(0.45)) * step(under, 0.02, 0.15) * cv2.exp(
        under * np.float32(-1.5)
    )
    murk = np.float32(-2.0 * shot.sea.murk) * ABSORPTION
    below = cv2.merge([seen[c] * focus * cv2.exp(under * murk[c]) + deep[c] * veil + mirrored[c][window] for c in range(3)])
    out = step(-depth, -0.008, 0.014) * animal.cover
    above = lit + cv2.merge([animal.sheen * exposure] * 3)
    return blend(blend(behind, below, cover), above, out), out
