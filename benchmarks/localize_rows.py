"""The rows of the localizer benchmark: what finds heads and points, and the classifier that says what it is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CONFIGS = Path(__file__).resolve().parent.parent / "configs" / "survey"
LOCALIZER, ALIGNER, CLASSIFIER = "heatmap", "two-looks", "classifier"  # the rows that the others are combined with
VIEWS = "views={rotations: [0], mirror: false}"
ZOOMED, SMALLER = ("augment.zoom=0.8",), ("augment.zoom=0.4",)  # either way: larger and smaller


@dataclass(frozen=True)
class Row:
    """One line of the table: a YAML and `changes` to it, as train.py takes them.

    kind    localizer: its boxes are followed by the row ALIGNER; detector: so is its best box (room `detect`, any number of them
            in a photo); aligner: it follows the row LOCALIZER; whole: it needs no other
    epochs  at most 20 minutes (`longer`: 80) of one core without bf16 for 960 photos, by measured speeds: train.py's images
            per second of two fits side by side, 64 photos, second of two epochs, two cores with AVX2 (2026-11-27). Milliseconds
            a photo: localizers 107 to 117, RetinaNet 83, SSDLite 70, one network 181, two looks 97, other aligners 66 to 72
    fit     the row whose fit it predicts with, if it changes nothing that a fit depends on
    boxes   contract 1's table of somebody else's boxes, in place of a fit; the row ALIGNER follows
    inner   its training crops lie about boxes as at test time (localize_inner.py), for which LOCALIZER is fitted once more for
            each of the other folds: four more fits, which its minutes don't have
    """

    name: str
    title: str
    kind: Literal["localizer", "detector", "aligner", "whole", "classifier"]
    config: str
    epochs: int
    changes: tuple[str, ...] = ()
    fit: str = ""
    boxes: Path | None = None
    inner: bool = False


ROWS = [
    Row("heatmap", "localizer: heat maps", "localizer", "localizer", 11),
    Row("step-back", "the same, from further away as well", "localizer", "localizer", 11, ("step_back=0.3",), "heatmap"),
    Row("zoomed", "localizer: heat maps, of heads up to 1.8 times as large", "localizer", "localizer", 11, ZOOMED),
    Row("averaged", "localizer: heat maps, weights averaged over steps", "localizer", "localizer", 11, ("fit.ema=0.998",)),
    Row("box-alone", "localizer: heat maps, no auxiliary points", "localizer", "localizer", 11, ("point_weight=0",)),
    Row("regression", "localizer: direct regression", "localizer", "localizer_regression", 11),
    Row("bins", "localizer: bins, 20 + 40 + 60 + 128, shared", "localizer", "localizer_bins", 11),
    Row("bins-hard", "localizer: bins, 20 + 40 + 60 + 128, one each", "localizer", "localizer_bins", 11, ("bins.target=hard",)),
    Row(
        "bins-60",
        "localizer: bins, 60 alone, one each",
        "localizer",
        "localizer_bins",
        11,
        ("bins={counts: [60], target: hard}",),
    ),
    Row("windows", "localizer: sliding window", "localizer", "localizer_windows", 11),
    Row("edges", "localizer: edge energy, no labels", "localizer", "localizer_edges", 1),
    Row("retinanet", "localizer: RetinaNet, best head, of sizes up to 1.4", "detector", "localizer_retinanet", 15, SMALLER),
    Row("retinanet-zoomed", "the same, of sizes up to 1.8", "detector", "localizer_retinanet", 15, ZOOMED),
    Row("ssdlite", "localizer: SSDLite, best head", "detector", "localizer_ssdlite", 18),
    Row("transformer", "localizer: spatial transformer, no labels but who it is", "localizer", "localizer_transformer", 10),
    Row("one-net", "one network, photo to points", "whole", "one_net", 7),
    Row("two-looks", "aligner: two looks", "aligner", "aligner", 13),
    Row("longer", "two looks, fitted for four times as long", "aligner", "aligner", 52),
    Row("boxes-drawn", "two looks, boxes drawn out-of-fold", "aligner", "aligner", 13, ("draw_boxes=true",), inner=True),
    Row("aligner-heatmap", "aligner: heat maps", "aligner", "aligner_heatmap", 19),
    Row("aligner-large", "aligner: heat maps, 288 px", "aligner", "aligner_heatmap", 7, ("size=288", "margin=1.25")),
    Row("aligner-regression", "aligner: direct regression", "aligner", "aligner_regression", 19),
    Row("aligner-bins", "aligner: bins, 20 + 40 + 60 + 128, shared", "aligner", "aligner_bins", 17),
    Row("one-view", "two looks, one view", "aligner", "aligner", 13, (VIEWS,), "two-looks"),
    Row("look-again", "two looks, again where unsure", "aligner", "aligner", 13, ("look_again=0.04",), "two-looks"),
    Row("more-views", "two looks, eight views", "aligner", "aligner", 13, ("views={rotations: [0, 90, 180, 270]}",), "two-looks"),
    Row(CLASSIFIER, "the classifier, on true points with jitter", "classifier", "passports", 18),
]


def row(name: str) -> Row:
    """The row of that name; raises ValueError if there is none."""
    for one in ROWS:
        if one.name == name:
            return one
    raise ValueError(f"no row is called {name!r}; --rows lists them")
