"""The door: make a store, draw it, one line for what is wrong."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from whichwhale.annotations import table as contract
from whichwhale.geometry import apply
from whichwhale.passport.__main__ import main
from whichwhale.passport.plane import FIRST_POINT
from whichwhale.passport.sheet import CAPTION
from whichwhale.passport.store import open_store

NAMES = ["eye_corner", "nostril"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imgs").mkdir()
    rows: list[dict] = [{"Image": "n.jpg", "status": "none"}]
    for number in range(3):
        Image.new("RGB", (120, 80), (90, 60 * number, 30)).save(tmp_path / "imgs" / f"{number}.png")
        points = {"eye_corner_x": 70, "eye_corner_y": 30, "eye_corner_v": 2, "nostril_x": 40, "nostril_y": 50, "nostril_v": 2}
        rows.append({"Image": f"{number}.png"} | points)
    contract.write("eyes.csv", contract.build(rows, NAMES))
    pd.DataFrame({"Image": ["0.png", "2.png", "1.png"], "whaleID": ["x", "x", "y"]}).to_csv("train.csv", index=False)
    return tmp_path


MAKE = ["make", "eyes.csv", "imgs", "store", "--first", "eye_corner", "--second", "nostril"]
GEOMETRY = [
    "--width",
    "40",
    "--height",
    "40",
    "--field",
    "2",
    "2",
    "--centre",
    "0",
    "0.5",
    "--margin",
    "2",
    "--oversampling",
    "1",
]


def test_make_and_sheet(place, capsys) -> None:
    assert main([*MAKE, *GEOMETRY]) == 0
    assert capsys.readouterr().out == "store: 3 passports of 80 x 80 pixels, 1 without points, 0 unreadable\n"
    store = open_store("store")
    np.testing.assert_allclose(
        apply(store.plane_to_store, FIRST_POINT), [49.5, 29.5]
    )  # 20 px per d, centre of the 80 is (0, 0.5)

    assert main(["sheet", "store", "whale.png", "--whale", "x", "--train", "train.csv"]) == 0
    sheet = np.asarray(Image.open("whale.png"))
    assert sheet.shape == (288 + CAPTION, 2 * 288, 3)
    middle = CAPTION + 144
    assert sheet[middle, 144].tolist() == [90, 0, 30] and sheet[middle, 288 + 144].tolist() == [90, 120, 30]
    assert main(["sheet", "store", "some.png", "--items", "1.png#0"]) == 0
    assert np.asarray(Image.open("some.png"))[middle, 144].tolist() == [90, 60, 30]
    assert main(["sheet", "store", "all.png", "--columns", "2"]) == 0
    assert np.asarray(Image.open("all.png")).shape == (2 * (288 + CAPTION), 2 * 288, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["make", "none.csv", "imgs", "store"], "none.csv: the file is missing"),
        (["make", "eyes.csv", "imgs", "store"], "no point 'bonnet_tip'; their points are eye_corner, nostril"),
        ([*MAKE, "--margin", "0.5"], "margin: Input should be greater than or equal to 1"),
        (["make", "eyes.csv", "imgs", "imgs", *MAKE[4:]], "imgs: is there already and is no passport store"),
        (["sheet", "store", "out.png"], "store: no passport store here"),
    ],
)
def test_one_line_for_what_is_wrong(place, capsys, arguments, message) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_sheet_refuses_what_the_store_has_not(place, capsys) -> None:
    assert main(MAKE) == 0
    for more, message in (
        (["--items", "9.png#0"], "1 items have no passport"),
        (["--whale", "x"], "--whale needs --train"),
        (["--whale", "z", "--train", "train.csv"], "whale 'z' has no photo in store"),
    ):
        assert main(["sheet", "store", "out.png", *more]) == 2
        assert message in capsys.readouterr().err


def test_help_has_an_example(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0 and "python -m whichwhale.passport make" in capsys.readouterr().out
