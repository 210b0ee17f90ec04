"""From surface points to pixels: the nearest skin wins, and what falls on one pixel is averaged."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def splat(
    px: NDArray[np.float32],
    py: NDArray[np.float32],
    near: NDArray[np.float32],
    values: NDArray[np.float32],
    size: tuple[int, int],
    slack: float,
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Draw points at pixel positions px, py [N] with channels `values` [N, C]; larger `near` [N] hides smaller.

    Points within `slack` of the nearest one of their pixel are averaged (a box filter, when there are a few points to a pixel);
    holes of a pixel or two are closed and edges softened by a normalised blur. Returns the C channels [height, width] and
    coverage [height, width] in [0, 1]; `size` is (width, height).
    """
    width, height = size
    ix, iy = np.rint(px).astype(np.int32), np.rint(py).astype(np.int32)
    inside = (ix >= 0) & (ix < width) & (iy >= 0) & (iy < height)
    pixel = iy[inside] * width + ix[inside]
    key = near[inside]
    front = np.full(width * height, -np.inf, np.float32)
    np.maximum.at(front, pixel, key)
    kept = key >= front[pixel] - slack
    pixel = pixel[kept]
    weight = np.bincount(pixel, minlength=width * height).astype(np.float32).reshape(height, width)
    channels = values[inside][kept]
    occupied = (weight > 0).astype(np.float32)
    coverage = cv2.GaussianBlur(occupied, (0, 0), 0.75)
    share = 1 / np.maximum(weight, 1)
    closed = 1 / np.maximum(coverage, np.float32(1e-3))
    drawn = []
    for channel in channels.T:
        mean = np.bincount(pixel, channel, width * height).astype(np.float32).reshape(height, width) * share
        drawn.append(cv2.GaussianBlur(mean, (0, 0), 0.75) * closed)
    return drawn, np.minimum(coverage * np.float32(1.15), 1)
