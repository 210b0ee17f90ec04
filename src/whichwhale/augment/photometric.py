"""The photometric chain: what sea, air and camera do to a picture. albumentations is known here and nowhere else."""

from __future__ import annotations

import os
import random

import numpy as np
from numpy.typing import NDArray

from whichwhale.augment import air, camera, patches, sea
from whichwhale.augment.config import AIR, CAMERA, SEA, AugmentConfig
from whichwhale.augment.draws import Draw, luck, numbers
from whichwhale.geometry import Transform

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # the library would ask the network for its newest version

PLACED = {"waterline": sea.waterline, "wash": sea.wash, "spray": sea.spray}


class Photometric:
    """The photometric chain. One object serves one thread, since the library keeps its random state in the transforms."""

    def __init__(self, config: AugmentConfig) -> None:
        self._config = config
        self._chances = {piece: chance for piece in (*SEA, *AIR, *CAMERA) if (chance := getattr(config, piece))}
        self._as_ever = config.photometric != "none" or config.occlusion > 0  # of the streams of the first fits
        self._library = _heavy(config.occlusion) if config.photometric == "heavy" else None

    def __call__(self, image: NDArray[np.uint8], draw: Draw, plane: Transform | None = None) -> NDArray[np.uint8]:
        """Change a uint8 RGB [H, W, 3] picture with the draws of `draw`; the input stays as it is.

        `plane` brings points of the passport plane into the picture; what the sea does is drawn there.
        """
        lucky = {piece for piece, chance in self._chances.items() if luck(draw, piece) < chance}
        image = self._sea(image, draw, lucky, plane)
        if over := [piece for piece in AIR if piece in lucky]:
            image = air.changed(image, over, {piece: numbers(draw, piece) for piece in over}, self._config.pca_spread)
        own = self._as_ever and random.Random(int(draw.integers(2**63)))
        if self._library is not None:
            # The same two streams go to every transform of the chain in turn: `set_random_seed` would give each the same numbers.
            self._library.set_random_state(draw, own)
            return self._library(image=image)["image"]
        if own:
            own.random()  # the library's chain drew whether it was to run at all
        if self._config.photometric == "light":
            image = patches.tone(image, own)
        for piece in CAMERA:
            if piece in lucky:
                image = camera.PIECES[piece](image, numbers(draw, piece))
        return patches.hide(image, self._config.occlusion, own, draw) if self._config.occlusion else image

    def _sea(self, image: NDArray[np.uint8], draw: Draw, lucky: set[str], plane: Transform | None) -> NDArray[np.uint8]:
        place = None
        for piece in SEA:
            if piece not in lucky:
                continue
            if piece == "glint":
                image = sea.glint(image, numbers(draw, piece))
                continue
            if plane is None:
                raise ValueError(f"{piece} is drawn in the passport plane; say where that lies in the picture")
            place = sea.Place.of(plane, (image.shape[1], image.shape[0])) if place is None else place
            image = PLACED[piece](image, numbers(draw, piece), place)
        return image


def _heavy(occlusion: float):  # noqa: ANN202 (a type of the library, which only who wants it need import)
    """The library's own chain, whose draws are those of the first fits."""
    import albumentations as A

    how = [A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7)), A.Downscale(scale_range=(0.4, 0.8))]
    chain = [
        A.RandomBrightnessContrast(0.3, 0.3, p=0.8),
        A.RandomGamma((70, 145), p=0.5),
        A.HueSaturationValue(12, 35, 0, p=0.5),
        A.RGBShift(18, 18, 18, p=0.3),
        A.OneOf(how, p=0.2),
        A.GaussNoise(std_range=(0.01, 0.06), noise_scale_factor=0.5, p=0.25),
        A.ImageCompression(quality_range=(40, 90), p=0.2),
    ]
    if occlusion:
        chain.append(A.CoarseDropout((1, 3), (0.1, 0.3), (0.1, 0.3), fill="random_uniform", p=occlusion))
    return A.Compose(chain)
