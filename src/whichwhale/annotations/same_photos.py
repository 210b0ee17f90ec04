"""Are two tables of the same pictures? Names alone don't say so: w_1.jpg may have been made smaller in between."""

from __future__ import annotations

import pandas as pd

SIZE = ["photo_width", "photo_height"]


def refuse_other_sizes(mine: pd.DataFrame, other: pd.DataFrame, what: tuple[str, str]) -> None:
    """Raises ValueError if photos of two contract-1 tables have other sizes, where both say them; `what` names the tables."""
    one, two = (table.drop_duplicates("Image").set_index("Image")[SIZE].dropna() for table in (mine, other))
    both = one.index.intersection(two.index)
    if len(differ := both[(one.loc[both] != two.loc[both]).any(axis=1)]):
        first, second = (f"{sizes.loc[differ[0], SIZE[0]]:g} x {sizes.loc[differ[0], SIZE[1]]:g}" for sizes in (one, two))
        raise ValueError(
            f"{what[1]}: {len(differ)} of {len(both)} photos have another size than in {what[0]}, the first is "
            f"{differ[0]}: {second}, not {first} px; points and boxes of other pictures can't be compared"
        )
