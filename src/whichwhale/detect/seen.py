"""Which photos a fit learnt from: nothing is scored on them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from whichwhale.annotations.table import BY_HAND, MEAN_OF_FOLDS
from whichwhale.files import write_text

FILE = "trained_on.csv"  # beside a fit's weights: Image


class SeenError(ValueError):
    """Photos that the model was trained on, or may have been, were to be scored."""


def write(folder: Path, images: Iterable[str]) -> None:
    """Write the list of the photos that the fit in `folder` learns from."""
    write_text(folder / FILE, pd.DataFrame({"Image": sorted(images)}).to_csv(index=False, lineterminator="\n"))


def read(folder: Path) -> dict[int, set[str]]:
    """Fold → photos that its model learnt from, of the fit in `folder` or of those below it; empty if it holds none."""
    found = {}
    for path in [folder / FILE, *sorted(folder.glob(f"fold*/{FILE}"))]:
        fold = path.parent.name.removeprefix("fold")
        if path.is_file() and fold.isdecimal():
            found[int(fold)] = set(pd.read_csv(path, dtype=str, keep_default_na=False)["Image"])
    return found


def seen(table: pd.DataFrame, learnt: dict[int, set[str]]) -> dict[str, str]:
    """Photos of a contract-1 table that whoever made their row was trained on, or may have been, and why.

    A row of fold k is that fold's model's, one of fold −2 all models'. By hand nobody was trained.
    """
    bad = {}
    rows = table.drop_duplicates("Image")[["Image", "fold"]].itertuples(index=False)
    for image, fold in rows:
        if fold == BY_HAND:
            continue
        if fold == MEAN_OF_FOLDS:
            if not learnt:
                bad[image] = f"all fold models found it, and nothing says what they were trained on (no fold*/{FILE})"
            learners = [number for number, images in learnt.items() if image in images]
            if learners:
                bad[image] = f"fold {learners[0]}'s model, one of those that found it, was trained on it"
        elif image in learnt.get(fold, ()):
            bad[image] = f"fold {fold}'s model, which found it, was trained on it"
    return bad


def refuse_seen(table: pd.DataFrame, learnt: dict[int, set[str]]) -> None:
    """Raises SeenError if there is such a photo."""
    if bad := seen(table, learnt):
        image, why = next(iter(bad.items()))
        raise SeenError(f"{len(bad)} photos can't be scored, the first is {image}: {why}. Score photos that no model has seen")
