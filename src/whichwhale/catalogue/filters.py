"""Which photos are searched: `place=Bay of Fundy`, `side=left|right`, `status=approved`, `date=2010..2015-06`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.table import is_date, plain


def matching(table: pd.DataFrame, conditions: Sequence[str]) -> NDArray[np.bool_]:
    """[N]: the photos that meet all conditions, each `column=value`, `column=one|other` or `column=from..to` (either may be
    empty).

    Ranges are of numbers, or, in a column `date`, of days, and a year or month is a range of its days: a photo of which only the
    year or month is known is in if any day of it is. A photo of which nothing is known is in no range.

    Raises:
        CatalogueError: a condition that can't be read, or a column that the table hasn't.
    """
    kept = np.ones(len(table), bool)
    for condition in conditions:
        column, equals, wanted = unicodedata.normalize("NFC", condition).partition("=")
        column = column.strip()
        if not equals or not column:
            raise CatalogueError(f"{condition!r}: a filter is column=value, column=one|other or column=from..to")
        if column not in table.columns:
            raise CatalogueError(
                f"{condition!r}: the catalogue has no column {column!r}; it has {listed(list(table.columns), 20)}"
            )
        code, texts = pd.factorize(table[column].astype(str))
        values = plain(pd.Series(texts, dtype="str")).iloc[code].reset_index(drop=True)  # those of old kept blanks about texts
        low, dots, high = wanted.partition("..")
        if not dots:
            kept &= np.any([_is(values, column, one.strip(), condition) for one in wanted.split("|")], axis=0)
        elif column == "date":
            kept &= _days(values, low.strip(), high.strip(), condition)
        else:
            kept &= _numbers(values, low.strip(), high.strip(), condition)
    return kept


def _is(values: pd.Series, column: str, wanted: str, condition: str) -> NDArray[np.bool_]:
    """A year or month is all of its days."""
    if column == "date" and wanted:
        return _days(values, wanted, wanted, condition)
    return (values == wanted).to_numpy()


def _days(values: pd.Series, low: str, high: str, condition: str) -> NDArray[np.bool_]:
    for end in (low, high):
        if end and not is_date(end):
            raise CatalogueError(f"{condition!r}: {end!r} is no date; write YYYY, YYYY-MM or YYYY-MM-DD")
    known = np.array(values != "")
    lengths = values.str.len()
    first = values + lengths.map({4: "-01-01", 7: "-01"}).fillna("")
    last = values + lengths.map({4: "-12-31", 7: "-31"}).fillna("")
    if low:
        known &= (last >= low + {4: "-01-01", 7: "-01"}.get(len(low), "")).to_numpy()
    if high:
        known &= (first <= high + {4: "-12-31", 7: "-31"}.get(len(high), "")).to_numpy()
    return known


def _numbers(values: pd.Series, low: str, high: str, condition: str) -> NDArray[np.bool_]:
    try:
        ends = float(low or "-inf"), float(high or "inf")
    except ValueError:
        raise CatalogueError(
            f"{condition!r}: {low!r} to {high!r} is no range of numbers; only the column date has days"
        ) from None
    numbers = pd.to_numeric(values.where(values != ""), errors="coerce").to_numpy(np.float64)
    return (numbers >= ends[0]) & (numbers <= ends[1])  # NaN compares false
