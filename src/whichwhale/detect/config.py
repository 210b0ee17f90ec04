"""Configuration of part detectors."""

from __future__ import annotations

from math import pi
from typing import Annotated, Literal

import pydantic

from whichwhale.competition.config import DataConfig, FoldsConfig
from whichwhale.config import LISTED, Config
from whichwhale.fit.config import FitConfig
from whichwhale.geometry import Affine
from whichwhale.nets import BackboneConfig
from whichwhale.pictures import config as pictures
from whichwhale.pictures.config import Side
from whichwhale.pictures.frames import letterbox

Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class TruthConfig(Config):
    """Where the labelled photos' boxes are: a file or folder in any format of docs/annotations.md. A photo that it lists
    without a box is labelled too: it teaches what is none. Rows of photos that are not in the training table are never learnt
    from."""

    folder: str = ""  # relative to the input folder; the competition's own if empty
    file: str = "parts.csv"
    annotator: str = ""  # Label Studio: whose annotation, where a photo has several


class MovesConfig(pictures.MovesConfig):
    """How a picture moves between epochs, and its boxes with it.

    Boxes are upright. Quarter turns move them exactly; of a box that turns by a few degrees more, only the centre and about the
    size are known, so these turns are small. In a mirror image the parts of `mirrored` change names.
    """

    quarters: bool = True  # any number of quarter turns; what then leaves the view is left out
    rotation: float = pydantic.Field(8.0, ge=0, le=30)  # degrees more
    zoom: float = pydantic.Field(0.4, ge=0)  # as a share of the size
    shift: float = pydantic.Field(0.15, ge=0)  # as a share of the view's sides
    kept: float = pydantic.Field(0.4, gt=0, le=1)  # least share of a box that must be left in the view for it to count


class ViewsConfig(Config):
    """The views of a photo whose boxes are fused: as it is, and what these add, if the net has learned from such pictures. None
    loses anything of an oblong view."""

    turned: bool = True  # by a half turn
    mirror: bool = True  # its mirror image, in which the parts of `mirrored` change places


class PyramidConfig(Config):
    """The backbone's maps of `strides`, their anchors, and RetinaNet's own part (Lin et al. 2017, "Focal Loss for Dense Object
    Detection", section 4): a feature pyramid of `width` channels and two heads of `depth` 3x3 convolutions each.

    The smallest anchor of a map is `anchor` strides wide; there are `scales` of them to an octave, each in all `ratios` (height
    over width).
    """

    strides: list[Literal[4, 8, 16, 32]] = pydantic.Field([8, 16, 32], min_length=1)
    width: int = pydantic.Field(64, ge=16, multiple_of=8)
    depth: int = pydantic.Field(2, ge=1, le=4)
    anchor: float = pydantic.Field(1.5, gt=0)
    scales: int = pydantic.Field(3, ge=1)
    ratios: list[Annotated[float, pydantic.Field(gt=0)]] = pydantic.Field([0.5, 1.0, 2.0], min_length=1)

    @pydantic.field_validator("strides")
    @classmethod
    def _one_after_the_other(cls, value: list[int]) -> list[int]:
        if value != [value[0] * 2**i for i in range(len(value))]:
            raise ValueError("must double from map to map, from fine to coarse, for example [8, 16, 32]")
        return value


