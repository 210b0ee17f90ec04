"""What the first fits drew by albumentations: a picture brighter or darker, and patches that hide parts of it.

The same numbers from the same streams, and the same pictures to the bit, without what the library takes for itself.
"""

from __future__ import annotations

import random

import numpy as np
import stringzilla

from whichwhale.augment.air import Picture

_LEVELS = np.arange(256, dtype=np.float32)


def tone(image: Picture, draw: random.Random) -> Picture:
    """RandomBrightnessContrast(0.2, 0.2, p=0.8): values times 0.8 to 1.2, and up to 20 % of white more or less."""
    if draw.random() >= 0.8:
        return image
    factor = 1.0 + draw.uniform(-0.2, 0.2)
    table = (_LEVELS * factor + draw.uniform(-0.2, 0.2) * 255).clip(0, 255).astype(np.uint8)
    image = image.copy()
    stringzilla.translate(memoryview(image), memoryview(table), inplace=True)
    return image


def hide(image: Picture, chance: float, draw: random.Random, numbers: np.random.Generator) -> Picture:
    """CoarseDropout: with `chance` 1 to 3 patches of one colour each, 10 to 30 % of the picture's sides long."""
    if chance < 1 and draw.random() >= chance:
        return image
    count = draw.randint(1, 3)
    height, width = image.shape[:2]
    high, wide = ((side * numbers.uniform(0.1, 0.3, size=count)).astype(int) for side in (height, width))
    high, wide = high.tolist(), wide.tolist()
    # One by one: the same numbers as of all at once, in a quarter of the time.
    top, left = ([int(numbers.integers(0, side - s + 1)) for s in sides] for side, sides in ((height, high), (width, wide)))
    colours = np.random.default_rng(numbers.integers(0, 2**32 - 1))
    image = image.copy()
    for y, x, down, across in zip(top, left, high, wide, strict=True):
        image[y : y + down, x : x + across] = colours.integers(0, 256, size=(1, 3), dtype=np.uint8)
    return image
