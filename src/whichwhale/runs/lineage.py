"""What a fold's weights have learned from, also by way of the fits that they started from: none of it is held out.

trained_on.csv beside a fit's weights says so (trained_on.py). Localizers, aligners and part detectors go by this.
"""

from __future__ import annotations

from pathlib import Path

from whichwhale.config import ConfigError
from whichwhale.runs import trained_on
from whichwhale.runs.folder import RunFolder
from whichwhale.runs.trained_on import Photos, shared
from whichwhale.weights import weights_file


def learned_from(before: Path | None, training: Photos) -> Photos | None:
    """What a fit on `training` has learned from whose first weights are those of the fit in the folder `before`; None if nobody
    knows."""
    learned = set() if before is None else trained_on.read(before)
    return None if learned is None else learned | training


def backbone_fit(weights: str | bool, fold: int, tables: dict[str, str], held_out: Photos) -> Path | None:
    """The folder of the fit that the file `backbone.weights` is of; None if it is no fit's. Refused as by `refuse_seen`."""
    file = weights_file(weights)
    if file is None:
        return None
    folder = trained_on.fit_of(file)
    refuse_seen(f"backbone.weights={weights}", file, folder, fold, tables, held_out)
    return folder


def refuse_seen(said: str, file: Path, folder: Path | None, fold: int, tables: dict[str, str], held_out: Photos) -> None:
    """Raises ConfigError if the weights `file` of the fit in `folder`, which a config names by `said`, have learned from photos
    that `fold` holds out, or may have, or if the list of what they learned from is not beside them."""
    if why := trained_on.fault(file):
        raise ConfigError(f"{said}: {why}")
    if folder is not None and (why := _has_seen(folder, fold, tables, held_out)):
        raise ConfigError(
            f"{said}: that fit {why}; start from fold {fold} of the same folds.csv, or from a fit of another data set"
        )


def _has_seen(folder: Path, fold: int, tables: dict[str, str], held_out: Photos) -> str:
    """In words that the fit in `folder` has learned from photos that `fold` holds out, or may have; empty if it has not."""
    learned = trained_on.read(folder)
    if learned is not None:
        both = shared(learned, held_out)
        return (
            f"has learned from {len(both)} of the {len(held_out)} photos that fold {fold} holds out, as {both[0]}" if both else ""
        )
    if not (folder / "provenance.json").is_file():
        return ""
    written = RunFolder(folder).provenance()
    theirs = written.get("tables", {})
    same = theirs.get("folds") == tables["folds"] and written.get("fold") == fold
    if theirs.get("train") == tables["train"] and not same:
        return f"({written.get('fold')}) may have learned from photos that fold {fold} holds out"
    return ""