class DetectConfig(Config):
    """Whole photos, reduced and letterboxed to `width` x `height`, to boxes of named parts.

    `fold` says which fold models; there is none that saw every photo, since photos without a fold of their own get what all fold
    models found together.
    """

    room: Literal["detect"] = "detect"
    variant: Literal["retinanet", "ssdlite"] = "retinanet"
    name: str = pydantic.Field("", pattern=r"^[\w.-]*$")  # the YAML's own name if empty
    dataset: str = "survey"  # runs/<dataset>/<name>/fold<k>
    seed: pydantic.NonNegativeInt = 0
    fold: Annotated[list[int], LISTED] = []  # empty: every fold
    data: DataConfig = DataConfig()
    folds: FoldsConfig = FoldsConfig()
    truth: TruthConfig = TruthConfig()
    parts: list[str] = []  # which to find, the leading one (whose boxes number the animals) first; empty: all of the truth's
    mirrored: dict[str, str] = {}  # parts that change places in a mirror image, for example {flipper_left: flipper_right}
    labelled: pydantic.NonNegativeInt = 0  # photos of a fold's training that are learnt from (0: all): 20 are 10 and 10 more
    per_epoch: pydantic.NonNegativeInt = 0  # pictures in an epoch, where labelled photos are fewer: each then comes several times
    width: Side = 384
    height: Side = 256
    backbone: BackboneConfig = BackboneConfig(frozen=0.3)
    frozen_norms: bool = True  # the backbone's batch norm stays as it was trained: batches here are small
    pyramid: PyramidConfig = PyramidConfig()
    augment: MovesConfig = MovesConfig()
    fit: FitConfig = FitConfig()
    views: ViewsConfig = ViewsConfig()
    sides: bool = True  # which of two `mirrored` parts a box is, the animal's other parts tell as well (sides.py)
    batch_size: int = pydantic.Field(16, ge=1)  # when predicting
    overlap: float = pydantic.Field(0.5, gt=0, lt=1)  # IoU above which two boxes of a part are one
    least_score: float = pydantic.Field(0.05, gt=0, lt=1)  # of candidates.csv, by which average precision is computed
    threshold: Share = 0.3  # of annotations.csv: what counts as found
    most: int = pydantic.Field(50, ge=1)  # candidates a photo

    @property
    def lays(self) -> bool:
        """Whether photos that stand are turned into a view that lies: if quarter turns are learnt."""
        return self.augment.quarters

    def whole(self, _image: str, photo: tuple[int, int]) -> Affine:
        """Where a photo of (width, height) px lies in the view: float64 [2, 3], photo to view."""
        return letterbox(photo, self.view_size, self.lays)

    @property
    def looks(self) -> list[tuple[bool, float]]:
        """Of each view whether it is a mirror image, and by how much it is turned (radians); the plain one first."""
        turns = (0.0, pi) if self.views.turned and self.augment.quarters else (0.0,)
        mirrors = (False, True) if self.views.mirror and self.augment.mirror else (False,)
        return [(mirrored, turn) for turn in turns for mirrored in mirrors]

    @pydantic.field_validator("parts")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value) or not all(value):
            raise ValueError("each part needs a name of its own")
        return value

    @pydantic.model_validator(mode="after")
    def _keys_fit_together(self) -> DetectConfig:
        if self.threshold < self.least_score:
            raise ValueError(
                f"threshold={self.threshold} is below least_score={self.least_score}, under which nothing is kept; lower that too"
            )
        both = [*self.mirrored, *self.mirrored.values()]
        if len(set(both)) < len(both):
            raise ValueError(f"mirrored={self.mirrored}: name each part once, either as left or as right one of a pair")
        if self.parts and (unknown := [part for part in both if part not in self.parts]):
            raise ValueError(
                f"mirrored names {', '.join(unknown)}, which is not among parts={self.parts}; add it there, or leave it out"
            )
        usual = PyramidConfig()
        if self.variant == "ssdlite" and (self.pyramid.width, self.pyramid.depth) != (usual.width, usual.depth):
            raise ValueError(
                "pyramid.width and pyramid.depth are of variant=retinanet, ssdlite reads the backbone's own maps; leave them out"
            )
        if self.frozen_norms and self.backbone.weights in (False, "false"):
            raise ValueError(
                "frozen_norms: batch norm of a random backbone (backbone.weights=false) was never trained; frozen_norms=false"
            )
        for key, usual in (("levels", 1), ("narrow", 0), ("stages", None)):
            if getattr(self.backbone, key) != usual:
                raise ValueError(f"backbone.{key} is of pooled features, a detector has pyramid.strides; leave it out")
        return self

    @property
    def view_size(self) -> tuple[int, int]:
        """(width, height) of what the network sees, px."""
        return self.width, self.height
