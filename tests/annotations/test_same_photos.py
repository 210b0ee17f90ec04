"""Tables of pictures of other sizes are told apart, where both say a size."""

import math

import pytest

from whichwhale import annotations
from whichwhale.annotations.same_photos import refuse_other_sizes


def test_sizes_that_differ_are_refused() -> None:
    def table(**widths: float) -> object:
        return annotations.build(
            [{"Image": k, "photo_width": w, "photo_height": 60, "status": "none"} for k, w in widths.items()], []
        )

    mine = table(a=80, b=80, c=math.nan, d=80)
    refuse_other_sizes(mine, table(a=80, b=math.nan, c=40, e=40), ("x.csv", "y.csv"))
    with pytest.raises(
        ValueError, match=r"^y\.csv: 1 of 2 photos have another size than in x\.csv, the first is d: 40 x 60, not 80 x 60"
    ):
        refuse_other_sizes(mine, table(a=80, d=40), ("x.csv", "y.csv"))
