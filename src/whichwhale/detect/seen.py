"""Which photos a fit learnt from: nothing is scored on them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whichwhale.annotations.table import BY_HAND, MEAN_OF_FOLDS
from whichwhale.competition.config import DataConfig
from whichwhale.config import read_yaml
from whichwhale.runs.trained_on import FILE

HAND = "hand"  # the source of what nobody's model found


class SeenError(ValueError):
    """Photos that the model was trained on, or may have been, were to be scored."""


def read(folder: Path, own: bool = True) -> dict[int, set[str]]:
    """Fold → photos that its model learnt from, of the fit in `folder` or of those below it; empty if it holds none.

    What a fit started from may have learned from other data sets, and the w_1.jpg of one is another whale's than that of the
    next. `own`: photos of the fit's own data set are to be told, so a photo that its training table has under the same name, but
    of another whale, is not taken for it. Otherwise, and where the table is gone, names alone count.
    """
    found = {}
    for path in [folder / FILE, *sorted(folder.glob(f"fold*/{FILE}"))]:
        fold = path.parent.resolve().name.removeprefix("fold")
        if path.is_file() and fold.isdecimal():
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            if own and "whaleID" in table and (whales := _whales(path.with_name("config.yaml"))):
                whose = table["Image"].map(whales)
                table = table[whose.isna() | (table["whaleID"] == "") | (table["whaleID"] == whose)]
            found[int(fold)] = set(table["Image"])
    return found


def _whales(config: Path) -> dict[str, str]:
    """Whom the photos of the training table show that the fit with this config.yaml is of; {} if it is gone."""
    try:
        data = DataConfig.model_validate(read_yaml(config).get("data", {})).read_tables()
    except (OSError, ValueError):
        return {}
    return dict(zip(data.train["Image"], data.train["whaleID"], strict=True))


def by_model(table: pd.DataFrame) -> pd.Series:
    """Of each photo whether a model found it: a row has a fold, a score or a source of its own."""
    made = (table["source"] != HAND) | table["score"].notna() | (table["fold"] != BY_HAND)
    return made.groupby(table["Image"]).any()


def untold(folder: Path) -> str:
    """What to say where `read` finds nothing about models that made a table."""
    return f"{folder}: no {FILE} there says what the models were trained on; some of these photos may be among it"


def seen(table: pd.DataFrame, learnt: dict[int, set[str]]) -> dict[str, str]:
    """Photos of a contract-1 table that whoever made their row was trained on, or may have been, and why.

    A row of fold k is that fold's model's, one of fold −2 all models'. By hand nobody was trained; but a row of fold −1 that has
    a score, or a source, was found by some model, and then written in a format that has no place for the fold: by any of them.
    """
    bad = {}
    found = by_model(table)
    rows = table.drop_duplicates("Image")[["Image", "fold"]].itertuples(index=False)
    for image, fold in rows:
        if fold == BY_HAND and not found[image]:
            continue
        if fold in (MEAN_OF_FOLDS, BY_HAND):
            if not learnt and fold == MEAN_OF_FOLDS:
                bad[image] = f"all fold models found it, and nothing says what they were trained on (no fold*/{FILE})"
            learners = [number for number, images in learnt.items() if image in images]
            if learners:
                bad[image] = f"fold {learners[0]}'s model, one of those that found it, was trained on it"
        elif fold not in learnt:
            bad[image] = f"fold {fold}'s model found it, and nothing says what that was trained on (no fold{fold}/{FILE})"
        elif image in learnt[fold]:
            bad[image] = f"fold {fold}'s model, which found it, was trained on it"
    return bad


def refuse_seen(table: pd.DataFrame, learnt: dict[int, set[str]]) -> None:
    """Raises SeenError if there is such a photo."""
    if bad := seen(table, learnt):
        image, why = next(iter(bad.items()))
        raise SeenError(f"{len(bad)} photos can't be scored, the first is {image}: {why}. Score photos that no model has seen")
