"""The photometric chain: what sea, air and camera do to a picture. albumentations is known here and nowhere else."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

from whichwhale.augment import air, camera, patches, sea
from whichwhale.augment.air import Picture
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
        self.placed = not PLACED.keys().isdisjoint(self._chances)  # whether anything is drawn in the passport plane
        self._as_ever = config.photometric != "none" or config.occlusion > 0  # of the streams of the first fits
        self._library = _heavy(config.occlusion) if config.photometric == "heavy" else None

    def __call__(self, image: Picture, draw: Draw, plane: Transform | None = None) -> Picture:
        """Change a uint8 RGB [H, W, 3] picture with the draws of `draw`; the input stays as it is.

        `plane` brings points of the passport plane into the picture; what the sea does is drawn there.
        """
        return self.many([image], [draw], [plane])[0]

    def many(self, images: Sequence[Picture], draws: Sequence[Draw], planes: Sequence[Transform | None]) -> list[Picture]:
        """The pictures, each changed as alone. Piece by piece: what is done to one after another costs three quarters of what it
        costs among all else that is done to a picture, since a processor keeps little code at hand."""
        images = list(images)
        lucky = {
            piece: [k for k, draw in enumerate(draws) if luck(draw, piece) < chance] for piece, chance in self._chances.items()
        }
        places: dict[int, sea.Place] = {}
        for piece in SEA:
            for k in lucky.get(piece, ()):
                if piece == "glint":
                    images[k] = sea.glint(images[k], numbers(draws[k], piece))
                    continue
                if k not in places:
                    places[k] = _place(piece, planes[k], images[k])
                images[k] = PLACED[piece](images[k], numbers(draws[k], piece), places[k])
        for k, draw in enumerate(draws):
            if over := [piece for piece in AIR if k in lucky.get(piece, ())]:
                own = {piece: numbers(draw, piece) for piece in over}
                images[k] = air.changed(images[k], over, own, self._config.pca_spread)
        if self._library is not None:
            return [self._by_library(*both) for both in zip(images, draws, strict=True)]
        old = [random.Random(int(draw.integers(2**63))) for draw in draws] if self._as_ever else []
        for own in old:
            own.random()  # the library's chain drew whether it was to run at all
        if self._config.photometric == "light":
            images = [patches.tone(*both) for both in zip(images, old, strict=True)]
        for piece in CAMERA:
            for k in lucky.get(piece, ()):
                images[k] = camera.PIECES[piece](images[k], numbers(draws[k], piece))
        if self._config.occlusion:
            each = zip(images, old, draws, strict=True)
            images = [patches.hide(image, self._config.occlusion, own, draw) for image, own, draw in each]
        return images

    def _by_library(self, image: Picture, draw: Draw) -> Picture:
        # The same two streams go to every transform of the chain in turn: `set_random_seed` would give each the same numbers.
        self._library.set_random_state(draw, random.Random(int(draw.integers(2**63))))
        return self._library(image=image)["image"]


def _place(piece: str, plane: Transform | None, image: Picture) -> sea.Place:
    if plane is None:
        raise ValueError(f"{piece} is drawn in the passport plane; say where that lies in the picture")
    return sea.Place.of(plane, (image.shape[1], image.shape[0]))


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
