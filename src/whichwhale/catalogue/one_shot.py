"""`one-shot`: several models' vectors of the same photos, of animals that none of them was trained on, in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from whichwhale.catalogue import incoming as coming
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.held_out import HeldOut
from whichwhale.catalogue.held_out import of_file as held_out_of
from whichwhale.score.bootstrap import Interval
from whichwhale.score.few_shot import Result, few_shot


@dataclass(frozen=True)
class Undrawn:
    """Episodes that there can't be, and `why`."""

    ways: int
    shots: int
    why: str


Cell = Result | Undrawn


def names_of(paths: Sequence[Path]) -> list[str]:
    """Of runs/heads/arcface/fold0/predictions.npz arcface, any other file's own name; with more of the path where two would have
    one name."""
    names = [
        path.parent.parent.name if path.name == "predictions.npz" and path.parent.parent.name else path.stem for path in paths
    ]
    for depth in range(3, max(3, *(len(path.parts) for path in paths)) + 1):
        count = Counter(names)
        names = [name if count[name] == 1 else "/".join(path.parts[-depth:]) for name, path in zip(names, paths, strict=True)]
    return names


def in_common(
    files: Sequence[Path], labels: Sequence[Path] = (), conditions: Sequence[str] = ()
) -> tuple[list[HeldOut], list[str]]:
    """Each file's vectors of the photos that all files hold out and that meet the conditions, in the order of their names; and
    warnings.

    Raises:
        CatalogueError: no such photo, or a photo shows one animal here and another one there.
    """
    found = [held_out_of(path, labels, conditions) for path in files]
    names = set(found[0].photos.table["photo"])
    for one in found[1:]:
        names &= set(one.photos.table["photo"])
    if not names:
        raise CatalogueError(f"{files[0]} and the others hold out no photo in common; fit the models on the same disjoint folds")
    ordered = []
    for path, one in zip(files, found, strict=True):
        rows = pd.Index(one.photos.table["photo"]).get_indexer(pd.Index(sorted(names)))
        kept = coming.Incoming(one.photos.table.iloc[rows].reset_index(drop=True), one.photos.vectors[rows], one.photos.model)
        ordered.append(HeldOut(kept, one.warning))
        if differs := np.flatnonzero(ordered[0].animal != ordered[-1].animal).tolist():
            photo = kept.table["photo"].iloc[differs[0]]
            raise CatalogueError(f"{path}: says that {photo} shows another animal than {files[0]} does; give one --table for all")
    return ordered, sorted({one.warning for one in ordered if one.warning})


def results(
    found: Sequence[HeldOut],
    ways: Sequence[int],
    shots: Sequence[int],
    *,
    flat: bool,
    count: int = 500,
    validation: float = 0.4,
    seed: int = 0,
    draws: int = 1000,
) -> list[list[Cell]]:
    """For each file a result for every number of ways and shots; where there are too few animals for it, why there is none.

    Args:
        flat: also on a two-dimensional UMAP of the same photos' vectors, without their labels.

    Raises:
        CatalogueError: too few animals with so many photos for any of them.
    """
    numbers = pd.factorize(found[0].animal, sort=True)[0].astype(np.int64)
    meeting = found[0].meeting  # one for all, so that all meet the same episodes
    every: list[list[Cell]] = []
    for one in found:
        flat_vectors = None
        if flat:
            from whichwhale.catalogue.flat import flat_map

            flat_vectors = flat_map(one.photos.vectors, seed=seed)
        of_file: list[Cell] = []
        for way in ways:
            for shot in shots:
                try:
                    result = few_shot(
                        one.photos.vectors,
                        numbers,
                        ways=way,
                        shots=shot,
                        count=count,
                        validation=validation,
                        flat=flat_vectors,
                        meeting=meeting,
                        seed=seed,
                        draws=draws,
                    )
                except ValueError as error:
                    of_file.append(Undrawn(way, shot, str(error)))
                else:
                    of_file.append(result)
        undrawn = [cell for cell in of_file if isinstance(cell, Undrawn)]
        if len(undrawn) == len(of_file):
            raise CatalogueError(
                f"{undrawn[0].why} ({validation:.0%} of the animals are there to choose k on, the others to ask about); "
                "ask for fewer --ways or --shots"
            )
        every.append(of_file)
    return every


def text(names: Sequence[str], every: Sequence[Sequence[Cell]], found: HeldOut, warnings: Sequence[str]) -> str:
    """The table for people."""
    width = max(12, *(len(name) for name in names))
    lines = [
        f"{len(found.animal)} photos of {len(set(found.animal.tolist()))} animals that no model was trained on; "
        "95 % intervals over animals",
        f"{'vectors':<{width}} {'ways':>5} {'shots':>5} {'nearest photo':>24} {'kNN':>31} {'kNN on 2-D UMAP':>31}",
    ]
    for name, of_file in zip(names, every, strict=True):
        for one in of_file:
            if isinstance(one, Undrawn):
                lines.append(f"{name:<{width}} {one.ways:>5} {one.shots:>5} none: {one.why}")
                continue
            flat = "" if one.flat is None else f"{_cell(one.flat)} k={one.flat_k}"
            knn = f"{_cell(one.knn)} k={one.k}"
            lines.append(f"{name:<{width}} {one.ways:>5} {one.shots:>5} {_cell(one.nearest):>24} {knn:>31} {flat:>31}".rstrip())
    return "\n".join([*lines, *warnings])


def as_numbers(names: Sequence[str], every: Sequence[Sequence[Cell]]) -> list[dict[str, Any]]:
    """The table for JSON: accuracies as [estimate, low, high]; `why` there are none, null where there are."""
    rows = []
    for name, of_file in zip(names, every, strict=True):
        for one in of_file:
            row: dict[str, Any] = {"vectors": name, "ways": one.ways, "shots": one.shots}
            if isinstance(one, Undrawn):
                row |= dict.fromkeys(("nearest", "knn", "k", "flat", "flat_k")) | {"why": one.why}
            else:
                row |= {"nearest": _numbers(one.nearest), "knn": _numbers(one.knn), "k": one.k}
                row |= {"flat": None if one.flat is None else _numbers(one.flat), "flat_k": one.flat_k, "why": None}
            rows.append(row)
    return rows


def _cell(one: Interval) -> str:
    return f"{one.mean:.1%} ({one.low:.1%} to {one.high:.1%})"


def _numbers(one: Interval) -> list[float]:
    return [round(value, 6) for value in (one.mean, one.low, one.high)]
