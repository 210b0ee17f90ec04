"""Are photos unlike those that a localizer learned from? What its scores say, held against those of photos it had held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import read
from whichwhale.localize.boxes import table_in

USUAL = 0.05  # share of the held-out photos that score less than what is usual
MANY = 4  # times as large a share of other photos says that they are unlike those of training
LEAST = 20  # held-out photos: of fewer a share says nothing


def usual_score(folder: Path, part: str = "head") -> float | None:
    """The score that all but USUAL of the photos had that the localizer in run folder `folder` held out, those without a find
    left out; None if less than LEAST were predicted."""
    whole = table_in(folder)
    tables = [whole] if whole.exists() else [table_in(fold) for fold in sorted(folder.glob("fold*")) if table_in(fold).exists()]
    scores = [_of_held_out(read(path), part) for path in tables]
    known = np.concatenate(scores) if scores else np.zeros(0)
    return float(np.quantile(known, USUAL)) if len(known) >= LEAST else None


def in_words(table: pd.DataFrame, usual: float | None, part: str = "head") -> str:
    """How many of the photos in which something was found score less than is usual, and what that says; empty if few do."""
    if usual is None or not len(scores := _scores(table, part)):
        return ""
    less = int((scores < usual).sum())
    if less <= USUAL * len(scores):
        return ""
    told = f"{less} of {len(scores)} score below {usual:.2f}, as {USUAL:.0%} of the photos did that the localizer had held out"
    if less > MANY * USUAL * len(scores):
        return f"{told}: these photos are unlike those that it learned from; look at the unsurest first (`look --worst`)"
    return f"{told}; look at them first (`look --worst`)"


def _of_held_out(table: pd.DataFrame, part: str) -> NDArray[np.float64]:
    return _scores(table[table["fold"] >= 0], part)


def _scores(table: pd.DataFrame, part: str) -> NDArray[np.float64]:
    """Of each photo that of the part that is found as `#0`."""
    mine = table[table["item"].str.endswith("#0") & (table["part"] == part) & (table["status"] == "ok")]
    return mine["score"].dropna().to_numpy(np.float64)
