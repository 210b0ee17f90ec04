"""The rows of the ablation: one base, and one change a row."""

from __future__ import annotations

from dataclasses import dataclass

# What all rows share, unless the row itself says otherwise: a heavily augmented softmax classifier with all the house's means.
BASE = (
    "backbone.frozen=0.3",
    "head={dropout: 0.4, smoothing: 0.05}",
    "auxiliary.weight=0.2",
    "augment={photometric: heavy, occlusion: 0.3, geometry: {rotation: 15, zoom: 0.2, stretch: 0.12, shift: 0.08}}",
    "fit.lr=1e-3",
    "fit.head_lr=3",
    "fit.validate_every=100",
    "views.shifts=[[0, 0], [0.03, 0.02]]",
)
KICK = 0.65  # of the epochs: when the base's kick comes


@dataclass(frozen=True)
class Row:
    """One line of the table: `changes` to the base, as train.py takes them. `fit`: the row whose fit it predicts with, if it
    changes nothing that a fit depends on."""

    name: str
    title: str
    changes: tuple[str, ...] = ()
    fit: str = ""


def _head(text: str) -> tuple[str, ...]:
    return (f"head={{{text}}}",)


ROWS = [
    Row("base", "base: softmax, heavy augmentation, callosity, one kick, 30 % frozen, four views"),
    Row("no-auxiliary", "no auxiliary target", ("auxiliary.weight=0",)),
    Row("no-kick", "no kick", ("fit.kicks=[]",)),
    Row("plateau", "kicks where the loss stands still", ("fit.kicks=[]", "fit.plateau={most: 2, patience: 2, factor: 2.5}")),
    Row("ema", "moving average of the weights", ("fit.ema=0.998",)),
    Row("light", "light augmentation", ("augment.photometric=light", "augment.occlusion=0")),
    Row("no-occlusion", "no occlusion", ("augment.occlusion=0",)),
    Row("no-mirror", "never mirrored", ("augment.geometry.mirror=0", "views.mirror=false")),
    Row("twins", "mirror image: another whale", ("mirrored=twin",)),
    Row("scratch", "no pretrained weights", ("backbone.weights=false", "backbone.frozen=0")),
    Row("one-view", "one view", ("views={mirror: false, shifts: [[0, 0]]}",), "base"),
    Row("gem", "GeM pooling", ("backbone.pooling=gem",)),
    Row("end-to-end", "all layers trained", ("backbone.frozen=0",)),
    Row("last-share", "only the last 30 % of the tensors trained", ("backbone.frozen=0.7",)),
    Row("frozen", "frozen: the head alone trained", ("backbone.frozen=1",)),
    Row("arcface", "loss: ArcFace", _head("kind: arcface, dims: 512, scale: 20, margin: 0.25, margin_steps: 500, dropout: 0.1")),
]
