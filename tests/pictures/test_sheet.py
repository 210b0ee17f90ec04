"""Sheets of drawn photos."""

import numpy as np
import pytest

from whichwhale.pictures.sheet import two_a_row


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_every_picture_has_its_place(count: int, rows: int) -> None:
    drawn = [np.full((2, 3, 3), number + 1, np.uint8) for number in range(count)]
    sheet = two_a_row(drawn)
    assert sheet.shape == (2 * rows, 6, 3) and sheet.dtype == np.uint8
    tiles = [int(sheet[2 * row, 3 * column, 0]) for row in range(rows) for column in range(2)]
    assert tiles == [*range(1, count + 1), *[0] * (count % 2)]
    assert len(drawn) == count
