"""Which photos a fit's weights have learned from, also by way of the fits that they started from: none of them is held out.

trained_on.csv beside a fit's weights says so (runs/trained_on.py).
"""

from __future__ import annotations

from pathlib import Path

from whichwhale.identify.experiment import Experiment, Fold
from whichwhale.runs import trained_on
from whichwhale.runs.fit import read_fit
from whichwhale.runs.trained_on import Photos, photos_of, read, shared, without_label
from whichwhale.weights import weights_file


def learned_from(experiment: Experiment, fold: Fold, before: Path | None) -> Photos | None:
    """What a fit of `fold` learns from whose weights start from those of the fit in the folder `before`; None if nobody knows."""
    learned = set() if before is None else read(before)
    if learned is None:
        return None
    return learned | photos_of(experiment.data.train, experiment.photos(fold)[0]) | without_label(experiment.unlabelled())


def fit_of(weights: str | bool) -> Path | None:
    """The folder that tells what the file `weights` (as `backbone.weights` names it) has learned from; None if it is in none."""
    file = weights_file(weights)
    return None if file is None else trained_on.fit_of(file)


def has_seen(folder: Path, experiment: Experiment, fold: Fold) -> str:
    """In words that the fit in `folder` has learned from photos that `fold` holds out, or may have; empty if it has not."""
    learned = read(folder)
    if learned is not None:
        held_out = photos_of(experiment.data.train, experiment.photos(fold)[1])
        if both := shared(learned, held_out):
            return f"has learned from {len(both)} of the {len(held_out)} photos that fold {fold} holds out, as {both[0]}"
        return ""
    # Without the file all that is known are fingerprints, and what the fit's own config says that it started from.
    fit, mine = read_fit(folder), experiment.fingerprints(fold)
    tables, whose = fit.provenance.get("tables", {}), fit.provenance.get("fold")
    if tables.get("train") == mine["train"] and (tables.get("folds"), whose) != (mine["folds"], fold):
        return f"({whose}) may have learned from photos that fold {fold} holds out"
    onward = fit.provenance.get("onward")
    before = folder.parent.parent / onward["from"] if onward else fit_of(fit.config.get("backbone", {}).get("weights", False))
    return has_seen(before, experiment, fold) if before not in (None, folder) else ""
