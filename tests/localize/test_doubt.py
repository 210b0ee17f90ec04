"""Whether an uncertainty is worth anything, by hand."""

import math

import numpy as np
import pytest

from whichwhale.annotations import build
from whichwhale.localize.doubt import area, as_text, doubt, rank_correlation, risk_coverage

ERROR = [0.01, 0.02, 0.03, 0.5]


def test_doubt_is_in_d_and_unknown_is_the_least_sure() -> None:
    found = {"tip_x": 0, "tip_y": 0, "tip_v": 2, "hole_x": 30, "hole_y": 40, "hole_v": 2}
    rows = [{"Image": "a", **found, "tip_sd": 3.0, "hole_sd": 4.0}, {"Image": "b", **found}, {"Image": "c", "status": "none"}]
    assert doubt(build(rows, ["tip", "hole"]), ["tip", "hole"]).tolist() == [
        pytest.approx(math.sqrt(12.5) / 50),
        math.inf,
        math.inf,
    ]


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3, math.inf], ERROR) == pytest.approx(1)
    assert rank_correlation([4, 3, 2, 1], ERROR) == pytest.approx(-1)
    assert math.isnan(rank_correlation([1, 1, 1, 1], ERROR)) and math.isnan(rank_correlation([1], [1]))


def test_risk_and_coverage() -> None:
    curve = risk_coverage([1, 3, 2, 4], ERROR, (1.0, 0.75, 0.5))
    assert curve["mean_error"].tolist() == pytest.approx([0.14, 0.02, 0.02])
    assert curve["at_best"].tolist() == pytest.approx([0.14, 0.02, 0.015])
    assert curve["p95"].tolist() == pytest.approx([np.percentile(ERROR, 95), 0.029, 0.029])
    assert area([1, 3, 2, 4], ERROR) == pytest.approx((0.01 + 0.02 + 0.02 + 0.14) / 4)
    assert "75%" in as_text(curve)
