"""Configuration of augmentation."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from whichwhale.config import Config

NonNegative = pydantic.NonNegativeFloat
Chance = Annotated[float, pydantic.Field(ge=0, le=1)]

# The pieces that can be had by key, in the order in which they happen: the sea over the animal, the air over the sea, the camera.
SEA = ("waterline", "wash", "glint", "spray")
AIR = ("haze", "exposure", "contrast", "pca")
CAMERA = ("colour", "blur", "noise", "jpeg")
IN_PRESET = {"none": (), "light": ("exposure", "contrast"), "heavy": ("exposure", "contrast", *CAMERA)}


class GeometryConfig(Config):
    """How a passport moves between epochs. Each is the largest change; draws are uniform (zoom and stretch: in the logarithm).

    Of `jitter` it is the standard deviation: each of the two points that align the head moves by two normal draws, as if it had
    been found that badly, and the passport with them.
    """

    rotation: NonNegative = 12.0  # degrees
    zoom: NonNegative = 0.15  # as a share of the size
    stretch: NonNegative = 0.08  # of width against height: the animal rolls, the camera looks aslant
    shift: NonNegative = 0.06  # d, each way
    mirror: Chance = 0.5  # chance of a mirror image; the model's `mirrored` says what it shows
    jitter: float = pydantic.Field(0.0, ge=0, le=0.1)  # d
    perspective: float = pydantic.Field(0.0, ge=0, le=0.3)  # of size, from the centre to d away from it, each way


class MixConfig(Config):
    """Two pictures of a batch in one, learnt as both whales by their shares; for heads whose loss can weigh its rows.

    mixup: the one shines through the other (Zhang et al. 2018); cutmix: a rectangle of the other (Yun et al. 2019). Each number
    is the alpha of the share's Beta(alpha, alpha), 0 is off; with both, each mixes half of the pictures. A picture keeps the
    greater share of itself: two that became one another would be the same pictures twice. `chance` of a picture to be
    mixed; after the share `until` of the epochs none is, so that a fit ends on pictures as they are.
    """

    mixup: NonNegative = 0.0
    cutmix: NonNegative = 0.0
    chance: Chance = 0.5
    until: float = pydantic.Field(0.85, gt=0, le=1)

    @property
    def on(self) -> bool:
        """Whether any picture is mixed."""
        return bool(self.chance and (self.mixup or self.cutmix))

    def epochs(self, of: int) -> float:
        """In how many of a fit's epochs pictures are mixed."""
        return self.until * of if self.on else 0.0


class AugmentConfig(Config):
    """What a training passport goes through. `heavy` is for long fits; `light` learns faster and forgets nothing.

    A preset can be added to, or `photometric: none` built up, by the pieces that follow `occlusion`: each is a chance. The draws
    of a piece are its own, so that one more or less leaves the others as they were (but the camera's share a stream).
    """

    geometry: GeometryConfig = GeometryConfig()
    photometric: Literal["none", "light", "heavy"] = "heavy"
    occlusion: Chance = 0.0  # that a few patches are hidden, as wash and blow hide them

    waterline: Chance = 0.0  # all beyond a line through the head is under water
    wash: Chance = 0.0  # white foam with soft edges over a part of the head
    glint: Chance = 0.0  # sun glitter: small bright specks or streaks
    spray: Chance = 0.0  # the blow: a soft bright cloud that begins at the second point, the blowhole
    haze: Chance = 0.0  # a veil of one colour
    exposure: Chance = 0.0  # up to 0.6 stops brighter or darker
    contrast: Chance = 0.0  # about the picture's mean
    pca: Chance = 0.0  # noise along the principal components of the picture's colours (Krizhevsky et al. 2012, section 4.1)
    pca_spread: NonNegative = 0.1  # standard deviation of its alpha, as there; one picture's colours vary less than a data set's
    colour: Chance = 0.0  # hue and saturation
    blur: Chance = 0.0  # out of focus, moved, or too few pixels
    noise: Chance = 0.0
    jpeg: Chance = 0.0

    mix: MixConfig = MixConfig()

    @pydantic.model_validator(mode="after")
    def _nothing_twice(self) -> AugmentConfig:
        if twice := [piece for piece in IN_PRESET[self.photometric] if getattr(self, piece)]:
            raise ValueError(
                f"photometric: {self.photometric} has {', '.join(twice)} already; "
                "say photometric: none and every piece that is wanted, or leave these at 0"
            )
        return self
