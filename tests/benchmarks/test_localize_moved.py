"""The survey with another width, colour and head size: its parts of photos and their points."""

from pathlib import Path

import cv2
import localize_moved
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.small_localizer import NAMES
from whichwhale.annotations import build, read


@given(
    st.tuples(st.integers(60, 400), st.integers(60, 400)),
    st.tuples(st.floats(-0.1, 0.9), st.floats(-0.1, 0.9)),
    st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_part_holds_the_box_and_lies_in_the_photo(whole: tuple, corner: tuple, extent: tuple, where: tuple) -> None:
    box = np.array([*np.multiply(corner, whole), *np.multiply(extent, whole)])
    at, size = localize_moved.part(whole, box, np.array(where))
    for axis in range(2):
        low, high = np.clip([box[axis], box[axis] + box[axis + 2]], 0, whole[axis])
        assert 0 <= at[axis] <= low and high <= at[axis] + size[axis] <= whole[axis]
        assert size[axis] >= min(whole[axis], round(localize_moved.SHARE * whole[axis]))


def test_points_of_a_moved_photo_are_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.full((120, 180, 3), 60, np.uint8)
    photo[69:72, 129:132] = 255
    (tmp_path / "from" / "imgs").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "from" / "imgs" / "a.jpg"), photo, [cv2.IMWRITE_JPEG_QUALITY, 100])
    points = {
        "bonnet_tip_x": 130.0,
        "bonnet_tip_y": 70.0,
        "bonnet_tip_v": 2,
        "blowhole_x": 120.0,
        "blowhole_y": 60.0,
        "blowhole_v": 2,
    }
    row_ = {"Image": "a.jpg", "x": 110, "y": 55, "width": 30, "height": 25, "photo_width": 180, "photo_height": 120, **points}
    localize_moved.write(tmp_path / "from" / "annotations.csv", build([row_], NAMES))
    monkeypatch.setattr(localize_moved, "recoloured", lambda cut: cut)
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)
    moved, cut = read(tmp_path / "to" / "annotations.csv").iloc[0], cv2.imread(str(tmp_path / "to" / "imgs" / "a.jpg"))
    assert cut.shape[:2] == (66, 99) == (moved["photo_height"], moved["photo_width"])
    x, y = int(moved["bonnet_tip_x"]), int(moved["bonnet_tip_y"])
    assert np.array_equal(cut[y - 1 : y + 2, x - 1 : x + 2] > 200, np.ones((3, 3, 3), bool))
    assert moved["x"] == moved["bonnet_tip_x"] - 20
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)
    assert read(tmp_path / "to" / "annotations.csv").iloc[0]["x"] == moved["x"]
    localize_moved.write(tmp_path / "from" / "annotations.csv", build([row_ | {"bonnet_tip_x": 131.0}], NAMES))
    localize_moved.move(tmp_path / "from", tmp_path / "to", seed=3)  # it has been drawn anew
    assert read(tmp_path / "to" / "annotations.csv").iloc[0]["bonnet_tip_x"] == moved["bonnet_tip_x"] + 1
