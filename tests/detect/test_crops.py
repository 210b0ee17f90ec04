import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.annotations import build
from whichwhale.competition.photos import decode
from whichwhale.detect.crops import CropRule, crop, cut, window, write

PHOTO = np.arange(20 * 30 * 3, dtype=np.uint32).reshape(20, 30, 3).astype(np.uint8)


def test_a_window_holds_whole_pixels():
    assert window([-0.5, -0.5, 30, 20], 0, False) == (0, 0, 30, 20)  # the whole photo
    assert window([3.0, 4.0, 2, 1], 0, False) == (3, 4, 3, 2)  # its edges lie in the middle of pixels
    assert window([2.5, 3.5, 10, 4], 0.1, False) == (2, 3, 12, 6)
    assert window([2.5, 3.5, 10, 4], 0, True) == (3, 1, 10, 10)


@given(st.floats(-5, 40), st.floats(-5, 40), st.floats(0.3, 40), st.floats(0.3, 40), st.floats(0, 0.5), st.booleans())
def test_a_window_holds_its_box_and_is_square_if_asked(x, y, width, height, margin, square):
    left, top, wide, high = window([x, y, width, height], margin, square)
    assert left <= x + 0.5 - margin * width + 1e-5 and left + wide >= x + 0.5 + (1 + margin) * width - 1e-5
    assert top <= y + 0.5 - margin * height + 1e-5 and top + high >= y + 0.5 + (1 + margin) * height - 1e-5
    assert not square or wide == high


def test_outside_the_photo_there_is_black():
    picture = cut(PHOTO, (-2, 18, 5, 4))
    assert picture.shape == (4, 5, 3)
    assert np.array_equal(picture[:2, 2:], PHOTO[18:, :3])
    assert picture[2:].max() == 0 and picture[:, :2].max() == 0
    assert cut(PHOTO, (40, 0, 3, 3)).max() == 0


def test_a_square_is_filled_with_black_or_with_the_photo():
    box, photo = [4.5, 4.5, 10, 4], np.full((20, 30, 3), 200, np.uint8)
    black, place = crop(photo, box, CropRule(0, "black"))
    assert place == (5, 2, 10, 10) and black.shape == (10, 10, 3)
    assert black[3:7].min() == 200 and black[:3].max() == 0 and black[7:].max() == 0
    sea, same = crop(photo, box, CropRule(0, "photo", size=4))
    assert same == place and sea.shape == (4, 4, 3) and sea.min() == 200


def test_size_needs_a_square():
    with pytest.raises(ValueError, match="--square"):
        CropRule(size=64)
    with pytest.raises(ValueError, match="negative"):
        CropRule(margin=-0.1)


def test_a_folder_of_crops_largest_first(tmp_path):
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[10:30, 20:60] = (10, 200, 90)
    cv2.imwrite(str(tmp_path / "w_1.png"), photo[..., ::-1])

    def row(part: str, k: int, x: float, y: float, width: float, height: float) -> dict:
        return {"Image": "w_1.png", "item": f"w_1.png#{k}", "part": part} | dict(x=x, y=y, width=width, height=height, score=0.5)

    rows = [row("fluke", 0, 0, 0, 9, 9), row("head", 0, 19.5, 9.5, 40, 20), row("head", 1, 60, 40, 12, 10)]
    table = build([*rows, {"Image": "w_2.png", "status": "none"}], [])
    written = write(table, tmp_path, tmp_path / "out", CropRule(margin=0))
    assert written["file"].tolist() == ["w_1_0_head.jpg", "w_1_1_head.jpg", "w_1_0_fluke.jpg"]
    assert written["rank"].tolist() == [0, 1, 2]
    assert written.loc[0, ["left", "top", "width", "height"]].tolist() == [20, 10, 40, 20]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "crops.csv"), written, check_dtype=False)
    shown = decode(tmp_path / "out" / "w_1_0_head.jpg")
    assert shown.shape == (20, 40, 3) and np.abs(shown.astype(int) - (10, 200, 90)).max() <= 4
    assert len(write(table, tmp_path, tmp_path / "two", CropRule(most=2))) == 2
    with pytest.raises(ValueError, match=r"two/w_1_1_head.jpg: is not among the crops that are to be written"):
        write(table, tmp_path, tmp_path / "two", CropRule(most=1))
    odd = write(table.assign(part=table["part"].replace("head", "../../head/upper")), tmp_path, tmp_path / "odd", CropRule())
    assert odd["file"].tolist() == ["w_1_0_--..-head-upper.jpg", "w_1_1_--..-head-upper.jpg", "w_1_0_fluke.jpg"]
    assert sorted(path.name for path in (tmp_path / "odd").iterdir()) == sorted([*odd["file"], "crops.csv"])
    gone = build([*rows, row("head", 0, 1, 1, 9, 9) | {"Image": "w_3.png", "item": "w_3.png#0"}], [])
    with pytest.raises(ValueError, match=r"w_3.png: the photo is missing, as are 0 others; nothing was written"):
        write(gone, tmp_path, tmp_path / "half", CropRule())
    assert not (tmp_path / "half").exists()
    with pytest.raises(ValueError, match="nothing to cut out"):
        write(table[table["status"] == "none"], tmp_path, tmp_path / "none", CropRule())
