"""Nearest neighbours on a model's own embeddings: one more model for the pool, at no training.

For photo x and whale c, z_c = log sum_i exp(s cos(x, x_i)) over the whale's training photos x_i: the log of a kernel density
with a von Mises-Fisher kernel of concentration s, times the whale's share of the photos, which is its prior. With a large s it is
the best cosine. Embeddings of different fits are never compared: each fold model looks among the photos that it trained on.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from whichwhale import predictions
from whichwhale.blend.weigh import sizes, weigh
from whichwhale.competition import Competition
from whichwhale.files import sha256, write_atomically, write_json
from whichwhale.predictions import ROLE_TRAIN, ROLE_VALIDATION, Predictions, split_item

SUFFIX = "_neighbours"
ABOUT, GALLERY = "neighbours.json", "gallery.npz"
SCALES = tuple(float(one) for one in np.round(5 * 2 ** (np.arange(11) / 2), 1))  # that a fit of the scale tries: 5 to 160


class NeighboursError(ValueError):
    """A model without what neighbours need; the message names the file and says what is missing."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """The photos that one fit trained on: `embedding` float32 [G, D] of unit length, the index of each one's whale among `whales`
    [G], and the scale s."""

    embedding: NDArray[np.float32]
    whale: NDArray[np.int64]
    whales: list[str]
    scale: float

    def logits(self, embedding: NDArray[np.floating], own: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Logits [N, whales] of embeddings [N, D] of unit length; where `own` [N] names a photo of the gallery (-1: none), that
        one is not among the neighbours.

        A whale whose only photo is the own one gets what a photo on the far side of the sphere would give, -s.
        """
        # exp(s (cos - 1)) <= 1: no overflow, and nothing below e^(-2 s).
        near = np.exp(self.scale * (np.asarray(embedding, np.float64) @ self.embedding.T.astype(np.float64) - 1))
        if own is not None:
            rows = np.flatnonzero(own >= 0)
            near[rows, own[rows]] = 0.0
        is_whale = np.zeros((len(self.whale), len(self.whales)))
        is_whale[np.arange(len(self.whale)), self.whale] = 1.0
        return np.log(np.maximum(near @ is_whale, np.exp(-2 * self.scale))) + self.scale

    def write(self, path: Path) -> None:
        """Write gallery.npz atomically."""
        arrays = {"embedding": self.embedding, "whale": self.whale, "whales": np.array(self.whales), "scale": self.scale}

        def save(file: BinaryIO) -> None:
            np.savez(file, **arrays)

        write_atomically(path, save)


