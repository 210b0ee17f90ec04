"""How large pictures are for a network, and how they move while it learns from them."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from whichwhale.augment import AugmentConfig
from whichwhale.config import Config

Side = Annotated[int, pydantic.Field(ge=32, multiple_of=32)]  # px; the coarsest maps of a backbone are 1/32 of its input


class MovesConfig(Config):
    """How a picture moves between epochs. Each is the largest change; draws are uniform (zoom: in the logarithm)."""

    rotation: float = pydantic.Field(180.0, ge=0, le=180)  # degrees
    zoom: float = pydantic.Field(0.2, ge=0)  # as a share of the size
    shift: float = pydantic.Field(0.1, ge=0)  # as a share of the view's sides
    mirror: float = pydantic.Field(0.5, ge=0, le=1)  # chance; 0 where points are a left and a right one
    photometric: Literal["none", "light", "heavy"] = "light"
    occlusion: float = pydantic.Field(0.0, ge=0, le=1)  # chance that a few patches are hidden

    def photometry(self) -> AugmentConfig:
        """What is done to the pixels, as the photometric chain takes it."""
        return AugmentConfig(photometric=self.photometric, occlusion=self.occlusion)
