"""The rows of the ablation: one base, and one change a row."""

from __future__ import annotations

from dataclasses import dataclass

EMBEDDING = "dims: 512, dropout: 0.1"
ARCFACE = f"kind: arcface, {EMBEDDING}, scale: 20, margin_steps: 500, margin: 0.25"
SUBCENTRE = f"kind: subcentre, {EMBEDDING}, scale: 20, margin_steps: 500, margin: 0.3"

# What all rows share, unless the row itself says otherwise: ArcFace on cells of the head from weights of simulated heads, with
# heavy augmentation.
FINE = "pretraining_fine/close_ups_fine/fold0/model.safetensors"
BASE = (
    f"backbone={{weights: {FINE}, frozen: 0.3, grid: [4, 4], narrow: 64}}",
    f"head={{{ARCFACE}}}",
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


def _pairs(text: str) -> tuple[str, ...]:
    """Losses of pairs and triplets, whose batches hold several photos of a whale. Keys that a row doesn't name are the base's."""
    return (f"head={{{text}, {EMBEDDING}, margin_steps: 0}}", "sampler={kind: pk, whales: 8, photos: 4}")


ROWS = [
    Row("base", "base: ArcFace on 4 x 4 cells, weights of simulated heads, heavy augmentation, callosity, kick, four views"),
    Row("no-auxiliary", "no auxiliary target", ("auxiliary.weight=0",)),
    Row("no-kick", "no kick", ("fit.kicks=[]",)),
    Row("plateau", "kicks where the loss stands still", ("fit.kicks=[]", "fit.plateau={most: 2, patience: 2, factor: 2.5}")),
    Row("ema", "moving average of the weights", ("fit.ema=0.998",)),
    Row("light", "light augmentation", ("augment.photometric=light", "augment.occlusion=0")),
    Row("no-occlusion", "no occlusion", ("augment.occlusion=0",)),
    Row("no-mirror", "never mirrored", ("augment.geometry.mirror=0", "views.mirror=false")),
    Row("twins", "mirror image: another whale", ("mirrored=twin",)),
    Row("scratch", "no pretrained weights", ("backbone.weights=false", "backbone.frozen=0")),
    Row("imagenet", "ImageNet's weights, no simulated heads", ("backbone.weights=true",)),
    Row("half", "first half of the pretraining", ("backbone.weights=pretraining/close_ups/fold0/model.safetensors",)),
    Row("one-view", "one view", ("views={mirror: false, shifts: [[0, 0]]}",), "base"),
    Row("mixup", "mixup", ("augment.mix={mixup: 0.3, chance: 0.5}",)),
    Row("cutmix", "cutmix", ("augment.mix={cutmix: 1.0, chance: 0.5}",)),
    Row("jitter", "point jitter and perspective", ("augment.geometry={jitter: 0.03, perspective: 0.1}",)),
    Row("gentle", "half of that geometry", ("augment.geometry={rotation: 8, zoom: 0.1, stretch: 0.06, shift: 0.04}",)),
    Row("sea", "wash, spray, water line and glint", ("augment={wash: 0.2, spray: 0.1, waterline: 0.15, glint: 0.2}",)),
    Row("air", "haze and colour noise", ("augment={haze: 0.2, pca: 0.5, pca_spread: 0.6}",)),
    Row("no-grid", "pooled over the whole head", ("backbone.grid=[1, 1]", "backbone.narrow=0")),
    Row("gem", "GeM pooling over the whole head", ("backbone.grid=[1, 1]", "backbone.narrow=0", "backbone.pooling=gem")),
    Row("wide", "all channels of each cell", ("backbone.narrow=0",)),
    Row("stages", "last stage left out: 8 x 8 cells", ("backbone.stages=4", "backbone.grid=[8, 8]")),
    Row("stride", "last stride left out: 8 x 8 cells", ("backbone.stride=16", "backbone.grid=[8, 8]")),
    Row("levels", "two feature levels", ("backbone.levels=2",)),
    Row("end-to-end", "all layers trained", ("backbone.frozen=0",)),
    Row("last-share", "only the last 30 % of the tensors trained", ("backbone.frozen=0.7",)),
    Row("frozen", "frozen: the head alone trained", ("backbone.frozen=1",)),
    Row("softmax", "loss: softmax", _head("kind: softmax, dropout: 0.4, smoothing: 0.05")),
    Row("subcentre", "loss: sub-centre ArcFace, dynamic margin", _head(f"{SUBCENTRE}, subcentres: 3, dynamic_margin: {{}}")),
    Row("triplet-hard", "loss: triplet, batch-hard", _pairs("kind: triplet, margin: 0.3")),
    Row("triplet-semihard", "loss: triplet, semi-hard", _pairs("kind: triplet, margin: 0.3, mining: semihard")),
    Row("triplet-soft", "loss: triplet, batch-hard, soft margin", _pairs("kind: triplet, soft_margin: true")),
    Row("triplet-neck", "loss: triplet, batch-hard, BN neck", _pairs("kind: triplet, margin: 0.3, bn_neck: true")),
    Row("siamese", "loss: contrastive pairs", _pairs("kind: siamese, margin: 1.0")),
]