def read_gallery(path: Path) -> Gallery:
    """Raises NeighboursError if the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Gallery(file["embedding"], file["whale"], file["whales"].tolist(), float(file["scale"]))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise NeighboursError(
            f"{path}: not a readable gallery ({error}); ensemble.py writes it anew if you delete the folder"
        ) from error


def gallery_of(table: Predictions, path: Path, whale_of: Mapping[str, str], scale: float) -> tuple[Gallery, NDArray[np.int64]]:
    """The photos that the fit of a predictions table trained on, and for each row of the table its place among them (-1: none).

    Args:
        path: of the table, for messages; whale_of: labelled photo -> whale.

    Raises:
        NeighboursError: no embedding, no training row, or a training photo that is not labelled.
    """
    if not table.embedding.shape[1]:
        raise NeighboursError(f"{path}: has no embedding to look for neighbours in")
    images = [split_item(item) for item in table.item.tolist()]
    rows = np.array([row for row, (_, k) in enumerate(images) if k == 0 and table.role[row] == ROLE_TRAIN], np.int64)
    if not len(rows):
        raise NeighboursError(f"{path}: has no training row, so there is nobody to look among")
    if unknown := [images[row][0] for row in rows if images[row][0] not in whale_of]:
        raise NeighboursError(f"{path}: {unknown[0]} is a training row, but the training table does not label it")
    names = [whale_of[images[row][0]] for row in rows]
    whales = sorted(set(names))
    own = np.full(len(images), -1, np.int64)
    own[rows] = np.arange(len(rows))
    return Gallery(table.embedding[rows], np.array([whales.index(name) for name in names], np.int64), whales, scale), own


def with_neighbours(table: Predictions, gallery: Gallery, own: NDArray[np.int64], class_id: list[str]) -> Predictions:
    """What neighbours say of every row of a fit's predictions: same rows, columns `class_id`, no embedding; NaN for whales not
    in the gallery."""
    place = {whale: column for column, whale in enumerate(class_id)}
    logits = np.full((len(table.item), len(class_id)), np.nan)
    logits[:, [place[whale] for whale in gallery.whales]] = gallery.logits(table.embedding, own)
    return Predictions.of(
        table.item,
        table.role,
        class_id,
        logits,
        views=table.views,
        averaging=f"log-sum-exp of {gallery.scale:g} cos over each whale's training photos; embeddings: {table.averaging}",
        weights_sha=table.weights_sha,
        pictures=table.pictures,
    )


def write_neighbours(
    model: Path, whale_of: Mapping[str, str], class_id: list[str], scale: float | Literal["fit"], home: Path | None = None
) -> list[Path]:
    """Write `<model>_neighbours`: neighbours.json, and for every fit of `model` fold<k>/gallery.npz and fold<k>/predictions.npz;
    what is there already is left alone. A fitted scale is fitted again only if the model's predictions are others. `home`:
    another folder to write.

    Returns the predictions written. Raises NeighboursError, also if the model has no predictions.
    """
    sources = sorted(model.glob("fold*/predictions.npz"))
    if not sources:
        raise NeighboursError(f"{model}: has no fold*/predictions.npz; run predict.py with its config")
    home, written = home or model.with_name(model.name + SUFFIX), []
    about: dict[str, Any] = {"model": model.name}
    was = json.loads((home / ABOUT).read_text(encoding="utf-8")) if (home / ABOUT).is_file() else {}
    if scale == "fit":
        of = {source.parent.name: sha256(source) for source in sources}
        if was.get("fitted", {}).get("of") == of:
            losses = {float(one): loss for one, loss in was["fitted"]["log_loss"].items()}
        else:
            losses = scale_losses({source: predictions.read(source) for source in sources}, whale_of, class_id)
        scale = min(losses, key=losses.__getitem__)
        about["fitted"] = {"of": of, "log_loss": {f"{one:g}": loss for one, loss in losses.items()}}
    about["scale"] = scale
    for source in sources:
        target = home / source.parent.name / source.name
        of = predictions.read(source)
        gallery, own = gallery_of(of, source, whale_of, scale)
        table = with_neighbours(of, gallery, own, class_id)
        if target.exists() and _same(predictions.read(target), table):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        gallery.write(target.with_name(GALLERY))
        predictions.write(target, table)
        written.append(target)
    if was != about:
        write_json(home / ABOUT, about)
    return written


def scale_losses(tables: Mapping[Path, Predictions], whale_of: Mapping[str, str], class_id: list[str]) -> dict[float, float]:
    """What each of `SCALES` is worth: out-of-fold log loss of the neighbours at their best power, which the pool fits anyway.

    One number of all the rows that a blend learns from: on a thousand of them it can't learn them by heart, so it is not fitted
    anew without the rows that are scored. Whales that a fit never saw are left out.

    Args:
        tables: of a model's fits, by their paths.

    Raises:
        NeighboursError: as `gallery_of`, or no validation row of a whale that the fit knows.
    """
    place, asked = {whale: column for column, whale in enumerate(class_id)}, []
    for path, table in tables.items():
        gallery, _ = gallery_of(table, path, whale_of, SCALES[0])
        images = [split_item(item) for item in table.item.tolist()]
        known = set(gallery.whales)
        rows = [
            row
            for row, (image, k) in enumerate(images)
            if k == 0 and table.role[row] == ROLE_VALIDATION and whale_of.get(image) in known
        ]
        if rows:
            asked.append((gallery, table.embedding[rows], [place[whale_of[images[row][0]]] for row in rows]))
    if not asked:
        raise NeighboursError(f"{next(iter(tables)).parent.parent}: no validation row, so no scale can be fitted; give a number")
    truth, losses = np.array([column for _, _, columns in asked for column in columns], np.int64), {}
    for scale in SCALES:
        z = np.zeros((len(truth), len(class_id)), np.float32)
        start = 0
        for gallery, embedding, _ in asked:
            logits = replace(gallery, scale=scale).logits(embedding)
            rows = slice(start, start + len(logits))
            z[rows, [place[whale] for whale in gallery.whales]] = logits - logits.mean(axis=1, keepdims=True)
            start += len(logits)
        unit = z / np.float32(sizes(z[None])[0])
        log_p = log_softmax(weigh(unit[None], truth)[0] * unit.astype(np.float64), axis=1)
        losses[scale] = float(-log_p[np.arange(len(truth)), truth].mean())
    return losses


def write_neighbours_of(members: Sequence[str], runs: Path, tables: Competition, scale: float | Literal["fit"]) -> list[Path]:
    """`write_neighbours` for those of `members` that are called MODEL_neighbours and are no model of somebody's own making.

    Args:
        runs: folder of the models; tables: says which whale a training photo shows, and the columns' order.
    """
    whale_of = dict(zip(tables.train["Image"], tables.train["whaleID"], strict=True))
    written = []
    for member in members:
        ours = not (runs / member).exists() or (runs / member / ABOUT).exists()
        if member.endswith(SUFFIX) and ours:
            written += write_neighbours(runs / member.removesuffix(SUFFIX), whale_of, tables.class_id, scale)
    return written


def source_of(member: Path) -> Path | None:
    """The folder of the model on whose embeddings `member` looks for neighbours; None if it is another kind of model."""
    if not (member / ABOUT).is_file():
        return None
    return member.with_name(json.loads((member / ABOUT).read_text(encoding="utf-8"))["model"])


def scale_of(member: Path) -> float:
    """What multiplies cosines to the logits of a member of neighbours; NaN for another kind of model."""
    if not (member / ABOUT).is_file():
        return float("nan")
    return float(json.loads((member / ABOUT).read_text(encoding="utf-8"))["scale"])


def _same(one: Predictions, other: Predictions) -> bool:
    names = ("item", "role", "class_id", "logits")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "logits") for name in names)
    return alike and all(getattr(one, name) == getattr(other, name) for name in ("views", "averaging", "weights_sha", "pictures"))
