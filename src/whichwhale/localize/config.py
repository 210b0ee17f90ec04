"""Configuration of localizers and aligners."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import pydantic
from numpy.typing import ArrayLike

from whichwhale.competition.config import DataConfig, FoldsConfig
from whichwhale.config import LISTED, Config, ConfigError
from whichwhale.fit.config import FitConfig
from whichwhale.geometry import Affine
from whichwhale.localize.truth_config import TruthConfig
from whichwhale.nets import BackboneConfig
from whichwhale.pictures.config import MovesConfig, Side
from whichwhale.pictures.frames import letterbox, square_about

Weight = Annotated[float, pydantic.Field(ge=0)]


class ViewsConfig(Config):
    """The views of a picture whose predictions are averaged: each rotation (degrees) at each zoom (2: twice as large), and its
    mirror image if asked."""

    rotations: list[float] = pydantic.Field([0.0], min_length=1)
    zooms: list[Annotated[float, pydantic.Field(gt=0)]] = pydantic.Field([1.0], min_length=1)
    mirror: bool = True
    batch_size: int = pydantic.Field(32, ge=1)

    @property
    def count(self) -> int:
        """How many views there are."""
        return len(self.rotations) * len(self.zooms) * (1 + self.mirror)


class HeatmapConfig(Config):
    """Heat maps: a neck of `width` channels brings the backbone's maps to `stride`, a target is a Gaussian of `sigma` cells."""

    stride: Literal[2, 4, 8, 16] = 4  # px of the view a cell
    coarsest: Literal[8, 16, 32] = 32  # stride of the last maps that are used; what of the backbone lies behind them is left out
    sigma: float = pydantic.Field(1.0, ge=0.7)  # cells; narrower ones are not sampled well enough to decode between cells
    window: float = pydantic.Field(1.5, gt=0)  # width of the decoder's window, in sigma
    width: int = pydantic.Field(64, ge=8)


class CoordinatesConfig(Config):
    """What variants share that read coordinates off a backbone's last maps, cell by cell."""

    width: int = pydantic.Field(32, ge=1)  # channels that a cell is narrowed to
    hidden: int = pydantic.Field(256, ge=1)  # features of the whole view
    dropout: float = pydantic.Field(0.0, ge=0, lt=1)


class RegressionConfig(CoordinatesConfig):
    """Direct regression, in units of the view's width."""

    beta: float = pydantic.Field(0.01, gt=0)  # errors below it are squared, those above count as they are
    spread_weight: float = pydantic.Field(0.1, gt=0)  # of the loss that learns how far off the points are


