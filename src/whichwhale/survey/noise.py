"""Random textures: value noise summed over octaves. All are float32 images of about zero mean and unit variance."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

# Cubic interpolation of white noise loses power between the nodes; this brings one octave back to unit variance.
_CUBIC_GAIN = 1.0 / 0.73


def smooth(rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]) -> Image:
    """White noise on a lattice of `cell` pixels (one number, or (down, across)), interpolated to `shape` (rows, columns)."""
    rows, columns = shape
    down, across = (max(float(one), 1.0) for one in (cell if isinstance(cell, tuple) else (cell, cell)))
    if max(down, across) < 1.5:
        return rng.standard_normal(shape, dtype=np.float32)
    lattice = rng.standard_normal((math.ceil(rows / down) + 2, math.ceil(columns / across) + 2), dtype=np.float32)
    image, fine = lattice, min(down, across, 4.0)
    if fine > 2:  # most of the way by cubic interpolation, the last step, where nothing is left to see, by linear: it is quicker
        middle = (math.ceil(lattice.shape[1] * across / fine), math.ceil(lattice.shape[0] * down / fine))
        image = cv2.resize(lattice, middle, interpolation=cv2.INTER_CUBIC)
    size = (math.ceil(lattice.shape[1] * across), math.ceil(lattice.shape[0] * down))
    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR if fine > 2 else cv2.INTER_CUBIC)
    y, x = rng.integers(0, [size[1] - rows + 1, size[0] - columns + 1])
    return image[y : y + rows, x : x + columns] * np.float32(_CUBIC_GAIN)


def fractal(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 4, gain: float = 0.55) -> Image:
    """Octaves of noise, the first with `cell` pixels, each next one half as coarse and `gain` times as strong."""
    rows, columns = shape
    cell = max(cell, 1.0)
    octaves = min(octaves, 1 + int(math.log2(cell)))  # finer than a pixel is nothing
    size = (math.ceil(rows / cell) + 2, math.ceil(columns / cell) + 2)
    total, power, weight = rng.standard_normal(size, dtype=np.float32), 1.0, 1.0
    for octave in range(1, octaves):  # each octave is added on its own lattice: only the last step is at full size
        size, weight = (2 * size[0], 2 * size[1]), weight * gain
        total = cv2.resize(total, size[::-1], interpolation=cv2.INTER_CUBIC) * np.float32(_CUBIC_GAIN if octave == 1 else 1.0)
        total += rng.standard_normal(size, dtype=np.float32) * np.float32(weight)
        power += weight**2
    full = (math.ceil(size[1] * cell / 2 ** (octaves - 1)), math.ceil(size[0] * cell / 2 ** (octaves - 1)))
    image = cv2.resize(total, full, interpolation=cv2.INTER_LINEAR if cell / 2 ** (octaves - 1) < 2 else cv2.INTER_CUBIC)
    return image[:rows, :columns] * np.float32(1 / math.sqrt(power))


def ridged(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 3, gain: float = 0.6) -> Image:
    """Sharp bright veins on dark, in [0, 1]: what lacy foam and caustics look like. Octaves as in `fractal`."""
    total, weights = np.zeros(shape, np.float32), 0.0
    for octave in range(octaves):
        size, weight = cell / 2**octave, gain**octave
        if octave and size < 1.0:
            break
        total += np.exp(np.abs(smooth(rng, shape, size)) * np.float32(-2.2)) * np.float32(weight)
        weights += weight
    return total / np.float32(weights)


def step(value: Image, low: float, high: float) -> Image:
    """Smooth step from 0 at `low` to 1 at `high` (Hermite)."""
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def grid(shape: tuple[int, int]) -> tuple[Image, Image]:
    """x and y of each pixel, [rows, columns] each."""
    x = np.empty(shape, np.float32)
    y = np.empty(shape, np.float32)
    x[:] = np.arange(shape[1], dtype=np.float32)[None]
    y[:] = np.arange(shape[0], dtype=np.float32)[:, None]
    return x, y


def blend(under: Image, over: Image, share: Image) -> Image:
    """`under` [h, w, 3] with `share` [h, w] of it replaced by `over` ([h, w, 3] or one colour [3])."""
    return under + cv2.merge([share] * 3) * (over - under)
