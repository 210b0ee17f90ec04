"""Configuration of localizers and aligners."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pydantic
from numpy.typing import ArrayLike

from whichwhale.augment import AugmentConfig
from whichwhale.competition.config import DataConfig, FoldsConfig
from whichwhale.config import Config
from whichwhale.fit.config import FitConfig
from whichwhale.geometry import Affine
from whichwhale.localize.frames import square_about
from whichwhale.nets import BackboneConfig

Weight = Annotated[float, pydantic.Field(ge=0)]
Side = Annotated[int, pydantic.Field(ge=32, multiple_of=32)]  # px; the coarsest maps of a backbone are 1/32 of its input


class TruthConfig(Config):
    """Where the labelled photos' boxes and points are written: Sloth files, or a contract-1 table if `table` is given.

    Rows of photos that are not in the training table are never read: a survey's files know its test photos too.
    """

    folder: str = ""  # relative to the input folder; the competition's own if empty
    table: str = ""  # an annotations.csv in it; it must have the points below
    points: dict[str, str] = {"bonnet_tip": "points1.json", "blowhole": "points2.json"}  # NAME: Sloth file; the first two span d
    boxes: str = "slot.json"  # Sloth file of the boxes; none if empty
    part: str = "head"
    box_from_points: float = pydantic.Field(1.75, gt=0)  # side of a square about the points, in d, where a row has no box

    @pydantic.field_validator("points")
    @classmethod
    def _two_points(cls, value: dict[str, str]) -> dict[str, str]:
        if len(value) < 2:
            raise ValueError("two points at least are needed: their distance d is the unit of every error")
        return value


class MovesConfig(Config):
    """How a picture moves between epochs. Each is the largest change; draws are uniform (zoom: in the logarithm)."""

    rotation: float = pydantic.Field(180.0, ge=0, le=180)  # degrees
    zoom: Weight = 0.2  # as a share of the size
    shift: Weight = 0.1  # as a share of the view's sides
    mirror: float = pydantic.Field(0.5, ge=0, le=1)  # chance; 0 where points are a left and a right one
    photometric: Literal["none", "light", "heavy"] = "light"
    occlusion: float = pydantic.Field(0.0, ge=0, le=1)  # chance that a few patches are hidden

    def photometry(self) -> AugmentConfig:
        return AugmentConfig(photometric=self.photometric, occlusion=self.occlusion)


class ViewsConfig(Config):
    """The views of a picture whose predictions are averaged: each rotation (degrees), and its mirror image if asked."""

    rotations: list[float] = pydantic.Field([0.0], min_length=1)
    mirror: bool = True
    batch_size: int = pydantic.Field(32, ge=1)


class HeatmapConfig(Config):
    """Heat maps: a neck of `width` channels brings the backbone's maps to `stride`, a target is a Gaussian of `sigma` cells."""

    stride: Literal[2, 4, 8, 16] = 4  # px of the view a cell
    coarsest: Literal[8, 16, 32] = 32  # stride of the last maps that are used; what of the backbone lies behind them is left out
    sigma: float = pydantic.Field(1.0, ge=0.7)  # cells; narrower ones are not sampled well enough to decode between cells
    window: float = pydantic.Field(1.5, gt=0)  # width of the decoder's window, in sigma
    width: int = pydantic.Field(64, ge=8)


