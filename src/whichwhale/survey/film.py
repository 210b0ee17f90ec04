"""From light to a lifelike photo's pixels: glow and burnt highlights, tones and casts of many cameras, few pixels, JPEG twice."""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from whichwhale.survey.camera import streak
from whichwhale.survey.conditions import Camera, Light
from whichwhale.survey.lifelike import Film
from whichwhale.survey.noise import Image

LUMA = np.array([0.30, 0.59, 0.11])


def develop(scene: Image, camera: Camera, light: Light, film: Film, scale: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light [h, w, 3] to display pixels uint8 RGB [h, w, 3], at `scale` pixels per d."""
    height, width = scene.shape[:2]
    grey = film.saturation * np.eye(3) + (1 - film.saturation) * LUMA
    mixed = np.diag((1 - light.haze) * light.cast) @ grey
    scene = cv2.transform(scene, np.column_stack([mixed, light.haze * light.veil]).astype(np.float32))
    if camera.shake > 0.4:
        scene = cv2.filter2D(scene, -1, streak(camera.shake * width / 1000, camera.shake_bearing))
    if camera.blur * width / 1000 > 0.25:
        scene = cv2.GaussianBlur(scene, (0, 0), camera.blur * width / 1000)
    if film.bloom:
        burnt = np.clip(scene - np.float32(0.65), 0, 2)
        scene = scene + np.float32(film.bloom) * cv2.GaussianBlur(burnt, (0, 0), max(0.6, film.spread * scale))
    display = cv2.pow(np.clip(scene, 1e-6, None), 0.5 * film.gamma)
    bright = display > film.knee
    rest = max(1.03 - film.knee, 0.02)
    display[bright] = film.knee + rest * (1 - np.exp((film.knee - display[bright]) / rest))
    display += (1 - np.minimum(display, 1)) * (film.shadows + film.black).astype(np.float32)
    display = _through_few_pixels(display, film, rng)
    if film.sharpen:
        display += np.float32(film.sharpen) * (display - cv2.GaussianBlur(display, (0, 0), 1.0))
    display = display * np.float32(255)
    # Grain of brightness, and of colour at a third of the sampling, as in camera.py.
    coarse = rng.standard_normal((height // 3 + 1, width // 3 + 1, 3), dtype=np.float32) * np.float32(0.8 * camera.noise)
    display += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    display += cv2.merge([rng.standard_normal((height, width), dtype=np.float32) * np.float32(camera.noise)] * 3)
    return np.clip(display + np.float32(0.5), 0, 255).astype(np.uint8)


def _through_few_pixels(display: Image, film: Film, rng: np.random.Generator) -> Image:
    """As a smaller photo shows it, enlarged: its JPEG's blocks grow with it."""
    if film.reduced <= 1 and not film.first_quality:
        return display
    height, width = display.shape[:2]
    small = max(8, round(width / film.reduced)), max(8, round(height / film.reduced))
    display = cv2.resize(display, small, interpolation=cv2.INTER_AREA)
    if film.first_quality:
        shift = rng.integers(0, 8, 2)  # blocks lie anywhere in the crop
        padded = cv2.copyMakeBorder(display, int(shift[0]), 0, int(shift[1]), 0, cv2.BORDER_REPLICATE)
        pixels = np.clip(padded * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
        pixels = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(pixels, quality=film.first_quality, colorsubsampling="420"))
        display = pixels[shift[0] :, shift[1] :].astype(np.float32) / np.float32(255)
    return cv2.resize(display, (width, height), interpolation=cv2.INTER_CUBIC if film.cubic else cv2.INTER_LINEAR)
