"""The camera: colours, blur, grain and compression, as albumentations' transforms of these names do them.

By OpenCV's functions themselves: around each the library needs 0.05 to 0.1 ms for itself, and it draws grain anew for each
picture.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, radians, sin

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from whichwhale.augment.air import Picture, looked_up
from whichwhale.augment.draws import Numbers

_LEVELS = np.arange(256)
GRAIN = 40  # levels a standard deviation of the grain's tile


def colour(image: Picture, draw: Numbers) -> Picture:
    """HueSaturationValue(12, 35, 0): the hue turned by up to 24 degrees, the saturation up to 35 levels more or less; grey stays
    grey."""
    turned = ((_LEVELS + draw.uniform(-12, 12)) % 180).astype(np.uint8)
    fuller = (_LEVELS + int(draw.uniform(-35, 35))).clip(0, 255).astype(np.uint8)
    fuller[0] = 0
    return cv2.cvtColor(looked_up(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), turned, fuller, None), cv2.COLOR_HSV2RGB)


def blur(image: Picture, draw: Numbers) -> Picture:
    """Out of focus, moved or too few pixels, as often each: GaussianBlur(3 to 5), MotionBlur(3 to 7), Downscale(0.4 to 0.8)."""
    kind = draw.integer(3)
    if kind == 0:
        side = (3, 5, 5)[draw.integer(3)]
        return cv2.GaussianBlur(image, (side, side), draw.uniform(0.5, 3.0))
    if kind == 1:
        return cv2.filter2D(image, -1, motion(3 + 2 * draw.integer(3), draw))
    height, width = image.shape[:2]
    scale = draw.uniform(0.4, 0.8)
    few = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(cv2.resize(image, few, interpolation=cv2.INTER_NEAREST), (width, height), interpolation=cv2.INTER_NEAREST)


def motion(side: int, draw: Numbers) -> NDArray[np.float32]:
    """What a point becomes that moves while the shutter is open, [side, side], of sum 1: a line in any direction, up to `side` px
    long, up to a quarter of it off the middle."""
    angle, bias, half = radians(draw.uniform(0, 360)), draw.uniform(-1, 1), side // 2
    start, end = -half * (1 - max(bias, 0)), half * (1 + min(bias, 0))
    x, y = half + draw.uniform(-1, 1) * half / 2, half + draw.uniform(-1, 1) * half / 2
    kernel = np.zeros((side, side), np.float32)
    for k in range(side):
        t = start + (end - start) * k / (side - 1)
        column, row = round(x + t * cos(angle)), round(y + t * sin(angle))
        kernel[min(max(row, 0), side - 1), min(max(column, 0), side - 1)] = 1
    return kernel / kernel.sum()


def noise(image: Picture, draw: Numbers) -> Picture:
    """GaussNoise(std 0.01 to 0.06, at half size): grain of a drawn strength, a drawn window of a tile that is always the same."""
    height, width = image.shape[:2]
    tile = grain((height | 255) + 257, (width | 255) + 257)  # a window can start at 256 places each way, and more
    top, left = draw.integer(len(tile) - height + 1), draw.integer(tile.shape[1] - width + 1)
    gain = 255 / GRAIN * draw.uniform(0.01, 0.06) * (1 if draw.random() < 0.5 else -1)
    return cv2.addWeighted(image, 1.0, tile[top : top + height, left : left + width], gain, -128 * gain)


@lru_cache(maxsize=4)
def grain(height: int, width: int) -> NDArray[np.uint8]:
    """Normal noise drawn at half size and enlarged, `GRAIN` levels a standard deviation of the drawn, about 128: [height, width,
    3]."""
    drawn = np.random.default_rng(1).standard_normal((height // 2, width // 2, 3), np.float32)
    return np.rint(128 + GRAIN * cv2.resize(drawn, (width, height))).clip(0, 255).astype(np.uint8)


def jpeg(image: Picture, draw: Numbers) -> Picture:
    """ImageCompression(quality 35 to 90): JPEG with colours at half size."""
    packed = simplejpeg.encode_jpeg(image, quality=35 + draw.integer(56), colorsubsampling="420", fastdct=False)
    return simplejpeg.decode_jpeg(packed, fastdct=False, fastupsample=False)


PIECES = {"colour": colour, "blur": blur, "noise": noise, "jpeg": jpeg}
