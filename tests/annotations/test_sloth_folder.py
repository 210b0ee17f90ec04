"""Folders of Sloth files: any points come back, own classes are points of their own, nothing is lost without a word."""

import json
from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import formats, sloth_folder
from whichwhale.annotations.reading import FormatError
from whichwhale.annotations.sloth import SlothError

DOT = {"class": "point", "x": 3.5, "y": 4.5}
BOX = {"class": "rect", "x": 1.5, "y": 2.5, "width": 30, "height": 20}


def save(path: Path, *shapes: dict, image: str = "a.jpg") -> Path:
    path.write_text(json.dumps([{"class": "image", "filename": image, "annotations": list(shapes)}]))
    return path


def own(label: str, shape: dict = DOT) -> dict:
    return shape | {"class": label, "type": shape["class"]}


def test_points_of_any_name_come_back(tmp_path: Path) -> None:
    names = ["left fin", "bonnet_tip", "eye"]
    row = {"Image": "a.jpg", "x": 1.0, "y": 2.0, "width": 30.0, "height": 20.0, "eye_x": 3.0, "eye_y": 4.0, "eye_v": 2}
    formats.write(tmp_path / "s", annotations.build([row], names))
    back = formats.read(tmp_path / "s").table
    assert annotations.point_names(back) == ["bonnet_tip", "eye", "left fin"]  # the competition's first, then by file
    assert back[["x", "eye_x", "eye_v", "bonnet_tip_v", "left fin_v"]].values.tolist() == [[1.0, 3.0, 2, 0, 0]]


def test_classes_of_their_own_are_points_and_parts(tmp_path: Path) -> None:
    """All in one file, as people do who gave Sloth their own classes."""
    save(tmp_path / "all.json", own("eye"), own("fluke", BOX), own("tip", DOT | {"x": 9.5}))
    (tmp_path / "settings.json").write_text("{}")
    loaded = formats.read(tmp_path)
    # the eye and the tip lie in the fluke's box, the only one there is
    assert loaded.table[["part", "x", "eye_x", "tip_x"]].values.tolist() == [["fluke", 1.0, 3.0, 9.0]]
    assert loaded.notes == (f"{tmp_path / 'settings.json'}: no Sloth file, passed over",)
    only = formats.read(tmp_path, asked=formats.Asked(["tip"])).table
    assert annotations.point_names(only) == ["tip"] and only["tip_x"].tolist() == [9.0]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"slot.json": [BOX, DOT]}, r"slot\.json \(a\.jpg\): a plain point in the file of boxes has no name"),
        ({"points1.json": [DOT, own("eye")]}, r"points1\.json \(a\.jpg\): a point of class 'eye' among plain ones"),
        ({"eye.json": [DOT], "more.json": [own("eye")]}, r"more\.json \(a\.jpg\): a eye, of which eye\.json has some too"),
        (
            {"slot.json": [BOX], "points1.json": [DOT, BOX]},
            r"points1\.json \(a\.jpg\): has a rect, but slot\.json holds the boxes",
        ),
        ({"points1.json": [DOT | {"x": 10**400}]}, r"entry 0 \(a\.jpg\), annotation 0: x is 1000.*, must be a number of pixels"),
    ],
)
def test_what_would_be_lost_is_refused(tmp_path: Path, files: dict, why: str) -> None:
    for name, shapes in files.items():
        save(tmp_path / name, *shapes)
    with pytest.raises(SlothError, match=why):
        sloth_folder.look(tmp_path)


def test_boxes_are_slot_json_or_the_only_rects(tmp_path: Path) -> None:
    heads = save(tmp_path / "heads.json", BOX)
    assert sloth_folder.look(tmp_path) == sloth_folder.Held({}, heads, [])
    assert formats.read(tmp_path).table["x"].tolist() == [1.0]


def test_points_of_another_table_are_not_mixed_in(tmp_path: Path) -> None:
    row = {"Image": "a.jpg", "eye_x": 3.0, "eye_y": 4.0, "eye_v": 2}
    formats.write(tmp_path / "s", annotations.build([row], ["eye"]))
    (tmp_path / "s" / "mine.json").write_text("{}")  # no Sloth file: nobody reads it
    table = annotations.build([{"Image": "a.jpg", "x": 1.0, "y": 2.0, "width": 30.0, "height": 20.0}], [])
    with pytest.raises(FormatError, match=r"eye\.json: would be read with what is written"):
        formats.write(tmp_path / "s", table, force=True)