class BinsConfig(CoordinatesConfig):
    """Coordinates as bins (bins.py), several counts of them combined."""

    counts: list[Annotated[int, pydantic.Field(ge=2)]] = pydantic.Field([20, 40, 60, 128], min_length=1)  # bins an axis
    target: Literal["soft", "hard"] = "soft"  # hard: the one bin, as the winners did; soft: shared with the one beside it
    window: float = pydantic.Field(3.0, ge=1)  # bins, each way, that count about the mode

    @pydantic.field_validator("counts")
    @classmethod
    def _each_once(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError(f"{value}: a count of bins stands there twice; say each once")
        return value


class WindowsConfig(Config):
    """A classifier of windows, head or none, that slides over the view. Sizes are shares of the view's width."""

    pixels: Side = 64  # what the classifier sees of a window, width and height
    sizes: list[Annotated[float, pydantic.Field(gt=0, le=1)]] = pydantic.Field([0.12, 0.2], min_length=1)  # of a window
    field: float = pydantic.Field(1.25, gt=0)  # side of a window that shows the head, in box sizes
    step: float = pydantic.Field(0.4, gt=0, le=1)  # from window to window, in window sizes
    positive: int = pydantic.Field(2, ge=1)  # windows a training view with the head
    negative: int = pydantic.Field(4, ge=1)  # and elsewhere
    jitter: float = pydantic.Field(0.15, ge=0, lt=0.5)  # how far off a window may be that still shows the head, in window sizes
    away: float = pydantic.Field(0.6, gt=0)  # how far off one must be that doesn't, in window sizes
    batch_size: int = pydantic.Field(256, ge=1)  # windows at a time when it slides


class TransformerConfig(Config):
    """A spatial transformer, which learns from who is in the photo where to look. Sizes are shares of the view's width."""

    whales: pydantic.NonNegativeInt = 0  # that it tells apart; 0: those of the training table (filled in where that is read)
    reduction: int = pydantic.Field(2, ge=1)  # what decides where to look sees the view that many times smaller
    pixels: Side = 96  # of the crop, width and height
    sizes: tuple[float, float] = (0.06, 1.0)  # the smallest and the largest crop, between which the logarithm varies
    field: float = pydantic.Field(1.25, gt=0)  # side of a crop, in box sizes
    dropout: float = pydantic.Field(0.2, ge=0, lt=1)

    @pydantic.field_validator("sizes")
    @classmethod
    def _small_to_large(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] < value[1] <= 1:
            raise ValueError(f"{list(value)}: say the smaller one first, both above 0 and at most 1")
        return value


class EdgesConfig(Config):
    """The square whose edges stand out most from those around it: no labels, no training. Sizes are shares of the view's
    width."""

    sizes: list[Annotated[float, pydantic.Field(gt=0, le=0.5)]] = pydantic.Field([0.08, 0.11, 0.15], min_length=1)
    blur: float = pydantic.Field(1.0, ge=0)  # px, sd of the Gaussian before the gradient
    floor: float = pydantic.Field(0.8, ge=0, lt=1)  # quantile of the view's gradients, taken for the sea's own ripples


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


class OneNetConfig(Config):
    """One network that localizes and aligns at once: a look at the reduced view finds the box, and what aligns looks at the view
    about it."""

    reduction: int = pydantic.Field(3, ge=1)  # the first look sees the view that many times smaller
    variant: Literal["heatmap", "two_looks"] = "two_looks"  # what aligns
    heatmap: HeatmapConfig = HeatmapConfig()  # of what aligns; the first look has the config's own
    second: SecondLookConfig = SecondLookConfig(width=128, height=64)  # of two_looks
    size: Side = 192  # px of the crop
    field: float = pydantic.Field(1.8, ge=1)  # in box sizes
    shift: float = pydantic.Field(0.12, ge=0)  # how far off a training crop's box may be, in its field
    zoom: Weight = 0.25  # and how much larger or smaller, as a share
    weight: Weight = 1.0  # of what aligns, beside the first look


# Sections that are of one variant alone. Set for another one they would do nothing.
SECTIONS = {"regression", "bins", "windows", "edges", "one_net", "transformer"}
BOX_ALONE = ("windows", "edges", "transformer")  # variants that find boxes and no points


class LocateConfig(Config):
    """What localizer and aligner share. `fold` says which fold models; there is none that saw every photo, since photos without a
    fold of their own get the mean over fold models."""

    variant: Literal["heatmap"] = "heatmap"
    name: str = pydantic.Field("", pattern=r"^[\w.-]*$")  # the YAML's own name if empty
    dataset: str = "survey"  # runs/<dataset>/<name>/fold<k>
    seed: pydantic.NonNegativeInt = 0
    fold: Annotated[list[int], LISTED] = []  # empty: every fold
    data: DataConfig = DataConfig()
    folds: FoldsConfig = FoldsConfig()
    truth: TruthConfig = TruthConfig()
    backbone: BackboneConfig = BackboneConfig()
    # Weights of the whole network that a fit starts from, here or from the runs folder on: DATASET/NAME/fold0/model.safetensors
    # of the same variant, on another data set or of the same fold; empty: the backbone's alone.
    start_from: str = ""
    heatmap: HeatmapConfig = HeatmapConfig()
    regression: RegressionConfig = RegressionConfig()  # of variant regression
    bins: BinsConfig = BinsConfig()  # of variant bins
    augment: MovesConfig = MovesConfig()
    fit: FitConfig = FitConfig()
    views: ViewsConfig = ViewsConfig()
    point_weight: Weight = 1.0  # of the points' loss
    auxiliary_weight: Weight = 1.0  # of points after the first two, beside these; 0: they are neither learnt nor predicted
    box_margin: Weight = 0.15  # d: room about the points that were found; a box without it is enlarged
    # NAME_sd: how far the views lie apart, or that and the network's own doubts, calibrated out-of-fold (uncertainty.py).
    uncertainty: Literal["views", "calibrated"] = "views"
    least_score: float = pydantic.Field(0.02, ge=0, le=1)  # a photo whose best place has less gets status none

    @pydantic.model_validator(mode="after")
    def _sections_of_the_variant(self) -> LocateConfig:
        for name in SECTIONS & type(self).model_fields.keys():
            if name != self.variant and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name}: is of variant={name}, this is variant={self.variant}; say that one, or leave {name} out"
                )
        return self

    @property
    def point_names(self) -> list[str]:
        """The points that are learnt and predicted; the first two span d."""
        names = list(self.truth.points)
        return names if self.auxiliary_weight else names[:2]

    def weights(self) -> list[float]:
        """How much each channel's loss weighs beside the others of its kind."""
        return [1.0 if name == "box" or name in self.point_names[:2] else self.auxiliary_weight for name in self.channels]

    def of_variant(self) -> str:
        """The settings that what a fitted network finds depends on, as text."""
        extra = [getattr(self, name).model_dump_json() for name in SECTIONS if name == self.variant]
        return "\n".join([self.heatmap.model_dump_json(), *extra])

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
    variant: Literal["heatmap", "regression", "bins", "windows", "edges", "one_net", "transformer"] = "heatmap"
    windows: WindowsConfig = WindowsConfig()  # of variant windows
    edges: EdgesConfig = EdgesConfig()  # of variant edges
    one_net: OneNetConfig = OneNetConfig()  # of variant one_net
    transformer: TransformerConfig = TransformerConfig()  # of variant transformer
    width: Side = 384
    height: Side = 256
    point_weight: Weight = 0.5  # 0: no points are learnt or predicted
    size_weight: Weight = 1.0
    views: ViewsConfig = ViewsConfig(rotations=[0.0, 180.0])
    # Heads that are larger in their photos than those that it learned from are found too small. So each photo is looked at from
    # further away as well, and where the head is larger there than this (box sizes, of the photo's) and clearly surer, that look
    # counts; 0: never.
    step_back: Weight = 0.0

    @property
    def view_size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def lays(self) -> bool:
        """Whether photos that stand are turned into a view that lies: if heads are learnt at such turns."""
        return self.augment.rotation >= 90

    def whole(self, _image: str, photo: tuple[int, int]) -> Affine:
        """Where a photo of (width, height) px lies in the view: float64 [2, 3], photo to view."""
        return letterbox(photo, self.view_size, self.lays)

    def of_variant(self) -> str:
        return "\n".join([super().of_variant(), *([f"step back {self.step_back}"] if self.step_back else [])])

    @property
    def channels(self) -> list[str]:
        return ["box", *(self.point_names if self.point_weight else [])]

    @pydantic.model_validator(mode="after")
    def _what_it_finds(self) -> LocalizerConfig:
        if self.variant in BOX_ALONE and self.point_weight:
            raise ValueError(f"variant={self.variant} finds boxes and no points: say point_weight=0")
        if self.variant == "one_net":
            if not self.point_weight:
                raise ValueError("variant=one_net aligns by its points: point_weight=0 would leave none; say variant=heatmap")
            if bad := [side for side in self.view_size if side % (32 * self.one_net.reduction)]:
                raise ValueError(
                    f"one_net.reduction={self.one_net.reduction}: a side of {bad[0]} px divided by it must be a multiple of 32; "
                    f"say a width and a height that are multiples of {32 * self.one_net.reduction}"
                )
        if self.variant == "transformer" and any(side % self.transformer.reduction for side in self.view_size):
            raise ValueError(
                f"transformer.reduction={self.transformer.reduction}: width={self.width} and height={self.height} must be "
                "multiples of it"
            )
        return self

    def of_whales(self, count: int) -> LocalizerConfig:
        """This config of variant transformer, for `count` whales. Raises ConfigError if it says another number."""
        if self.transformer.whales not in (0, count):
            raise ConfigError(
                f"transformer.whales={self.transformer.whales}: the training table has {count}; leave it out, it is filled in"
            )
        return self.model_copy(update={"transformer": self.transformer.model_copy(update={"whales": count})})

    def first_look(self) -> LocalizerConfig:
        """The config of one_net's first look, which sees the reduced view."""
        small = {"width": self.width // self.one_net.reduction, "height": self.height // self.one_net.reduction}
        return self.model_copy(update={"variant": "heatmap", **small})

    def inner_aligner(self) -> AlignerConfig:
        """The config of what aligns in one_net."""
        one = self.one_net
        shared = {key: getattr(self, key) for key in ("truth", "backbone", "auxiliary_weight")}
        return AlignerConfig(
            variant=one.variant, heatmap=one.heatmap, second=one.second, size=one.size, field=one.field, **shared
        )


class AlignerConfig(LocateConfig):
    """Head crop to its points, at any rotation. The crop is a square of `field` box sizes about the box, drawn `size` px wide.

    Variant `two_looks` looks at it `second.reduction` times smaller, and then at the level head in the crop itself.
    """

    room: Literal["align"] = "align"
    variant: Literal["heatmap", "two_looks", "regression", "bins"] = "heatmap"
    second: SecondLookConfig = SecondLookConfig()  # of two_looks
    boxes: str = "localizer"  # run whose annotations.csv has the boxes, out-of-fold; empty: true ones, no test photos
    size: Side = 160
    field: float = pydantic.Field(1.8, ge=1)  # in box sizes (root mean square of width and height)
    draw_boxes: bool = False  # a training crop lies about a box drawn from the localizer's views, not always about their mean
    # Where the views of one of the first two points lie further apart (d), the head is looked at once more, level and about its
    # points, and what is surer counts; 0: never.
    look_again: Weight = 0.0
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
        return self.point_names

    @pydantic.model_validator(mode="after")
    def _boxes_to_draw_from(self) -> AlignerConfig:
        if self.draw_boxes and not self.boxes:
            raise ValueError(
                "draw_boxes draws from a localizer's views: boxes names none; say boxes=localizer, or leave draw_boxes out"
            )
        if self.look_again and self.views.count < 2:
            raise ValueError("look_again goes by how far the views lie apart, and there is one view: say more views.rotations")
        return self

    def of_variant(self) -> str:
        second = [self.second.model_dump_json()] if self.variant == "two_looks" else []
        again = [f"look again {self.look_again}"] if self.look_again else []
        return "\n".join([super().of_variant(), *second, *again])
