"""`novelty`: how well strangers are told, on photos that a model did not learn from.

Two ways to ask, by what the file has. Enrolled: of animals that the model was never trained on half are put into a gallery,
half are strangers (score/strangers.py, `halves`). Trained: the gallery are the photos that the model learned from, the
classifier's own logits are among the scores; it takes held-out photos of these animals, as a table with the test photos' truth
names them, and of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whichwhale import predictions
from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.held_out import HeldOut
from whichwhale.catalogue.held_out import of_file as held_out_of
from whichwhale.score import open_set, strangers
from whichwhale.score.bootstrap import Interval
from whichwhale.score.strangers import Asked


def enrolled(found: HeldOut, where: str, seed: int) -> Asked:
    """Queries of animals that the model was never trained on.

    Raises:
        CatalogueError: too few animals.
    """
    numbers, _ = pd.factorize(found.animal, sort=True)
    try:
        return strangers.halves(found.photos.vectors, numbers.astype(np.int64), found.meeting, seed=seed)
    except ValueError as error:
        raise CatalogueError(f"{where}: too few held-out animals with several photos ({error})") from None


def trained(path: Path, labels: Sequence[Path]) -> Asked:
    """Held-out photos of a predictions.npz, asked of the photos that its fit learned from; but for those whose animal the fit
    learned from in the same encounter.

    Args:
        labels: tables of photo and animal; of a photo in several the last counts.

    Raises:
        CatalogueError: no logits, or no held-out photos of the one or the other kind.
    """
    file = coming.labelled_file(path, labels)
    if "animal" not in file.table.columns or "learned" not in file.table.columns:
        raise CatalogueError(f"{path}: must be a predictions.npz, and --table must say whom its photos show")
    read = predictions.read(path)
    known_columns = ~np.isnan(read.logits).all(axis=0) if read.logits.shape[1] else np.zeros(0, bool)
    if not known_columns.any():
        raise CatalogueError(f"{path}: has no logits; leave out --trained-gallery")
    animal, learned = file.table["animal"].to_numpy(str), file.table["learned"].to_numpy(str) == "yes"
    gallery, asked = learned & (animal != ""), ~learned & (animal != "")
    if (meeting := tables.meetings(file.table)) is not None:
        pair = np.array([f"{of}\n{name}" for of, name in zip(meeting.tolist(), animal.tolist(), strict=True)])
        asked &= ~np.isin(pair, pair[gallery])
    stranger = ~np.isin(animal[asked], animal[gallery])
    if stranger.all() or not stranger.any():
        kind = "animals that the model was trained on" if stranger.all() else "other animals"
        raise CatalogueError(
            f"{path}: --trained-gallery takes held-out photos of {kind} as well (of other encounters, where these are known): "
            "give a second --table with the test photos' truth, or leave --trained-gallery out"
        )
    numbers, _ = pd.factorize(animal, sort=True)
    numbers = numbers.astype(np.int64)
    logits = read.logits[asked][:, known_columns]
    try:
        return strangers.ask(file.vectors[gallery], numbers[gallery], file.vectors[asked], numbers[asked], logits)
    except ValueError as error:
        raise CatalogueError(f"{path}: {error}") from None


def of_file(
    path: Path, labels: Sequence[Path], conditions: Sequence[str] = (), *, trained_gallery: bool = False, seed: int = 0
) -> tuple[Asked, str]:
    """Queries of a file of vectors, and a line about how they were asked; `conditions` (filters.py) of the photos, if not of a
    trained gallery."""
    if trained_gallery:
        if conditions:
            raise CatalogueError("--where chooses among held-out animals' photos; leave it out, or --trained-gallery")
        return trained(path, labels), "gallery: the photos that the model learned from; logits are its own"
    found = held_out_of(path, labels, conditions)
    about = "gallery: every other photo of half of the animals, and the other way round; logits are log_sum_exp of cosines"
    return enrolled(found, str(path), seed), "\n".join([about, *([found.warning] if found.warning else [])])


def judged(asked: Asked, where: str, *, rate: float, errors: tuple[float, float], seed: int, draws: int) -> open_set.Judgement:
    """The table; a CatalogueError that names the file if there is too little to fit on."""
    try:
        return open_set.judge(asked, rate=rate, auto=errors[0], new=errors[1], seed=seed, draws=draws)
    except ValueError as error:
        raise CatalogueError(f"{where}: {error}") from None


def as_numbers(found: open_set.Judgement) -> dict[str, Any]:
    """The table for JSON: figures as [estimate, low, high], null where there is none."""

    def numbers(one: Interval) -> list[float | None]:
        return [None if np.isnan(value) else round(value, 6) for value in (one.mean, one.low, one.high)]

    scores = [
        {"score": row.name} | {name: numbers(getattr(row, name)) for name in ("auroc", "fpr95", "f1", "map5")}
        for row in found.rows
    ]
    bands = [{"band": band.name, "share": numbers(band.share), "wrong": numbers(band.wrong)} for band in found.bands]
    counts = {name: getattr(found, name) for name in ("known", "strangers", "animals", "rate")}
    return counts | {"scores": scores, "k": {name: list(of) for name, of in found.k.items()}, "bands": bands}
