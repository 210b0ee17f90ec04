"""Augmentation: geometric changes of the passport as one transform, and the photometric chain (albumentations, nowhere else).

Every draw is keyed by (seed, epoch, item): resuming a fit, the number of workers and the order of items change nothing.
"""

from __future__ import annotations

import os
import random
from typing import Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from whichwhale.config import Config
from whichwhale.geometry import Affine, compose, rotation, scaling, translation

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # the library would ask the network for its newest version

NonNegative = pydantic.NonNegativeFloat


class GeometryConfig(Config):
    """How a passport moves between epochs. Each is the largest change; draws are uniform (zoom and stretch: in the logarithm)."""

    rotation: NonNegative = 12.0  # degrees
    zoom: NonNegative = 0.15  # as a share of the size
    stretch: NonNegative = 0.08  # of width against height: the animal rolls, the camera looks aslant
    shift: NonNegative = 0.06  # d, each way
    mirror: float = pydantic.Field(0.5, ge=0, le=1)  # chance of a mirror image; the model's `mirrored` says what it shows


class AugmentConfig(Config):
    """What a training passport goes through. `heavy` is for long fits; `light` learns faster and forgets nothing."""

    geometry: GeometryConfig = GeometryConfig()
    photometric: Literal["none", "light", "heavy"] = "heavy"
    occlusion: float = pydantic.Field(0.0, ge=0, le=1)  # chance that a few patches are hidden, as wash and blow hide them


def generator(*key: int) -> np.random.Generator:
    """The random stream of a key such as (seed, epoch, item); streams of different keys of the same length are independent.

    (Of the same length, and numbers below 2**32: numpy fills short keys with zeros, so (1, 2) and (1, 2, 0) are one stream.)
    """
    return np.random.default_rng(key)


def draw_geometry(config: GeometryConfig, draw: np.random.Generator, centre: tuple[float, float]) -> Affine:
    """A random change of the passport plane about `centre` (unit d): float64 [2, 3], plane to plane.

    The rotation happens where heads are not squashed, so a turned head keeps its shape.
    """
    turn, grow, stretch, dx, dy = draw.uniform(-1, 1, 5)
    mirrored = draw.random() < config.mirror
    size = (1 + config.zoom) ** grow
    wide = (1 + config.stretch) ** (stretch / 2)
    return compose(
        scaling(1.0, -1.0 if mirrored else 1.0),  # in the line through the two points
        rotation(np.deg2rad(config.rotation) * turn, centre),
        scaling(size * wide, size / wide, centre),
        translation(config.shift * dx, config.shift * dy),
    )


class Photometric:
    """The photometric chain. One object serves one thread, since the library keeps its random state in the transforms."""

    def __init__(self, config: AugmentConfig) -> None:
        import albumentations as A

        blurs = [A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7)), A.Downscale(scale_range=(0.4, 0.8))]
        chains = {
            "none": [],
            "light": [A.RandomBrightnessContrast(0.2, 0.2, p=0.8)],
            "heavy": [
                A.RandomBrightnessContrast(0.3, 0.3, p=0.8),
                A.RandomGamma((70, 145), p=0.5),
                A.HueSaturationValue(12, 35, 0, p=0.5),
                A.RGBShift(18, 18, 18, p=0.3),
                A.OneOf(blurs, p=0.2),
                A.GaussNoise(std_range=(0.01, 0.06), noise_scale_factor=0.5, p=0.25),
                A.ImageCompression(quality_range=(40, 90), p=0.2),
            ],
        }
        chain = chains[config.photometric]
        if config.occlusion:
            hide = A.CoarseDropout((1, 3), (0.1, 0.3), (0.1, 0.3), fill="random_uniform", p=config.occlusion)
            chain = [*chain, hide]
        self._chain = A.Compose(chain) if chain else None

    def __call__(self, image: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
        """Change a uint8 RGB [H, W, 3] picture with the draws of `draw`; the input stays as it is."""
        if self._chain is None:
            return image
        # The same two streams go to every transform of the chain in turn: `set_random_seed` would give each the same numbers.
        self._chain.set_random_state(draw, random.Random(int(draw.integers(2**63))))
        return self._chain(image=image)["image"]