class SecondLookConfig(Config):
    """The second look of the variant `two_looks`: a window in which the head that the first look found lies level."""

    reduction: int = pydantic.Field(3, ge=1)  # the first look sees the view that many times smaller
    width: Side = 160  # px of the window
    height: Side = 96
    span: float = pydantic.Field(0.5, gt=0, lt=1)  # d, as a share of the window's width
    heatmap: HeatmapConfig = HeatmapConfig(coarsest=16)  # a level head takes less context than a turned one
    times: int = pydantic.Field(2, ge=1)  # how often it looks when predicting, each time led by the points before
    weight: Weight = 1.0  # of its loss
    error: Weight = 0.1  # d: typical standard deviation of a first look's points, along one axis
    error_spread: Weight = 0.5  # of the logarithm of that, from photo to photo
    swapped: float = pydantic.Field(0.05, ge=0, le=1)  # chance that head is taken for tail

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the window, px."""
        return self.width, self.height

    @property
    def places(self) -> list[list[float]]:
        """Where the first two points lie in the window if the first look was right, px: level, about its middle."""
        middle, half = (self.width - 1) / 2, self.span * self.width / 2
        return [[middle - half, (self.height - 1) / 2], [middle + half, (self.height - 1) / 2]]


class LocateConfig(Config):
    """What localizer and aligner share. `fold` says which fold models; there is none that saw every photo, since photos without a
    fold of their own get the mean over fold models."""

    variant: Literal["heatmap"] = "heatmap"
    name: str = pydantic.Field("", pattern=r"^[\w.-]*$")  # the YAML's own name if empty
    dataset: str = "survey"  # runs/<dataset>/<name>/fold<k>
    seed: pydantic.NonNegativeInt = 0
    fold: list[int] = []  # empty: every fold
    data: DataConfig = DataConfig()
    folds: FoldsConfig = FoldsConfig()
    truth: TruthConfig = TruthConfig()
    backbone: BackboneConfig = BackboneConfig()
    heatmap: HeatmapConfig = HeatmapConfig()
    augment: MovesConfig = MovesConfig()
    fit: FitConfig = FitConfig()
    views: ViewsConfig = ViewsConfig()
    point_weight: Weight = 1.0  # of the points' loss
    box_margin: Weight = 0.15  # d: room about the points that were found; a box without it is enlarged
    least_score: float = pydantic.Field(0.02, ge=0, le=1)  # a photo whose best place has less gets status none

    @pydantic.field_validator("fold", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return value if isinstance(value, list) else [value]

    @property
    def view_size(self) -> tuple[int, int]:
        """(width, height) of what the network sees, px."""
        raise NotImplementedError

    @property
    def channels(self) -> list[str]:
        """What has a heat map, in order: `box` (its centre) if boxes are predicted, and the points' names."""
        raise NotImplementedError


class LocalizerConfig(LocateConfig):
    """Whole photo, reduced and letterboxed to `width` x `height`, to head box, with the points as auxiliary targets.

    Letterboxed, not stretched: a stretched whale that turns is sheared, and a network that looks at every rotation would have to
    learn each shape of photo.
    """

    room: Literal["localize"] = "localize"
    width: Side = 384
    height: Side = 256
    point_weight: Weight = 0.5  # 0: no points are learnt or predicted
    size_weight: Weight = 1.0
    views: ViewsConfig = ViewsConfig(rotations=[0.0, 180.0])

    @property
    def view_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def channels(self) -> list[str]:
        return ["box", *(self.truth.points if self.point_weight else [])]


class AlignerConfig(LocateConfig):
    """Head crop to its points, at any rotation. The crop is a square of `field` box sizes about the box, drawn `size` px wide.

    Variant `two_looks` looks at it `second.reduction` times smaller, and then at the level head in the crop itself.
    """

    room: Literal["align"] = "align"
    variant: Literal["heatmap", "two_looks"] = "heatmap"
    second: SecondLookConfig = SecondLookConfig()  # of two_looks
    boxes: str = "localizer"  # run whose annotations.csv has the boxes, out-of-fold; empty: true ones, no test photos
    size: Side = 160
    field: float = pydantic.Field(1.8, ge=1)  # in box sizes (root mean square of width and height)
    margin: float = pydantic.Field(1.5, ge=1)  # how much more than the field is kept on disk, so that turned views find pixels
    augment: MovesConfig = MovesConfig(zoom=0.25, shift=0.12)
    views: ViewsConfig = ViewsConfig(rotations=[0.0, 90.0, 180.0, 270.0])

    @property
    def view_size(self) -> tuple[int, int]:
        return self.size, self.size

    @property
    def crop_side(self) -> int:
        """Width and height of the crops on disk, px."""
        return math.ceil(self.margin * self.size)

    def crop(self, box: ArrayLike) -> Affine:
        """Photo-to-crop transform, float64 [2, 3], for a box (x, y, width, height; px of the photo)."""
        return square_about(box, self.field * self.crop_side / self.size, self.crop_side)

    @property
    def channels(self) -> list[str]:
        return list(self.truth.points)
