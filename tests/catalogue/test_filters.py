"""Filters by the table's columns, each against the rows it must keep."""

import numpy as np
import pandas as pd
import pytest

from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.filters import matching

TABLE = pd.DataFrame(
    {
        "place": ["Bay of Fundy", "Georges Bank", "", "Bay of Fundy"],
        "side": ["left", "right", "both", "left"],
        "date": ["2009", "2010-05", "2010-06-30", ""],
        "length": ["12.5", "9", "", "10"],
    },
    dtype="str",
)


@pytest.mark.parametrize(
    ("conditions", "kept"),
    [
        ([], [0, 1, 2, 3]),
        (["place=Bay of Fundy"], [0, 3]),
        (["place="], [2]),
        (["side=left|both"], [0, 2, 3]),
        (["side=left", "place=Georges Bank"], []),
        (["date=2010..2010"], [1, 2]),
        (["date=2010"], [1, 2]),
        (["date=2009|2010-06"], [0, 2]),
        (["date=2010-06-30"], [2]),
        (["date="], [3]),
        (["date=2009-12-31..2010-05-15"], [0, 1]),  # of row 0 the year alone is known, of row 1 the month
        (["date=2010-06.."], [2]),
        (["date=..2010-06-29"], [0, 1]),
        (["date=2010-05-31..2010-06-01"], [1]),
        (["length=9..10"], [1, 3]),
        (["length=10.."], [0, 3]),
    ],
)
def test_kept(conditions: list[str], kept: list[int]) -> None:
    assert np.flatnonzero(matching(TABLE, conditions)).tolist() == kept


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("place", "a filter is column=value"),
        ("sex=f", "no column 'sex'; it has place, side, date, length"),
        ("date=10/05/2010..", "'10/05/2010' is no date; write YYYY"),
        ("date=2010-02-30", "'2010-02-30' is no date"),
        ("place=a..b", "no range of numbers"),
    ],
)
def test_refused(condition: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        matching(TABLE, [condition])
