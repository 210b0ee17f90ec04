"""Which photos the model learned from: it knows them too well to be asked whether its probabilities hold.

trained_on.csv beside a fit's weights names them, with their animals (runs/trained_on.py).
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from whichwhale.runs import trained_on
from whichwhale.runs.trained_on import Photos


def of_fit(folder: Path) -> Photos | None:
    """Photos and animals that the fit in `folder` learned from; None: nobody knows, or the list there is another fit's."""
    return None if trained_on.fault(folder / "model.safetensors") else trained_on.read(folder)


def said(table: pd.DataFrame, photos: Photos) -> pd.Series:
    """Column `learned` [N] (yes, no, or empty: not known) of a table with `photo`, and `path` and `animal` where they are known.

    A photo is told by the end of its path, so that it is found under its file's name, or with folders before it, and by its
    animal. One of the same name but of another animal is another photo, unless the table and the model's training table share no
    animal: they may well call the same ones by different names, and then nobody knows.
    """
    animals_of: dict[str, set[str]] = {}
    for image, animal in photos:
        animals_of.setdefault(image, set()).add(animal)
    animal = table["animal"].tolist() if "animal" in table.columns else [""] * len(table)
    path = table["path"].tolist() if "path" in table.columns else [""] * len(table)
    strange = not {one for _, one in photos} & set(animal) - {""}
    found = []
    for name, own, where in zip(table["photo"], animal, path, strict=True):
        parts = Path(os.path.abspath(where) if where else name).parts
        learned = set().union(*(animals_of.get("/".join(parts[at:]), set()) for at in range(len(parts))))
        if not learned:
            found.append("no")
        elif not own or own in learned or "" in learned:
            found.append("yes")
        else:
            found.append("" if strange else "no")
    return pd.Series(found, index=table.index, dtype="str")
