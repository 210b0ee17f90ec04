"""Which photos are asked for by what they were to a model: test photos, or those that a fold left out."""

from __future__ import annotations

from pathlib import Path

from whichwhale.competition import folds
from whichwhale.competition.config import DataConfig
from whichwhale.config import read_yaml


def photos_of(folder: Path, kind: str) -> set[str]:
    """Photos of the data set that the model or fit in `folder` is of: `test` ones, or `out-of-fold` ones, which folds.csv gives
    to a fold (of a fit: to its own).

    Raises ValueError if what tells so is gone.
    """
    folder = folder.resolve()
    fits = [folder] if (folder / "config.yaml").is_file() else sorted(path.parent for path in folder.glob("fold*/config.yaml"))
    if not fits:
        raise ValueError(f"{folder}: has no fit's config.yaml, which tells its data set; name the model (--model)")
    if kind == "test":
        return set(DataConfig.model_validate(read_yaml(fits[0] / "config.yaml").get("data", {})).read_tables().test)
    dealt = folds.read(fits[0].parent.parent / "folds.csv")
    number = folder.name.removeprefix("fold") if fits == [folder] else ""
    chosen = dealt["fold"] == int(number) if number.isdecimal() else dealt["fold"] >= 0
    return set(dealt.loc[chosen, "Image"])
