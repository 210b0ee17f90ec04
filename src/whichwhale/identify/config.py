"""Configuration of an identification model."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from whichwhale.augment import AugmentConfig
from whichwhale.competition.config import DataConfig, RepeatedFoldsConfig
from whichwhale.config import LISTED, Config
from whichwhale.fit.config import FitConfig
from whichwhale.identify.head_config import HeadConfig
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


class SamplerConfig(Config):
    """What makes a batch of `fit.batch_size`. shuffled: any photos. pk: `photos` photos of each of `whales` whales (None: as many
    as fill the batch), which losses of pairs and triplets need. An epoch has about as many batches either way (fit/groups.py)."""

    kind: Literal["shuffled", "pk"] = "shuffled"
    whales: Annotated[int, pydantic.Field(ge=2)] | None = None
    photos: int = pydantic.Field(4, ge=2)

    @pydantic.model_validator(mode="after")
    def _keys_of_the_kind(self) -> SamplerConfig:
        if self.kind == "shuffled" and (self.whales is not None or self.photos != type(self).model_fields["photos"].default):
            raise ValueError("whales and photos mean nothing to kind=shuffled; leave them out, or take kind=pk")
        return self

    def whales_of(self, batch_size: int) -> int:
        """Whales in a batch of kind pk. Raises ValueError if they and their photos do not make `batch_size`."""
        whales = batch_size // self.photos if self.whales is None else self.whales
        if whales < 2 or whales * self.photos != batch_size:
            size = max(whales, 2) * self.photos
            raise ValueError(
                f"fit.batch_size={batch_size} is not {max(whales, 2)} whales x sampler.photos={self.photos}; "
                f"set fit.batch_size={size}, or change sampler.whales or sampler.photos"
            )
        return whales


class AlarmConfig(Config):
    """When a fit of an embedding is stopped because it has collapsed (alarm.py). A softmax head has no alarm.

    The loss is stuck if its running mean is within `tolerance` of what a network has that says the same of every photo (a share
    of it), the embeddings have shrunk to a point if the variance of the unit vectors in a batch is under `spread`, or under a
    hundredth of what it once was. Either must last for `patience` steps after the warm-up; it is looked at every `every` steps.
    """

    on: bool = True
    patience: int = pydantic.Field(400, ge=1)
    every: int = pydantic.Field(20, ge=1)
    tolerance: float = pydantic.Field(0.01, gt=0, lt=1)
    spread: float = pydantic.Field(1e-3, gt=0, lt=1)


class AuxiliaryConfig(Config):
    """An auxiliary target: a second label of the photo, from a table of its own (`Image` and `column`).

    A photo without one, or whose label is in `ignore`, gives no auxiliary loss. `weight` 0 switches it off.
    """

    table: str = "right_whale_annotations/callosity.csv"  # relative to the input folder
    column: str = "callosity"
    ignore: list[str] = ["1"]  # unclear
    weight: float = pydantic.Field(0.0, ge=0)


class WeakConfig(Config):
    """Weak labels: pairs of photos that show one animal, or two, whether or not anybody knows which (links.py).

    Test photos that the links name are trained on as well, without a label; held-out photos never are.
    """

    links: str  # CSV of first, second, link (must | cannot), relative to the input folder


class ViewsConfig(Config):
    """The views of a passport whose predictions are averaged: each shift (d) of each zoom of each rotation (degrees), and its
    mirror image if asked; test and held-out photos get the same ones."""

    mirror: bool = True
    shifts: list[tuple[float, float]] = pydantic.Field([(0.0, 0.0)], min_length=1)
    zooms: list[pydantic.PositiveFloat] = pydantic.Field([1.0], min_length=1)
    rotations: list[float] = pydantic.Field([0.0], min_length=1)
    batch_size: int = pydantic.Field(64, ge=1)


class BottleneckConfig(Config):
    """The backbone stands still: its features of every photo are computed once and kept on disk, and the head alone is fitted.

    A photo trains in `variants` ways, which take turns: as it is, and augmented with draws that stay the same ever after. With
    `mirrored: twin` the second is always a mirror image, so that each photo shows its whale and the twin.
    """

    variants: int = pydantic.Field(4, ge=1)


class OnwardConfig(Config):
    """Go on from fitted weights: `epochs` more at the low rate `lr`, without kicks.

    Without `model` only the `all` fit does so: it starts from this model's own fold `fold` and adds that fold's held-out photos,
    as the winners of 2016 did. From another `model` of the data set (fitted on smaller passports, say) fold k goes on from its
    fold k, and `all` from its fold `fold`. No fold goes on from another: that one has learned from photos that it must not see.
    """

    model: str = pydantic.Field("", pattern=r"^[\w.-]*$")
    fold: int | Literal["all"] | None = None  # that `all` starts from; 0 if none is given
    epochs: int = pydantic.Field(4, ge=1)
    lr: float = pydantic.Field(1e-4, gt=0)

    @pydantic.model_validator(mode="after")
    def _from_somewhere_else(self) -> OnwardConfig:
        if self.fold == "all" and not self.model:
            raise ValueError("fold=all of the model itself is what is fitted; give the number of a fold, or another model")
        return self


class IdentifyConfig(Config):
    """One identification model; `fold` says which of its fits: fold numbers, or all (trained on every labelled photo)."""

    room: Literal["identify"] = "identify"
    dataset: str = "right_whale_heads"  # runs/<dataset>/<name>/fold<k>
    name: str = pydantic.Field("", pattern=r"^[\w.-]*$")  # the YAML's own name if empty
    seed: pydantic.NonNegativeInt = 0
    fold: Annotated[list[int | Literal["all"]], LISTED] = []  # empty: every fold, then all
    data: DataConfig = DataConfig(root="right_whale_heads")
    folds: RepeatedFoldsConfig = RepeatedFoldsConfig()
    passports: Passports = GivenPassports()  # from points if it has `annotations`
    view: PlaneView = PlaneView()
    backbone: BackboneConfig = BackboneConfig()
    bottleneck: BottleneckConfig | None = None
    head: HeadConfig = HeadConfig()
    sampler: SamplerConfig = SamplerConfig()
    alarm: AlarmConfig = AlarmConfig()
    auxiliary: AuxiliaryConfig = AuxiliaryConfig()
    weak: WeakConfig | None = None
    augment: AugmentConfig = AugmentConfig()
    # What a mirror image shows (augment.geometry.mirror is its chance): the same whale, or its twin, one more class a whale.
    # No whale is its own mirror image, so twins are as many new whales to tell apart; views.mirror folds them back.
    mirrored: Literal["same", "twin"] = "same"
    fit: FitConfig = FitConfig()
    onward: OnwardConfig | None = None
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

    @pydantic.model_validator(mode="after")
    def _batches_fit_the_head(self) -> IdentifyConfig:
        if self.head.kind in ("triplet", "siamese") and self.sampler.kind != "pk":
            raise ValueError(
                f"head.kind={self.head.kind} compares photos of a whale, and a batch of any photos has hardly two of one; "
                "set sampler.kind=pk"
            )
        if self.head.kind in ("triplet", "siamese") and self.augment.mix.on:
            raise ValueError(
                f"head.kind={self.head.kind} has no place for a picture of two whales; leave out augment.mix, "
                "or take a head.kind of softmax, arcface or subcentre"
            )
        if self.weak is not None and self.head.kind not in ("triplet", "siamese"):
            raise ValueError(
                f"head.kind={self.head.kind} learns whales, and weak.links names none; leave out weak, "
                "or take a head.kind of triplet or siamese, which compare photos"
            )
        if self.sampler.kind == "pk":
            self.sampler.whales_of(self.fit.batch_size)
        return self

    @pydantic.model_validator(mode="after")
    def _whales_and_twins_are_both_seen(self) -> IdentifyConfig:
        mirror = self.augment.geometry.mirror
        if self.mirrored == "twin" and not 0 < mirror < 1:
            raise ValueError(
                f"augment.geometry.mirror={mirror:g} with mirrored=twin: a fit would see no {'whale' if mirror else 'twin'}, and "
                "classes that nothing trained would answer for them; set a chance between 0 and 1, or mirrored=same"
            )
        if self.mirrored == "twin" and self.bottleneck is not None and self.bottleneck.variants == 1:
            raise ValueError(
                "bottleneck.variants=1 with mirrored=twin: the only variant is the passport as it is, so no twin would be seen; "
                "raise variants, or set mirrored=same"
            )
        return self

    @pydantic.model_validator(mode="after")
    def _nothing_to_fit_in_a_backbone_that_stands_still(self) -> IdentifyConfig:
        if self.bottleneck is None:
            return self
        if self.augment.mix.on:
            raise ValueError("augment.mix: with a bottleneck features are made photo by photo, so none is mixed; leave it out")
        for key, idle in (("frozen", (0.0, 1.0)), ("drop_path", (0.0,))):
            if (value := getattr(self.backbone, key)) not in idle:
                raise ValueError(f"backbone.{key}={value:g}: with a bottleneck all of the backbone stands still; leave it out")
        if self.backbone.narrow and not (self.onward and self.onward.model):
            raise ValueError(
                f"backbone.narrow={self.backbone.narrow}: with a bottleneck nothing trains its convolution, and it was drawn by "
                "chance; leave it out, or go on from a fitted model (onward.model)"
            )
        return self
