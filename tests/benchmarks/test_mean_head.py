"""The mean of heads: points land where they belong, an edge is found where it is drawn, the script's own words."""

from pathlib import Path

import cv2
import mean_head
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.geometry import apply
from whichwhale.survey import __main__ as survey


@given(st.floats(-3.1, 3.1), st.floats(20, 400), st.floats(0, 900), st.floats(0, 600))
def test_points_come_to_lie_where_crops_have_them(heading: float, d: float, x: float, y: float) -> None:
    blowhole = np.array([x, y])
    axis = np.array([np.cos(heading), np.sin(heading)])
    matrix = mean_head.onto_crop(blowhole + d * axis, blowhole)
    assert apply(matrix, blowhole + d * axis) == pytest.approx(mean_head.TIP, abs=1e-6)
    assert apply(matrix, blowhole) == pytest.approx(mean_head.BLOWHOLE, abs=1e-6)
    beside = apply(matrix, blowhole + d / 4 * np.array([-axis[1], axis[0]]))  # to its right: downwards, twice as far
    assert beside == pytest.approx(mean_head.BLOWHOLE + [0, 56], abs=1e-6)


@pytest.mark.parametrize("edge", [-0.05, 0.0, 0.06])
def test_the_front_edge_is_where_the_brightness_is_halved(edge: float) -> None:
    columns = np.arange(mean_head.SIDE)
    ramp = np.clip(0.5 - (columns - 179 - edge * 112) / 12, 0, 1)
    image = np.tile(np.where(columns < 100, 0.2, ramp), (mean_head.SIDE, 1))
    assert mean_head.front(image) == pytest.approx(edge, abs=1e-9)
    assert np.isnan(mean_head.front(np.zeros((mean_head.SIDE, mean_head.SIDE))))


def test_a_survey_beside_real_crops(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    drawn = tmp_path / "drawn"
    assert survey.main([str(drawn), "--whales", "2", "--photos", "4", "--test-photos", "1", "--width", "240"]) == 0
    (tmp_path / "crops").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "crops" / f"{number}.png"), np.random.default_rng(number).integers(0, 255, (50, 50, 3)))
    out = tmp_path / "mean.png"
    assert mean_head.main([str(drawn), "--heads", str(tmp_path / "crops"), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert f"| d ahead of the tip | real heads | {drawn} |" in told and "| front edge at |" in told
    assert cv2.imread(str(out)).shape == (448, 896, 3)
    assert mean_head.main([str(drawn), "--heads", str(tmp_path / "no")]) == 2
    assert "no: has no head crops; link them there" in capsys.readouterr().err
