"""Nearest neighbours on a model's own embeddings: one more model for the pool, at no training.

For photo x and whale c, z_c = log sum_i exp(s cos(x, x_i)) over the whale's training photos x_i: the log of a kernel density
with a von Mises-Fisher kernel of concentration s, times the whale's share of the photos, which is its prior. With a large s it is
the best cosine. Embeddings of different fits are never compared: each fold model looks among the photos that it trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale import predictions
from whichwhale.predictions import ROLE_TRAIN, Predictions, split_item

SUFFIX = "_neighbours"


class NeighboursError(ValueError):
    """A model without what neighbours need; the message names the file and says what is missing."""


def neighbour_logits(
    embedding: NDArray[np.floating], gallery: NDArray[np.int64], whale: NDArray[np.int64], classes: int, scale: float
) -> NDArray[np.float64]:
    """Logits [N, classes] of all rows among the gallery's; a row never is its own neighbour.

    Args:
        embedding: [N, D], unit length; gallery: rows that are looked among [G]; whale: their columns [G].
        scale: s, how much a close neighbour counts more than a distant one.

    Returns:
        NaN in the columns of whales without a gallery photo. The only photo of a whale says nothing of itself: there it has the
        value of a photo on the far side of the sphere, -s.
    """
    vectors = np.asarray(embedding, np.float64)
    # exp(s (cos - 1)) <= 1: no overflow, and nothing below e^(-2 s).
    near = np.exp(scale * (vectors @ vectors[gallery].T - 1))
    near[gallery, np.arange(len(gallery))] = 0.0
    is_whale = np.zeros((len(gallery), classes))
    is_whale[np.arange(len(gallery)), whale] = 1.0
    logits = np.log(np.maximum(near @ is_whale, np.exp(-2 * scale))) + scale
    logits[:, is_whale.sum(0) == 0] = np.nan
    return logits


def with_neighbours(path: Path, column_of: Mapping[str, int], class_id: list[str], scale: float) -> Predictions:
    """The predictions.npz that neighbours make of the one at `path`: same rows, no embedding.

    Args:
        column_of: labelled photo -> column of its whale; class_id: [C].

    Raises:
        NeighboursError: no embedding, no training row, or a training photo that is not labelled.
        PredictionsError: a damaged file.
    """
    table = predictions.read(path)
    if not table.embedding.shape[1]:
        raise NeighboursError(f"{path}: has no embedding to look for neighbours in")
    images = [split_item(item) for item in table.item.tolist()]
    gallery = np.array([row for row, (_, k) in enumerate(images) if k == 0 and table.role[row] == ROLE_TRAIN], np.int64)
    if not len(gallery):
        raise NeighboursError(f"{path}: has no training row, so there is nobody to look among")
    if unknown := [images[row][0] for row in gallery if images[row][0] not in column_of]:
        raise NeighboursError(f"{path}: {unknown[0]} is a training row, but the training table does not label it")
    whale = np.array([column_of[images[row][0]] for row in gallery], np.int64)
    logits = neighbour_logits(table.embedding, gallery, whale, len(class_id), scale)
    return Predictions.of(
        table.item,
        table.role,
        class_id,
        logits,
        views=table.views,
        averaging=f"log-sum-exp of {scale:g} cos over each whale's training photos; embeddings: {table.averaging}",
        weights_sha=table.weights_sha,
    )


def write_neighbours(model: Path, column_of: Mapping[str, int], class_id: list[str], scale: float) -> list[Path]:
    """Write `<model>_neighbours/fold<k>/predictions.npz` for every fit of `model`; what is there already is left alone.

    Returns the files written. Raises NeighboursError, also if the model has no predictions.
    """
    sources = sorted(model.glob("fold*/predictions.npz"))
    if not sources:
        raise NeighboursError(f"{model}: has no fold*/predictions.npz; run predict.py with its config")
    written = []
    for source in sources:
        target = model.with_name(model.name + SUFFIX) / source.parent.name / source.name
        table = with_neighbours(source, column_of, class_id, scale)
        if target.exists() and _same(predictions.read(target), table):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        predictions.write(target, table)
        written.append(target)
    return written


def _same(one: Predictions, other: Predictions) -> bool:
    names = ("item", "role", "class_id", "logits")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name == "logits") for name in names)
    return alike and all(getattr(one, name) == getattr(other, name) for name in ("views", "averaging", "weights_sha"))
