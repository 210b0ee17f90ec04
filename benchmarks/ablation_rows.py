"""The rows of the ablation: one base and one change a row; and no augmentation at all, and one piece of it a row."""

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
SHIFTS = "[[0, 0], [0.03, 0.02], [-0.03, -0.02], [0.03, -0.02]]"  # as many views as the base has with their mirror images
KICK = 0.65  # of the epochs: when the base's kick comes


@dataclass(frozen=True)
class Row:
    """One line of the table: `changes` to the base, as train.py takes them. `fit`: the row whose fit it predicts with, if it
    changes nothing that a fit depends on. `against`: the row that it is compared with."""

    name: str
    title: str
    changes: tuple[str, ...] = ()
    fit: str = ""
    against: str = "base"


PLAIN = "plain"  # the row that pieces of augmentation are compared with


def _alone(name: str, title: str, piece: str) -> Row:
    """Nothing of augmentation but one piece: keys of `augment`."""
    still = "photometric: none, occlusion: 0, geometry: {rotation: 0, zoom: 0, stretch: 0, shift: 0, mirror: 0}"
    changes = (f"augment={{{still}}}", f"views={{mirror: false, shifts: {SHIFTS}}}")
    return Row(name, title, (*changes, *((f"augment={{{piece}}}",) if piece else ())), against="base" if name == PLAIN else PLAIN)


def _head(text: str) -> tuple[str, ...]:
    return (f"head={{{text}}}",)


def _pairs(text: str) -> tuple[str, ...]:
    """Losses of pairs and triplets: batches of 4 photos of each of some whales, at a third of the rate, for at the base's the
    hardest triplets soon lie in one point (the alarm stops such a fit). Keys that a row doesn't name are the base's."""
    return (f"head={{{text}, {EMBEDDING}, margin_steps: 0}}", "sampler={kind: pk, photos: 4}", "fit.lr=3e-4")


ROWS = [
    Row("base", "base: ArcFace on 4 x 4 cells, weights of simulated heads, heavy augmentation, callosity, kick, four views"),
    Row("no-auxiliary", "no auxiliary target", ("auxiliary.weight=0",)),
    Row("no-kick", "no kick", ("fit.kicks=[]",)),
    Row("plateau", "kicks where the loss stands still", ("fit.kicks=[]", "fit.plateau={most: 2, patience: 2, factor: 2.5}")),
    Row("ema", "moving average of the weights", ("fit.ema=0.998",)),
    Row("light", "light augmentation, no occlusion", ("augment.photometric=light", "augment.occlusion=0")),
    Row("no-occlusion", "no occlusion", ("augment.occlusion=0",)),
    Row("no-mirror", "never mirrored; four shifts", ("augment.geometry.mirror=0", f"views={{mirror: false, shifts: {SHIFTS}}}")),
    Row("twins", "mirror image: another whale", ("mirrored=twin",)),
    Row(
        "scratch",
        "no pretrained weights, all layers trained, alarm off",
        ("backbone.weights=false", "backbone.frozen=0", "alarm.on=false"),
    ),
    Row("imagenet", "ImageNet's weights, no simulated heads", ("backbone.weights=true",)),
    Row("half", "first half of the pretraining", ("backbone.weights=pretraining/close_ups/fold0/model.safetensors",)),
    Row("one-view", "one view", ("views={mirror: false, shifts: [[0, 0]]}",), "base"),
    Row("mixup", "mixup", ("augment.mix={mixup: 0.3, chance: 0.5}",)),
    Row("cutmix", "cutmix", ("augment.mix={cutmix: 1.0, chance: 0.5}",)),
    Row("gentle", "half of that geometry", ("augment.geometry={rotation: 8, zoom: 0.1, stretch: 0.06, shift: 0.04}",)),
    Row("no-grid", "pooled over the whole head", ("backbone.grid=[1, 1]", "backbone.narrow=0")),
    Row("gem", "GeM pooling over the whole head", ("backbone.grid=[1, 1]", "backbone.narrow=0", "backbone.pooling=gem")),
    Row("wide", "all channels of each cell", ("backbone.narrow=0",)),
    Row("stages", "last stage left out: 8 x 8 cells", ("backbone.stages=4", "backbone.grid=[8, 8]")),
    Row("stride", "last stride left out: 8 x 8 cells", ("backbone.stride=16", "backbone.grid=[8, 8]")),
    Row("levels", "two feature levels", ("backbone.levels=2",)),
    Row("end-to-end", "all layers trained", ("backbone.frozen=0",)),
    Row("last-share", "only the last 30 % of the tensors trained, batch norms adapting", ("backbone.frozen=0.7",)),
    Row("frozen", "frozen but for batch norms: the head and its 1 x 1 convolution trained", ("backbone.frozen=1",)),
    Row("softmax", "loss: softmax, dropout 0.4", _head("kind: softmax, dropout: 0.4, smoothing: 0.05")),
    Row("subcentre", "loss: sub-centre ArcFace, dynamic margin", _head(f"{SUBCENTRE}, subcentres: 3, dynamic_margin: {{}}")),
    Row("triplet-hard", "loss: triplet, batch-hard; 8 x 4, rate / 3", _pairs("kind: triplet, margin: 0.3")),
    Row("triplet-semihard", "loss: triplet, semi-hard; 8 x 4, rate / 3", _pairs("kind: triplet, margin: 0.3, mining: semihard")),
    Row("triplet-soft", "loss: triplet, batch-hard, soft margin; 8 x 4, rate / 3", _pairs("kind: triplet, soft_margin: true")),
    Row(
        "triplet-neck", "loss: triplet, batch-hard, BN neck; 8 x 4, rate / 3", _pairs("kind: triplet, margin: 0.3, bn_neck: true")
    ),
    Row("siamese", "loss: contrastive pairs; 8 x 4, rate / 3", _pairs("kind: siamese, margin: 1.0")),
    _alone(PLAIN, "no augmentation at all; four shifts as views", ""),
    _alone("rotation", "rotation, 15 degrees", "geometry: {rotation: 15}"),
    _alone("zoom", "zoom, 20 %", "geometry: {zoom: 0.2}"),
    _alone("stretch", "stretch, 12 %", "geometry: {stretch: 0.12}"),
    _alone("shift", "shift, 0.08 d", "geometry: {shift: 0.08}"),
    _alone("mirror", "mirrored, every other picture", "geometry: {mirror: 0.5}"),
    _alone("jitter", "point jitter, 0.03 d", "geometry: {jitter: 0.03}"),
    _alone("perspective", "perspective, 0.1", "geometry: {perspective: 0.1}"),
    _alone("exposure", "exposure", "exposure: 0.5"),
    _alone("contrast", "contrast", "contrast: 0.5"),
    _alone("colour", "hue and saturation", "colour: 0.5"),
    _alone("pca", "colour noise along principal components", "pca: 0.5, pca_spread: 0.6"),
    _alone("haze", "haze", "haze: 0.3"),
    _alone("glint", "glint", "glint: 0.3"),
    _alone("blur", "blur", "blur: 0.3"),
    _alone("noise", "noise", "noise: 0.3"),
    _alone("jpeg", "JPEG", "jpeg: 0.3"),
    _alone("occlusion", "patches hidden", "occlusion: 0.3"),
    _alone("wash", "wash", "wash: 0.3"),
    _alone("spray", "spray", "spray: 0.3"),
    _alone("waterline", "water line", "waterline: 0.3"),
    _alone("mixup-alone", "mixup", "mix: {mixup: 0.3, chance: 0.5}"),
    _alone("cutmix-alone", "cutmix", "mix: {cutmix: 1.0, chance: 0.5}"),
]
