"""The surface of the sea: a directional random wave field, its shading, and the sun's glitter on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from whichwhale.survey.conditions import Camera, Light, Sea
from whichwhale.survey.noise import Image, fractal, grid, ridged, smooth, step


@dataclass(frozen=True)
class Surface:
    """`shade` [h, w] wave shading, zero mean and about unit variance; `height` [h, w] of the waves (d); `glint` [h, w]
    mirrored sun, 0 to about 1; `slope` across and down [h, w] each (together unit variance)."""

    shade: Image
    height: Image
    glint: Image
    slope: list[Image]


def draw(sea: Sea, light: Light, camera: Camera, scale: float, frame: tuple[int, int], rng: np.random.Generator) -> Surface:
    """Draw the sea into a photo of `frame` (width, height) pixels at `scale` pixels per d."""
    width, height = frame
    rows, columns = (scipy.fft.next_fast_len(n, real=True) for n in (height, width))
    field = _waves(sea, camera, scale, rows, columns, rng)
    slope_x = (np.roll(field, -1, 1) - np.roll(field, 1, 1)) * 0.5
    slope_y = (np.roll(field, -1, 0) - np.roll(field, 1, 0)) * 0.5
    part = np.s_[::3, ::3]  # enough of the field to know its spread
    sd = np.float32(np.sqrt(slope_x[part].var() + slope_y[part].var()))
    stack = cv2.merge([field * (1 / field[part].std()), slope_x * (1 / sd), slope_y * (1 / sd)])
    # Moving the water toward the crests (Gerstner) sharpens them; the photo's perspective goes into the same look-up. Only the
    # long waves move it: ripples' steeper slopes would fold the surface into a lattice of cobbles.
    choppy = np.float32((0.04 + 0.03 * sea.state) * 0.30 * sea.wavelength * scale)
    xs, ys = grid((height, width))
    stretch = 1 + np.float32(2 * camera.perspective * math.sin(camera.tilt)) * (0.5 - ys / height)
    calm = 2 * max(1, round(0.12 * sea.wavelength * scale)) + 1
    map_x = (xs - width / 2) * stretch + width / 2 + choppy * cv2.blur(stack[:height, :width, 1], (calm, calm))
    map_y = (ys - height / 2) * (1 + stretch) * 0.5 + height / 2 + choppy * cv2.blur(stack[:height, :width, 2], (calm, calm))
    stack = cv2.remap(stack, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # the field is periodic
    waves, slope = np.ascontiguousarray(stack[..., 0]), [np.ascontiguousarray(stack[..., k]) for k in (1, 2)]
    # Waves that lean away from the camera mirror the bright low sky, those that lean to it show the water.
    view = math.atan2(math.sin(light.bearing) * 0.5 + 1.0 * math.sin(camera.tilt) + 0.2, math.cos(light.bearing) * 0.5)
    # Seen right along their crests, waves would show nothing but both flanks of their spread, woven into a lattice.
    view -= 0.45 * ((view - sea.bearing + math.pi / 2) % math.pi - math.pi / 2)
    lean = slope[0] * math.cos(view) + slope[1] * math.sin(view)
    # Ripples show on the faces that mirror the sky and vanish in those that let the eye into the water.
    swell = cv2.resize(lean, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    swell = cv2.GaussianBlur(swell, (0, 0), max(0.8, 0.03 * sea.wavelength * scale))
    swell = cv2.resize(swell, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(1 / max(float(swell.std()), 0.3))
    ripples = (lean - swell * np.float32(0.4)) * cv2.exp(np.float32(0.45) * swell)
    shade = np.float32(0.80) * ripples + np.float32(0.45) * swell
    shade = np.float32(2.2) * np.tanh(shade / np.float32(2.2))
    shade += 0.16 * smooth(rng, (height, width), rng.uniform(1.5, 4.0) * scale)  # gusts
    return Surface(shade, waves * np.float32(0.012 + 0.013 * sea.state), _glint(sea, light, slope, waves, rng), slope)


def _waves(sea: Sea, camera: Camera, scale: float, rows: int, columns: int, rng: np.random.Generator) -> Image:
    """Heights of a periodic wave field (arbitrary unit): white noise shaped by a spectrum with a peak, a power-law tail and a
    cosine spread round its direction."""
    fy, fx = scipy.fft.fftfreq(rows).astype(np.float32)[:, None], scipy.fft.rfftfreq(columns).astype(np.float32)[None]
    ky, kx = fy * np.float32(scale * math.cos(camera.tilt)), fx * np.float32(scale)  # waves per d on the water
    square = kx * kx + ky * ky
    square[0, 0] = 1.0
    along = (kx * np.float32(math.cos(sea.bearing)) + ky * np.float32(math.sin(sea.bearing))) ** 2 / square
    log_ratio = cv2.log(square * np.float32(sea.wavelength**2)) * np.float32(0.5)  # against the spectrum's peak
    # Capillaries fade at the pixel's scale instead of aliasing.
    exponent = (
        log_ratio * np.float32(-sea.decay)
        - 1.25 * cv2.exp(log_ratio * np.float32(-4))
        - ((fx * fx + fy * fy) / np.float32(0.42**2)) ** 2
    )
    spectrum = cv2.exp(exponent) * np.sqrt(np.float32(0.03) + cv2.pow(along, sea.spread))
    # Swell: long waves of another direction.
    bearing = sea.bearing + 0.9
    swell = ((kx * np.float32(math.cos(bearing)) + ky * np.float32(math.sin(bearing))) ** 2 / square) ** 2
    spectrum += 2 * cv2.exp(-8 * (log_ratio + np.float32(math.log(4))) ** 2) * swell
    spectrum[0, 0] = 0
    noise = rng.standard_normal((rows, columns // 2 + 1, 2), dtype=np.float32)
    return scipy.fft.irfft2((noise * spectrum[..., None]).view(np.complex64)[..., 0], (rows, columns), overwrite_x=True)


def _glint(sea: Sea, light: Light, slope: list[Image], waves: Image, rng: np.random.Generator) -> Image:
    """Facets that lean just so mirror the sun: dense where the needed slope is small against the waves', rare where it is
    large."""
    height, width = waves.shape
    need = 3.9 - 2.3 * sea.sparkle
    drift = rng.normal(0, 0.45)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(math.cos(light.bearing))
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(math.sin(light.bearing))
    lean = (slope[0] * math.cos(light.bearing) + slope[1] * math.sin(light.bearing)) * np.float32(1.35)
    wanted = need - drift * (across + down)
    wanted -= 0.35 * waves + 0.35 * smooth(rng, waves.shape, 0.25 * width)  # crests and gusts carry the roughest facets
    return step(lean - wanted, 0.0, 0.7) * np.float32(0.25 + 0.75 * min(light.sun, 1.0))


def whitecaps(sea: Sea, surface: Surface, scale: float, rng: np.random.Generator) -> Image:
    """Opacity of foam on breaking crests, [h, w]."""
    if sea.caps <= 0:
        return np.zeros_like(surface.height)
    crest = surface.height / max(float(surface.height.std()), 1e-6) + 0.35 * surface.slope[0]
    patch = fractal(rng, surface.height.shape, 1.2 * scale, 4, 0.7)
    torn = step(ridged(rng, surface.height.shape, 0.2 * scale, 3, 0.8), 0.18, 0.55)  # foam breaks up into threads as it ages
    return step(crest + 0.6 * patch, 3.9 - 1.2 * sea.caps, 4.9 - 1.2 * sea.caps) * torn
