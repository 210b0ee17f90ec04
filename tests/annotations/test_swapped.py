"""Exchanged points: the lean of boxes, and how many others lean the other way."""

import numpy as np
import pytest

from whichwhale.annotations import swapped


def test_the_lean_is_the_way_to_the_boxes_centre_in_d() -> None:
    front, back = np.array([[0.0, 0.0], [0, 0], [3, 3]]), np.array([[0.0, 10.0], [8, 0], [3, 3]])
    centre = np.array([[5.0, 8.0], [0, 7], [0, 0]])
    assert swapped.lean(front, back, centre).tolist() == pytest.approx([0.3, -0.5, np.nan], nan_ok=True)
    assert swapped.lean(back, front, centre).tolist() == pytest.approx([-0.3, 0.5, np.nan], nan_ok=True)


def test_odds_count_the_others() -> None:
    leans = np.array([0.5] * 60 + [0.2] * 30 + [-0.2] * 9 + [-0.4, np.nan])
    odds = swapped.odds(leans)
    assert odds[99] == 60 / 1  # 60 lean 0.4 or more; nobody else −0.4 or less
    assert odds[98] == 90 / 10  # 90 lean 0.2 or more; 9 others −0.2 or less
    assert odds[0] == odds[100] == 1
    assert swapped.odds(-leans).tolist() == odds.tolist()  # whichever way boxes lean
    assert swapped.odds(leans[60:]).tolist() == [1.0] * 41  # too few


def test_power_is_the_share_that_would_be_seen() -> None:
    leans = np.array([0.5] * 60 + [0.2] * 30 + [-0.2] * 9 + [-0.4])
    # one of the 60 exchanged: 59 others lean 0.5 or more, none −0.5 or less; one of the 30: 89 others, 10 lean −0.2 or less
    assert swapped.power(leans, 59) == 0.6
    assert swapped.power(leans, 60) == 0
    assert swapped.power(leans, 8) == 0.9
    assert np.isnan(swapped.power(leans[60:], 1))
    for i in (0, 70):
        one = leans.copy()
        one[i] *= -1
        assert swapped.odds(one)[i] == (59 if i == 0 else 89 / 11)


def test_parts_behind_the_head() -> None:
    assert swapped.behind("Left flipper") and swapped.behind("fluke") and not swapped.behind("head")
