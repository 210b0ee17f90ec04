"""Photos of animals that a model was never trained on: what verification, novelty and one-shot accuracy are measured on.

An animal counts as trained on if the model learned from any photo of it. Folds of kind disjoint (`folds: {kind: disjoint}`) hold
animals out whole; closed ones don't, so their fits are refused here unless somebody insists.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.incoming import Incoming, labelled_file
from whichwhale.catalogue.table import meetings

UNMET = (
    "Which photos are of one meeting is not known: frames of one pass are easy to tell as one animal's, so figures are too good "
    "if there are any. Say it in a column `encounter` of --table."
)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """`photos` with a known animal each; `warning`: why figures from them are too good, "" if they are not."""

    photos: Incoming
    warning: str

    @property
    def animal(self) -> np.ndarray:
        """Names [N]."""
        return self.photos.table["animal"].to_numpy(str)

    @property
    def meeting(self) -> NDArray[np.int64] | None:
        """A number an encounter [N]; None where the table has no such column."""
        return meetings(self.photos.table)


def of_file(path: Path, labels: Sequence[Path] = (), conditions: Sequence[str] = (), trained: bool = False) -> HeldOut:
    """`held_out` of an .npz and its tables of labels; of its photos only those that meet the `conditions` (filters.py).

    Raises:
        CatalogueError: as `held_out`; no photo meets them.
    """
    found = held_out(labelled_file(path, labels), str(path), trained)
    kept = matching(found.photos.table, conditions)
    if not kept.any():
        raise CatalogueError(f"{path}: no photo of an animal that was held out meets {' and '.join(conditions)}")
    return HeldOut(found.photos.only(kept), found.warning)


def held_out(incoming: Incoming, where: str, trained: bool = False) -> HeldOut:
    """The labelled photos of animals that the model was never trained on.

    Args:
        where: the file, for messages.
        trained: if the model was trained on all of the animals, go on with the photos that it did not learn from, and warn.

    Raises:
        CatalogueError: nobody says whom the photos show, or those that the model learned from; the model was trained on the
            animals.
    """
    table = incoming.table
    if "animal" not in table.columns or (table["animal"] == "").all():
        raise CatalogueError(
            f"{where}: of none of the {len(table)} photos the animal is known; give --table with photo and animal"
        )
    animal = table["animal"].to_numpy(str)
    labelled = animal != ""
    learned = table["learned"].to_numpy(str) if "learned" in table.columns else np.full(len(table), "")
    met = "" if meetings(table) is not None else UNMET
    if not np.isin(learned[labelled], ["yes", "no"]).all():
        warning = "Whether the model was trained on these animals is not known; if it was, all figures are too good."
        kept = labelled & ~np.isin(animal, np.unique(animal[learned == "yes"]))
        if not kept.any():
            raise CatalogueError(f"{where}: the model learned from photos of every one of the animals, as far as is known")
        return HeldOut(incoming.only(kept), f"{warning} {met}".strip())
    if (unknown := (learned == "yes") & ~labelled).any():
        raise CatalogueError(
            f"{where}: the model learned from {int(unknown.sum())} photos of which nobody says whom they show, such as "
            f"{table['photo'][unknown].iloc[0]}, so it can't be told which animals it was trained on; label them in --table"
        )
    known = np.unique(animal[learned == "yes"])
    kept = labelled & ~np.isin(animal, known)
    if kept.any():
        return HeldOut(incoming.only(kept), met)
    other = labelled & (learned == "no")
    if not trained or not other.any():
        raise CatalogueError(
            f"{where}: the model was trained on photos of every one of the animals ({len(known)}), so its "
            "figures would say nothing of new ones. Fit one on folds that hold animals out whole (folds.kind=disjoint, as "
            "configs/right_whale_heads/disjoint.yaml), or insist with --trained-animals"
        )
    warning = "The model was TRAINED ON THESE ANIMALS (other photos of them): all figures are too good for new ones."
    return HeldOut(incoming.only(other), f"{warning} {met}".strip())
