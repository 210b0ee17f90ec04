"""The definition of the error, by hand."""

import numpy as np
import pandas as pd
import pytest

from whichwhale.annotations import build
from whichwhale.localize.error import errors, in_words, point_error, summary

NAMES = ["tip", "hole"]


def table(**rows: dict) -> pd.DataFrame:
    return build([{"Image": f"{image}.jpg"} | row for image, row in rows.items()], NAMES)


def found(tip: tuple[float, float], hole: tuple[float, float], **more: float) -> dict:
    return {"tip_x": tip[0], "tip_y": tip[1], "tip_v": 2, "hole_x": hole[0], "hole_y": hole[1], "hole_v": 2} | more


BOX = {"x": -1, "y": -1, "width": 12, "height": 2}


def test_point_error_by_hand() -> None:
    truth = np.array([[[0.0, 0.0], [10.0, 0.0]]] * 3)
    points = truth.copy()
    points[0] += [[3.0, 4.0], [0.0, 1.0]]  # 5 and 1 px off, d = 10 px: mean 3 px
    points[1, 1] = np.nan
    truth[2, 0] = np.nan
    assert point_error(points, truth) == pytest.approx([0.3, 1.0, np.nan], nan_ok=True)


def test_photo_without_detection_counts_as_all_of_d_and_outside() -> None:
    truth = table(a=found((0, 0), (10, 0)), b=found((0, 0), (10, 0)), c=found((0, 0), (10, 0)), d={"status": "none"})
    predicted = table(
        a=found((0, 1), (10, 1), fold=0, **BOX), b={"status": "none", "fold": 1}, c=found((5, 0), (10, 0), fold=-2), d=BOX
    )
    compared = errors(predicted, truth, NAMES).set_index("Image")
    assert compared["error"].to_dict() == pytest.approx({"a.jpg": 0.1, "b.jpg": 1.0, "c.jpg": 0.25})
    assert compared["inside"].to_dict() == {"a.jpg": True, "b.jpg": False, "c.jpg": False}  # c has points but no box
    assert compared["fold"].to_dict() == {"a.jpg": 0, "b.jpg": 1, "c.jpg": -2}
    scores = summary(compared)
    assert scores["photos"] == 3
    assert scores["error_50"] == pytest.approx(0.25)
    assert scores["error_99"] == pytest.approx(0.25 + 0.98 * 0.75)
    assert scores["inside"] == pytest.approx(1 / 3)
    assert "median 25.00" in in_words(scores)


def test_error_above_d_is_not_clipped() -> None:
    truth, predicted = table(a=found((0, 0), (10, 0))), table(a=found((100, 0), (110, 0)))
    assert errors(predicted, truth, NAMES)["error"].tolist() == [10.0]


def test_head_for_tail_is_told_from_far_off() -> None:
    true = found((0, 0), (10, 0))
    truth = table(a=true, b=true, c=true, d=true, e=true)
    predicted = table(
        a=found((9, 0), (1, 0)),  # head for tail
        b=found((4, 0), (6, 0)),  # both near the middle, but the right way round
        c=found((30, 1), (30, -1)),  # another place, no direction: exchanged they are as far off
        d={"status": "none"},
        e=found((50, 0), (40, 0)),  # another place: exchanged they are nearer, but no head of these
    )
    compared = errors(predicted, truth, NAMES)
    assert compared["swapped"].tolist() == [True, False, False, False, False]
    assert compared["lost"].tolist() == [False, False, True, True, True]
    assert summary(compared)["swapped"] == 0.2
    assert "head for tail 20.0 %, not found or elsewhere 60.0 %" in in_words(summary(compared))


def test_nothing_to_compare() -> None:
    nothing = errors(table(a=found((0, 0), (1, 0))), table(b=found((0, 0), (1, 0))), NAMES)
    assert in_words(summary(nothing)) == "no photo with known points"
