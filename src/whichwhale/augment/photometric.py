"""The photometric chain: what sea, air and camera do to a picture. albumentations is known here and nowhere else."""

from __future__ import annotations

import os
import random

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import air, sea
from whichwhale.augment.config import AIR, SEA, AugmentConfig
from whichwhale.augment.draws import stream
from whichwhale.geometry import Transform

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # the library would ask the network for its newest version

PLACED = {"waterline": sea.waterline, "wash": sea.wash, "spray": sea.spray}
ANYWHERE = {"glint": sea.glint, "haze": air.haze, "exposure": air.exposure, "contrast": air.contrast}


class Photometric:
    """The photometric chain. One object serves one thread, since the library keeps its random state in the transforms."""

    def __init__(self, config: AugmentConfig) -> None:
        import albumentations as A

        self._config = config
        self._drawn = [piece for piece in (*SEA, *AIR) if getattr(config, piece)]

        def blurs(chance: float) -> A.OneOf:
            how = [A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7)), A.Downscale(scale_range=(0.4, 0.8))]
            return A.OneOf(how, p=chance)

        chains = {
            "none": [],
            "light": [A.RandomBrightnessContrast(0.2, 0.2, p=0.8)],
            "heavy": [
                A.RandomBrightnessContrast(0.3, 0.3, p=0.8),
                A.RandomGamma((70, 145), p=0.5),
                A.HueSaturationValue(12, 35, 0, p=0.5),
                A.RGBShift(18, 18, 18, p=0.3),
                blurs(0.2),
                A.GaussNoise(std_range=(0.01, 0.06), noise_scale_factor=0.5, p=0.25),
                A.ImageCompression(quality_range=(40, 90), p=0.2),
            ],
        }
        pieces = {
            "colour": lambda chance: A.HueSaturationValue(12, 35, 0, p=chance),
            "blur": blurs,
            "noise": lambda chance: A.GaussNoise(std_range=(0.01, 0.06), noise_scale_factor=0.5, p=chance),
            "jpeg": lambda chance: A.ImageCompression(quality_range=(35, 90), p=chance),
        }
        chain = chains[config.photometric]
        chain += [make(chance) for piece, make in pieces.items() if (chance := getattr(config, piece))]
        if config.occlusion:
            hide = A.CoarseDropout((1, 3), (0.1, 0.3), (0.1, 0.3), fill="random_uniform", p=config.occlusion)
            chain = [*chain, hide]
        self._chain = A.Compose(chain) if chain else None

    def __call__(self, image: NDArray[np.uint8], draw: np.random.Generator, plane: Transform | None = None) -> NDArray[np.uint8]:
        """Change a uint8 RGB [H, W, 3] picture with the draws of `draw`; the input stays as it is.

        `plane` brings points of the passport plane into the picture; what the sea does is drawn there.
        """
        image = self._draw_pieces(image, draw, plane)
        if self._chain is None:
            return image
        # The same two streams go to every transform of the chain in turn: `set_random_seed` would give each the same numbers.
        self._chain.set_random_state(draw, random.Random(int(draw.integers(2**63))))
        return self._chain(image=image)["image"]

    def _draw_pieces(self, image: NDArray[np.uint8], draw: np.random.Generator, plane: Transform | None) -> NDArray[np.uint8]:
        if not self._drawn:
            return image
        luck = dict(zip((*SEA, *AIR), stream(draw, "chances").random(len(SEA) + len(AIR)).tolist(), strict=True))
        place = None
        for piece in self._drawn:
            if luck[piece] >= getattr(self._config, piece):
                continue
            own = stream(draw, piece)
            if piece in PLACED:
                if plane is None:
                    raise ValueError(f"{piece} is drawn in the passport plane; say where that lies in the picture")
                place = sea.Place.of(plane, (image.shape[1], image.shape[0])) if place is None else place
                image = PLACED[piece](image, own, place)
            elif piece == "pca":
                image = air.colour_noise(image, own, self._config.pca_spread)
            else:
                image = ANYWHERE[piece](image, own)
        return image
