"""The animal as it lies: its skin turned, bent and projected into the photo, lit, drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.survey import anatomy
from whichwhale.survey.conditions import Camera, Light, Pose
from whichwhale.survey.placement import Placement
from whichwhale.survey.skin import Texture
from whichwhale.survey.splat import splat

Array = NDArray[np.float32]
PARTS = ("head", "trunk", "fluke", "flipper_left", "flipper_right")
Points = tuple[NDArray, NDArray, NDArray]  # x, y, z, [rows, columns] each
Skin = tuple[int, Points, NDArray, NDArray | float]  # index into PARTS, surface, albedo, gloss
_HINGE = (-0.9, -0.45)  # x, z that roll and pitch turn about: the middle of the floating animal


class View:
    """From the animal's own frame to pixels of the photo, scaled so that the projected d is the one wanted."""

    def __init__(self, pose: Pose, camera: Camera, place: Placement, width: int, height: int) -> None:
        self.pose, self.camera = pose, camera
        # The heading on the ground that looks like the wanted heading in a photo taken at this tilt.
        self.heading = math.atan2(math.sin(place.heading) / math.cos(camera.tilt), math.cos(place.heading))
        self.scale, self.shift = 1.0, np.zeros(2)
        points = np.column_stack(self._flat(*self.ground(*anatomy.landmarks().T))[:2])
        self.scale = place.size * width / float(np.hypot(*(points[0] - points[1])))
        self.shift = np.array([place.x * width, place.y * height]) - self.scale * points.mean(0)

    def ground(self, x: NDArray, y: NDArray, z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Own frame to the world: X right and Y down in the photo, Z up over the still water."""
        pose = self.pose
        behind = np.minimum(x + 0.2, 0)
        y = y + 0.5 * pose.bend * behind**2
        x = x - pose.bend * behind * y * 0.5
        z = z - 0.5 * pose.flex * behind**2
        x, z = x - _HINGE[0], z - _HINGE[1]
        c, s = math.cos(pose.roll), math.sin(pose.roll)
        y, z = y * c - z * s, y * s + z * c
        c, s = math.cos(pose.pitch), math.sin(pose.pitch)
        x, z = x * c - z * s + _HINGE[0], x * s + z * c + _HINGE[1]
        c, s = math.cos(self.heading), math.sin(self.heading)
        return x * c - y * s, x * s + y * c, z - pose.level

    def _flat(self, x: NDArray, y: NDArray, z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        c, s = math.cos(self.camera.tilt), math.sin(self.camera.tilt)
        return x, y * c - z * s, z * c + y * s

    def pixels(self, x: NDArray, y: NDArray, z: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """World to pixels of the photo, and nearness to the camera (d)."""
        flat = self._flat(x, y, z)
        return flat[0] * self.scale + self.shift[0], flat[1] * self.scale + self.shift[1], flat[2]

    def points(self) -> NDArray[np.float64]:
        """Bonnet tip and blowhole [2, 2] in pixels."""
        px, py, _ = self.pixels(*self.ground(*anatomy.landmarks().T))
        return np.column_stack([px, py])


@dataclass(frozen=True)
class Animal:
    """The drawn animal in a window of the photo: `x`, `y` of the window's corner; `colour` [h, w, 3] linear light leaving the
    skin; `height` [h, w] over the still water (d); `sheen` [h, w] what the wet skin mirrors; `cover` [h, w]; `part` uint8 [h,
    w], 1 + index into PARTS, 0 none.
    """

    x: int
    y: int
    colour: Array
    height: Array
    sheen: Array
    cover: Array
    part: NDArray[np.uint8]


def draw(
    textures: tuple[Texture, Texture], view: View, light: Light, plump: float, frame: tuple[int, int], margin: float
) -> Animal:
    """Draw the animal into a window of the photo `frame` (width, height) with `margin` (d) of water round it, cut at the
    frame."""
    scale, pose = view.scale, view.pose
    skins: list[Skin] = []
    for part, (texture, texels) in enumerate(zip(textures, (1.6, 1.35), strict=True)):
        texture = texture.at(texels * scale)
        s, theta = texture.grid()
        # Relief goes up rather than along the normal: on the back, where it matters, this is the same.
        x, y, z = anatomy.trunk(s, theta, plump)
        z = z + texture.layers[..., 3] * np.cos(theta)
        skins.append((part, (x, y, z), texture.layers[..., :3], texture.layers[..., 4]))
    dark = textures[1].layers[..., :3].mean((0, 1))
    rows, columns = round(0.75 * scale), round(2.6 * scale)
    skins.append((2, anatomy.fluke(rows, columns), dark, 1.0))
    for side, part in ((-1, 3), (1, 4)):
        index = 0 if side < 0 else 1
        surface = anatomy.flipper(round(0.6 * scale), round(1.5 * scale), side, pose.sweep[index], pose.droop[index])
        skins.append((part, surface, dark * 0.8 + 0.02, 1.0))

    return project(skins, lambda part, world: _lit(normals(world), view, light, flat=part >= 2), view, frame, margin)


def project(
    skins: Sequence[Skin],
    lit: Callable[[int, Points], tuple[Array, Array, Array]],
    view: View,
    frame: tuple[int, int],
    margin: float,
) -> Animal:
    """Draw surfaces of the animal's own frame, each with its albedo (linear RGB, [rows, columns, 3] or one colour) and gloss.
    `lit` says of a part and its points in the world how much light falls on each, how much it mirrors and how far it faces the
    camera, [rows, columns] each. Window, margin and frame as in `draw`."""
    scale = view.scale
    pixels, channels = [], []
    for part, surface, albedo, gloss in skins:
        world = view.ground(*surface)
        diffuse, sheen, facing = lit(part, world)
        seen = facing > 0  # the far side is hidden
        px, py, near = view.pixels(*(axis[seen] for axis in world))
        values = np.empty((len(px), 6), np.float32)
        values[:, :3] = (albedo[seen] if np.ndim(albedo) == 3 else albedo) * diffuse[seen][:, None]
        values[:, 3], values[:, 4], values[:, 5] = world[2][seen], (sheen * gloss)[seen], part
        pixels.append(np.column_stack([px, py, near]).astype(np.float32))
        channels.append(values)
    where, values = np.concatenate(pixels), np.concatenate(channels)
    reach = margin * scale
    low = np.clip(np.floor(where[:, :2].min(0) - reach), 0, [frame[0] - 2, frame[1] - 2]).astype(int)
    high = np.clip(np.ceil(where[:, :2].max(0) + reach), low + 2, frame).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    (r, g, b, height, sheen, part), cover = splat(
        where[:, 0] - low[0], where[:, 1] - low[1], where[:, 2], values, size, slack=1.5 / scale
    )
    named = np.where(cover > 0.5, np.rint(part) + 1, 0).astype(np.uint8)
    return Animal(int(low[0]), int(low[1]), cv2.merge([r, g, b]), height, sheen, cover, named)


def normals(world: Points) -> tuple[Array, Array, Array]:
    """Unit normals x, y, z [rows, columns] of a surface given by its points, most of them upwards."""
    surface = cv2.merge([np.ascontiguousarray(axis, np.float32) for axis in world])
    a, b = (cv2.split(cv2.Sobel(surface, cv2.CV_32F, *order, ksize=3)) for order in ((0, 1), (1, 0)))
    nx, ny, nz = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    size = np.sqrt(nx * nx + ny * ny + nz * nz)
    inverse = np.copysign(np.float32(1), nz.mean()) / np.maximum(size, np.float32(1e-9))
    return nx * inverse, ny * inverse, nz * inverse


def directions(view: View, light: Light) -> tuple[NDArray, NDArray, NDArray]:
    """Unit vectors [3] toward the sun, toward the camera and midway between them."""
    ce, se = math.cos(light.elevation), math.sin(light.elevation)
    sun = np.array([ce * math.cos(light.bearing), ce * math.sin(light.bearing), se])
    eye = np.array([0.0, math.sin(view.camera.tilt), math.cos(view.camera.tilt)])
    return sun, eye, (sun + eye) / np.linalg.norm(sun + eye)


def _lit(normal: tuple[Array, Array, Array], view: View, light: Light, flat: bool) -> tuple[Array, Array, Array]:
    """Diffuse irradiance, mirrored light and cosine toward the camera [rows, columns] of a surface given by its normals; a
    flat part shows both sides."""
    nx, ny, nz = normal
    sun, eye, half = directions(view, light)

    def toward(direction: NDArray) -> Array:
        dx, dy, dz = direction.astype(np.float32)
        return np.maximum(nx * dx + ny * dy + nz * dz, 0)

    diffuse = np.float32(light.sun) * toward(sun) + np.float32(light.sky) * (np.float32(0.62) + np.float32(0.38) * nz)
    if flat:
        return diffuse, np.zeros_like(diffuse), np.ones_like(diffuse)
    facing = toward(eye)
    grazing = 1 - np.minimum(facing, 1)
    fresnel = np.float32(0.035) + np.float32(0.5) * (grazing * grazing) ** 2
    sky = np.float32(0.8 * light.sky) * fresnel * (np.float32(0.4) + np.float32(0.6) * np.maximum(nz, 0))
    return diffuse, sky + np.float32(0.35 * light.sun) * cv2.pow(toward(half), 50), facing
