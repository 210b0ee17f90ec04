"""Configuration of an identification model."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from whichwhale.augment import AugmentConfig
from whichwhale.competition.config import DataConfig, FoldsConfig
from whichwhale.config import Config
from whichwhale.fit.config import FitConfig
from whichwhale.nets import BackboneConfig
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.plane import PlaneView


class GivenPassports(Config):
    """Photos that are aligned heads already; `view` says what of the passport plane they show."""

    view: PlaneView = PlaneView(width=224, height=224)


class PassportsFromPoints(PassportConfig):
    """Passports cut from the photos by the points of an annotations.csv, or of a folder of Sloth files."""

    annotations: str  # relative to the input folder or to the runs folder, wherever it is


def _kind_of_passports(value: object) -> str:
    points = "annotations" in value if isinstance(value, dict) else isinstance(value, PassportsFromPoints)
    return "points" if points else "given"


Passports = Annotated[
    Annotated[GivenPassports, pydantic.Tag("given")] | Annotated[PassportsFromPoints, pydantic.Tag("points")],
    pydantic.Discriminator(_kind_of_passports),
]


class HeadConfig(Config):
    """What turns features into whales.

    softmax: dropout and a linear layer. arcface: a linear layer to `dims`, and cosines to one direction a whale, times `scale`,
    with the angle `margin` (radians) added to the right whale's in training (Deng et al. 2019, equation 3). The margin grows from
    0 over the first `margin_steps` steps: with all of it from the start a fit of few photos a whale stands still for epochs.
    """

    kind: Literal["softmax", "arcface"] = "softmax"
    dropout: float = pydantic.Field(0.3, ge=0, lt=1)
    smoothing: float = pydantic.Field(0.0, ge=0, lt=1)  # label smoothing
    dims: int = pydantic.Field(256, ge=2)
    scale: float = pydantic.Field(24.0, gt=0)
    margin: float = pydantic.Field(0.3, ge=0, lt=1.5)
    margin_steps: int = pydantic.Field(0, ge=0)


class AuxiliaryConfig(Config):
    """An auxiliary target: a second label of the photo, from a table of its own (`Image` and `column`).

    A photo without one, or whose label is in `ignore`, gives no auxiliary loss. `weight` 0 switches it off.
    """

    table: str = "right_whale_annotations/callosity.csv"  # relative to the input folder
    column: str = "callosity"
    ignore: list[str] = ["1"]  # unclear
    weight: float = pydantic.Field(0.0, ge=0)


class ViewsConfig(Config):
    """The views of a passport whose predictions are averaged: each shift (d) of each zoom of each rotation (degrees), and its
    mirror image if asked; test and held-out photos get the same ones."""

    mirror: bool = True
    shifts: list[tuple[float, float]] = pydantic.Field([(0.0, 0.0)], min_length=1)
    zooms: list[pydantic.PositiveFloat] = pydantic.Field([1.0], min_length=1)
    rotations: list[float] = pydantic.Field([0.0], min_length=1)
    batch_size: int = pydantic.Field(64, ge=1)


class IdentifyConfig(Config):
    """One identification model; `fold` says which of its fits: fold numbers, or all (trained on every labelled photo)."""

    room: Literal["identify"] = "identify"
    dataset: str = "right_whale_heads"  # runs/<dataset>/<name>/fold<k>
    name: str = pydantic.Field("", pattern=r"^[\w.-]*$")  # the YAML's own name if empty
    seed: pydantic.NonNegativeInt = 0
    fold: list[int | Literal["all"]] = []  # empty: every fold, then all
    data: DataConfig = DataConfig(root="right_whale_heads")
    folds: FoldsConfig = FoldsConfig()
    passports: Passports = GivenPassports()  # from points if it has `annotations`
    view: PlaneView = PlaneView()
    backbone: BackboneConfig = BackboneConfig()
    head: HeadConfig = HeadConfig()
    auxiliary: AuxiliaryConfig = AuxiliaryConfig()
    augment: AugmentConfig = AugmentConfig()
    # What a mirror image shows (augment.geometry.mirror is its chance): the same whale, or its twin, one more class a whale.
    # No whale is its own mirror image, so twins are as many new whales to tell apart; views.mirror folds them back.
    mirrored: Literal["same", "twin"] = "same"
    fit: FitConfig = FitConfig()
    views: ViewsConfig = ViewsConfig()

    @pydantic.model_validator(mode="after")
    def _horizon_outside(self) -> IdentifyConfig:
        perspective, (width, height) = self.augment.geometry.perspective, self.view.field
        if perspective * (width + height) / 2 > 0.9:
            raise ValueError(
                f"augment.geometry.perspective={perspective} would bring the horizon into a view.field of {width} x {height} d; "
                f"at most {int(180 / (width + height)) / 100}"
            )
        return self

    @pydantic.field_validator("fold", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return value if isinstance(value, list) else [value]
