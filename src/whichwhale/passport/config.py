"""Configuration of passports that are cut from photos by two named points."""

from __future__ import annotations

import math

import pydantic

from whichwhale.config import Config
from whichwhale.geometry import Affine, apply, similarity_from_points
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT, PlaneView


class PassportConfig(Config):
    """Which two points align the animal, and how large and fine its passport is kept.

    Bonnet tip and blowhole make a right whale's passport; eye corner and nostril make a sea lion's, fin tip and fin base a
    dolphin's. Where there are no points, `box_right` and `box_left` cut out the part's box, upright (points.py). `view` is the
    finest passport that a model is going to see. The store keeps more of it: `margin` times its field, so that a turned or
    shifted view finds pixels, with `oversampling` times its sampling, so that the second warp blurs little.
    """

    first: str = "bonnet_tip"  # at the right of the passport
    second: str = "blowhole"  # at the left
    part: str = "head"  # the part of the animal that has the points, as annotations.csv calls it
    view: PlaneView = PlaneView(width=160, height=80)
    margin: float = pydantic.Field(1.6, ge=1)
    oversampling: float = pydantic.Field(1.5, gt=0)

    @pydantic.model_validator(mode="after")
    def _two_points(self) -> PassportConfig:
        if self.first == self.second:
            raise ValueError(f"first and second are both {self.first!r}; it takes two points to align an animal")
        return self

    def store_view(self) -> PlaneView:
        """What the store shows: `margin` times the field of `view` about the same centre, in square pixels even where those of
        `view` are not, as fine as the finer side of `view` times `oversampling`, up to whole pixels."""
        per_d = self.oversampling * max(self.view.width / self.view.field[0], self.view.height / self.view.field[1])
        width, height = (math.ceil(self.margin * side * per_d - 1e-9) for side in self.view.field)
        field = width / per_d, height / per_d
        return PlaneView(width=width, height=height, centre=self.view.centre, field=field, upright=self.view.upright)

    def alignment(self, points: object) -> Affine:
        """The photo-to-store transform, float64 [2, 3], that takes `points` [2, 2] (first, second; pixels of the upright photo)
        to their fixed places: a similarity, never a mirror image. Raises ValueError if they coincide or are not finite."""
        return similarity_from_points(points, apply(self.store_view().matrix(), [FIRST_POINT, SECOND_POINT]))
