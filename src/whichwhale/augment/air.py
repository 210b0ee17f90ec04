"""Air and light: changes of a picture that need no place, each of a channel's values alone.

They happen to `Values`: the 256 values that a channel can have, each channel's in its column, and below them a sample of the
picture's pixels, for those that want to know what the picture is like by then. In the end the 256 are a table, through which the
picture goes once, however many changes there were.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import stringzilla
from numpy.typing import NDArray

from whichwhale.augment.draws import Numbers

Picture = NDArray[np.uint8]  # RGB [H, W, 3]
Values = NDArray[np.float32]  # [256 + pixels, 3], from 0 to 255
LEVELS = 256
_LEVELS = np.repeat(np.arange(LEVELS, dtype=np.float32)[:, None], 3, 1)


def values_of(image: Picture) -> Values:
    """A picture's values before any change; the sample is about every 4th pixel each way."""
    height, width = image.shape[:2]
    pixels = cv2.resize(image, (-(-width // 4), -(-height // 4)), interpolation=cv2.INTER_NEAREST)
    return np.concatenate([_LEVELS, pixels.reshape(-1, 3)])


def through(image: Picture, values: Values) -> Picture:
    """The picture as its `values` say."""
    return looked_up(image, *np.ascontiguousarray(np.rint(values[:LEVELS]).astype(np.uint8).T))


def looked_up(image: Picture, *tables: NDArray[np.uint8] | None) -> Picture:
    """Each channel through its table [256], or as it is; in half of the time of `cv2.LUT`."""
    channels = cv2.split(image)
    for channel, table in zip(channels, tables, strict=True):
        if table is not None:
            stringzilla.translate(memoryview(channel), memoryview(table), inplace=True)
    return cv2.merge(channels)


def changed(image: Picture, pieces: Sequence[str], draws: dict[str, Numbers], spread: float) -> Picture:
    """The picture after `pieces` in their order, each drawn from its own numbers; `spread` is that of the colour noise."""
    values = values_of(image) if SAMPLED.intersection(pieces) else _LEVELS.copy()
    for piece in pieces:
        if piece == "pca":
            colour_noise(values, draws[piece], spread)
        else:
            CHANGES[piece](values, draws[piece])
    return through(image, values)


def haze(values: Values, draw: Numbers) -> None:
    """A veil of 10 to 45 % of one pale colour, from green to blue grey."""
    veil(values, pale(draw, 120, 225), draw.uniform(0.1, 0.45))


def veil(values: Values, colour: tuple[float, float, float], share: float) -> None:
    """`share` of every pixel replaced by `colour`."""
    values *= 1 - share
    values += np.array([share * level for level in colour], np.float32)


def exposure(values: Values, draw: Numbers) -> None:
    """A picture up to 0.6 stops brighter or darker, without regard to a camera's curve.

    By a factor, where albumentations' brightness adds: what is dark in a dark head would all be black.
    """
    values *= 2 ** draw.uniform(-0.6, 0.6)
    np.minimum(values, 255, out=values)


def contrast(values: Values, draw: Numbers) -> None:
    """Every value as much as 1.5 times as far from the picture's mean, or as near to it."""
    spread_out(values, 2 ** draw.uniform(-0.6, 0.6))


def spread_out(values: Values, factor: float) -> None:
    """Every value `factor` times as far from the mean over all pixels and channels (albumentations': from black)."""
    pixels = values[LEVELS:]
    mean = float(pixels.sum()) / pixels.size
    values *= factor
    values += (1 - factor) * mean
    _clip(values)


def colour_noise(values: Values, draw: Numbers, spread: float) -> None:
    """The picture's principal components times their eigenvalues times alpha_i ~ N(0, spread), one draw a picture.

    Krizhevsky, Sutskever and Hinton 2012, section 4.1, with values from 0 to 1, and with the components of this picture: there is
    no table to keep, and a grey sea's noise stays grey.
    """
    shifted(values, [draw.normal(spread), draw.normal(spread), draw.normal(spread)])


def shifted(values: Values, alpha: list[float]) -> None:
    """Every pixel moved by C `alpha`, C [3, 3] the covariance of the colours (values from 0 to 1).

    The paper's sum over components p_i, eigenvalues l_i of alpha_i l_i p_i is C (sum alpha_i p_i), and that sum is as normal as
    the alpha: no component need be known.
    """
    pixels = values[LEVELS:]
    along = pixels @ np.array(alpha, np.float32)
    along -= along.sum() / len(pixels)
    values += (along @ pixels) / (255 * len(pixels))
    _clip(values)


def pale(draw: Numbers, least: float, most: float) -> tuple[float, float, float]:
    """A colour of water or of the air over it, RGB: between green and blue grey, its green between `least` and `most`."""
    green = draw.uniform(least, most)
    return green * draw.uniform(0.72, 0.98), green, min(green * draw.uniform(0.88, 1.12), 255.0)


def _clip(values: Values) -> None:
    np.maximum(values, 0, out=values)
    np.minimum(values, 255, out=values)


SAMPLED = {"contrast", "pca"}
CHANGES = {"haze": haze, "exposure": exposure, "contrast": contrast}
