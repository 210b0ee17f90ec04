"""Air and light: changes of a picture that need no place, each a table from the old to the new value of a channel."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # RGB [H, W, 3]
_VALUES = np.arange(256.0)[:, None]


def haze(image: Picture, draw: np.random.Generator) -> Picture:
    """A veil of 10 to 45 % of one pale colour, from green to blue grey."""
    return veil(image, pale(draw, 120, 225), draw.uniform(0.1, 0.45))


def veil(image: Picture, colour: NDArray[np.float64], share: float) -> Picture:
    """`share` of every pixel replaced by `colour` [3]."""
    return _through(image, _VALUES + share * (colour - _VALUES))


def exposure(image: Picture, draw: np.random.Generator) -> Picture:
    """A picture up to 0.6 stops brighter or darker, without regard to a camera's curve.

    By a factor, where albumentations' brightness adds: what is dark in a dark head would all be black.
    """
    return _through(image, _VALUES * 2 ** draw.uniform(-0.6, 0.6))


def contrast(image: Picture, draw: np.random.Generator) -> Picture:
    """Every value as much as 1.5 times as far from the picture's mean, or as near to it."""
    return spread_out(image, 2 ** draw.uniform(-0.6, 0.6))


def spread_out(image: Picture, factor: float) -> Picture:
    """Every value `factor` times as far from the mean over all pixels and channels (albumentations': from black)."""
    mean = np.mean(cv2.mean(image)[:3])
    return _through(image, mean + factor * (_VALUES - mean))


def colour_noise(image: Picture, draw: np.random.Generator, spread: float) -> Picture:
    """The picture's principal components times their eigenvalues times alpha_i ~ N(0, spread), one draw a picture.

    Krizhevsky, Sutskever and Hinton 2012, section 4.1, with values from 0 to 1, and with the components of this picture: there is
    no table to keep, and a grey sea's noise stays grey.
    """
    return shifted(image, *components(image), draw.normal(0, spread, 3))


def components(image: Picture) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues [3], ascending, and eigenvectors [3, 3], as columns, of the covariance of the colours (values from 0 to 1, of
    every 4th pixel each way). A vector's sum is positive: LAPACK's sign means nothing."""
    pixels = image[::4, ::4].reshape(-1, 3) / 255.0
    mean = np.full(len(pixels), 1 / len(pixels)) @ pixels
    values, vectors = np.linalg.eigh(pixels.T @ pixels / len(pixels) - np.outer(mean, mean))
    return values, vectors * np.where(vectors.sum(0) < 0, -1.0, 1.0)


def shifted(image: Picture, values: NDArray, vectors: NDArray, alpha: NDArray) -> Picture:
    """Every pixel moved by sum_i alpha_i values_i vectors_i."""
    return _through(image, _VALUES + 255.0 * (vectors @ (alpha * values)))


def pale(draw: np.random.Generator, least: float, most: float) -> NDArray[np.float64]:
    """A colour of water or of the air over it, RGB [3]: between green and blue grey, its green between `least` and `most`."""
    green = draw.uniform(least, most)
    return np.array([green * draw.uniform(0.72, 0.98), green, green * draw.uniform(0.88, 1.12)]).clip(0, 255)


def _through(image: Picture, table: NDArray[np.float64]) -> Picture:
    """Each channel through its column of `table` [256, 3], or all through the one of [256, 1]."""
    table = np.rint(table).clip(0, 255).astype(np.uint8)
    return cv2.LUT(image, table[None] if table.shape[1] == 3 else table[:, 0])
