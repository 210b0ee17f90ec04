"""Which photos a fit's weights have learned from, also by way of the fits that they started from: none of them is held out.

trained_on.csv beside a fit's weights says so: `Image` and `whaleID`. A photo is told by both: a crop keeps its photo's name, but
the w_1.jpg of a survey is another whale's.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whichwhale.files import write_text
from whichwhale.identify.experiment import Experiment, Fold
from whichwhale.nets import weights_file
from whichwhale.runs.fit import read_fit

FILE = "trained_on.csv"
COLUMNS = ["Image", "whaleID"]
Photos = set[tuple[str, str]]  # photo and whale


def write(folder: Path, photos: Photos) -> None:
    """Write what the fit in `folder` learns from."""
    write_text(folder / FILE, pd.DataFrame(sorted(photos), columns=COLUMNS).to_csv(index=False, lineterminator="\n"))


def read(folder: Path) -> Photos | None:
    """What the fit in `folder` has learned from; None: nobody knows, since it, or a fit that it started from, is older than the
    file or of a room that knows no whales."""
    path = folder / FILE
    if not path.is_file():
        return None
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return set(zip(*(table[name] for name in COLUMNS), strict=True)) if list(table.columns) == COLUMNS else None


def learned_from(experiment: Experiment, fold: Fold, before: Path | None) -> Photos | None:
    """What a fit of `fold` learns from whose weights start from those of the fit in the folder `before`; None if nobody knows."""
    learned = set() if before is None else read(before)
    return None if learned is None else learned | _photos(experiment, experiment.photos(fold)[0])


def fit_of(weights: str | bool) -> Path | None:
    """The run folder that the file `weights` (as `backbone.weights` names it) lies in; None if it is in none."""
    file = weights_file(weights)
    folder = None if file is None else file.resolve().parent
    return folder if folder is not None and (folder / "provenance.json").is_file() else None


def has_seen(folder: Path, experiment: Experiment, fold: Fold) -> str:
    """In words that the fit in `folder` has learned from photos that `fold` holds out, or may have; empty if it has not."""
    learned = read(folder)
    if learned is not None:
        held_out = _photos(experiment, experiment.photos(fold)[1])
        shared = sorted(learned & held_out)
        if len(shared) > 1 or 100 * len(shared) > len(held_out):  # a single one of many: two whales of the same made-up name
            return f"has learned from {len(shared)} of the {len(held_out)} photos that fold {fold} holds out, as {shared[0][0]}"
        return ""
    # Without the file all that is known are fingerprints, and what the fit's own config says that it started from.
    fit, mine = read_fit(folder), experiment.fingerprints(fold)
    tables, whose = fit.provenance.get("tables", {}), fit.provenance.get("fold")
    if tables.get("train") == mine["train"] and (tables.get("folds"), whose) != (mine["folds"], fold):
        return f"({whose}) may have learned from photos that fold {fold} holds out"
    onward = fit.provenance.get("onward")
    before = folder.parent.parent / onward["from"] if onward else fit_of(fit.config.get("backbone", {}).get("weights", False))
    return has_seen(before, experiment, fold) if before not in (None, folder) else ""


def _photos(experiment: Experiment, images: list[str]) -> Photos:
    train = experiment.data.train
    whale_of = dict(zip(train["Image"], train["whaleID"], strict=True))
    return {(image, whale_of[image]) for image in images}
