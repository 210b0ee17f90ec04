"""From light to a JPEG's pixels: vignetting, haze, blur, the film curve, sensor noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.survey.conditions import Camera, Light
from whichwhale.survey.noise import Image


def expose(scene: Image, camera: Camera, light: Light, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light [h, w, 3] to display pixels uint8 RGB [h, w, 3]."""
    height, width = scene.shape[:2]
    haze = light.haze
    colour = np.column_stack([np.diag((1 - haze) * light.cast), haze * light.veil])
    scene = cv2.transform(scene, colour.astype(np.float32))
    if camera.vignette > 0.01:
        across = np.linspace(-1, 1, width, dtype=np.float32) ** 2
        down = np.linspace(-1, 1, height, dtype=np.float32) ** 2
        scene *= cv2.merge(
            [1 - np.float32(camera.vignette) * (across[None] * np.float32(0.69) + down[:, None] * np.float32(0.31))] * 3
        )
    if camera.shake > 0.4:
        length = camera.shake * width / 1000
        cv2.filter2D(scene, -1, streak(length, camera.shake_bearing), dst=scene)
    sd = camera.blur * width / 1000
    if sd > 0.25:
        scene = cv2.GaussianBlur(scene, (0, 0), sd)
    cv2.max(scene, 0.0, dst=scene)
    display = cv2.sqrt(scene)
    # A shoulder keeps foam and callosities from clipping all at once, as cameras do.
    bright = display > 0.8
    display[bright] = 0.8 + 0.22 * (1 - np.exp((0.8 - display[bright]) / 0.2))
    display *= np.float32(255)
    # Grain of brightness, and of colour at a third of the sampling, as after a camera's demosaicing and noise filter.
    colour = rng.standard_normal((height // 3 + 1, width // 3 + 1, 3), dtype=np.float32) * np.float32(0.6 * camera.noise)
    display += cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR)
    display += cv2.merge([rng.standard_normal((height, width), dtype=np.float32) * np.float32(camera.noise)] * 3)
    cv2.max(display, 0.0, dst=display)
    return cv2.convertScaleAbs(display)


def streak(length: float, bearing: float) -> Image:
    """Kernel of a movement by `length` pixels along `bearing` (radians)."""
    size = 2 * int(np.ceil(length / 2)) + 3
    kernel = np.zeros((size, size), np.float32)
    centre = size // 2
    for t in np.linspace(-length / 2, length / 2, 8 * size):
        kernel[round(centre + t * np.sin(bearing)), round(centre + t * np.cos(bearing))] += 1
    kernel = cv2.GaussianBlur(kernel, (0, 0), 0.5)
    return kernel / kernel.sum()
