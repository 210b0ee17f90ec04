"""YOLO: shares of the photo from edge to edge; data.yaml's names; malformed lines are named."""

from pathlib import Path

import pytest
import yaml

from whichwhale import annotations
from whichwhale.annotations import yolo
from whichwhale.annotations.reading import FormatError

POSE = {"names": {0: "head", 1: "fluke"}, "kpt_shape": [2, 3], "kpt_names": {0: ["bonnet_tip", "blowhole"], 1: ["notch", "tip"]}}
SIZES = {"a.jpg": (40, 20), "b.png": (40, 20)}


def save(folder: Path, text: str, settings: dict) -> Path:
    (folder / "labels" / "train").mkdir(parents=True)
    (folder / "labels" / "train" / "a.txt").write_text(text)
    (folder / "data.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_shares_reach_from_edge_to_edge(tmp_path: Path) -> None:
    """A box of the whole photo is -0.5 in contract 1; the share of the first of 40 pixels' centre is 0.5 / 40 = 0.0125."""
    text = "0 0.5 0.5 1 1 0.0125 0.025 2 0.9875 0.975 1\n1 0.25 0.25 0.5 0.5 0.5 0.5 1 0 0 0\n"
    loaded = yolo.read(save(tmp_path, text, POSE), SIZES)
    table = loaded.table
    assert annotations.validate(table) == []
    assert annotations.point_names(table) == ["bonnet_tip", "blowhole", "notch", "tip"]
    assert table[["Image", "item", "part", "status"]].values.tolist() == [
        ["a.jpg", "a.jpg#0", "head", "ok"],
        ["a.jpg", "a.jpg#0", "fluke", "ok"],
        ["b.png", "b.png#0", "head", "none"],
    ]
    head, fluke = table.iloc[0], table.iloc[1]
    assert head[["x", "y", "width", "height"]].tolist() == [-0.5, -0.5, 40, 20]
    assert fluke[["x", "y", "width", "height"]].tolist() == [-0.5, -0.5, 20, 10]
    assert head[["bonnet_tip_x", "bonnet_tip_y", "bonnet_tip_v"]].tolist() == [0, 0, 2]
    assert head[["blowhole_x", "blowhole_y", "blowhole_v"]].tolist() == [39, 19, 1]
    assert fluke[["notch_x", "notch_y", "notch_v", "tip_v"]].tolist() == [19.5, 9.5, 1, 0]
    assert loaded.entries[:2] == ["a.txt, line 1", "a.txt, line 2"]


def test_two_numbers_a_point_and_a_score(tmp_path: Path) -> None:
    settings = {"names": ["head"], "kpt_shape": [2, 2]}
    row = yolo.read(save(tmp_path / "p", "0 0.5 0.5 1 1 0.5 0.5 -1 -1", settings), SIZES, ["eye", "ear"]).table.iloc[0]
    assert row[["eye_x", "eye_v", "ear_v"]].tolist() == [19.5, 2, 0]
    assert yolo.read(save(tmp_path / "b", "0 0.5 0.5 1 1 0.75", {"names": ["head"]}), SIZES).table["score"].tolist()[0] == 0.75


def test_what_is_written(tmp_path: Path) -> None:
    head = {"Image": "a.jpg", "x": -0.5, "y": -0.5, "width": 40, "height": 20, "photo_width": 40, "photo_height": 20}
    points = {"left_eye_x": 0.0, "left_eye_y": 0.0, "left_eye_v": 2}
    files = yolo.texts(
        annotations.build([head | points, {"Image": "b.png", "status": "none"}], ["left_eye", "right_eye", "nose"])
    )
    assert files["labels/a.txt"] == "0 0.5 0.5 1.0 1.0 0.0125 0.025 2 0.0 0.0 0 0.0 0.0 0\n"
    assert files["labels/b.txt"] == ""
    settings = yaml.safe_load(files["data.yaml"])
    assert "path" not in settings and settings["train"] == "images"  # beside data.yaml, wherever that lies
    assert settings["names"] == {0: "head"} and settings["kpt_shape"] == [3, 3] and settings["flip_idx"] == [1, 0, 2]
    assert settings["kpt_names"] == {0: ["left_eye", "right_eye", "nose"]}
    boxes = yolo.texts(annotations.build([head], []))
    assert boxes["labels/a.txt"] == "0 0.5 0.5 1.0 1.0\n" and "kpt_shape" not in boxes["data.yaml"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": float("nan"), "y": float("nan"), "width": float("nan"), "height": float("nan")}, "has no box"),
        ({"photo_width": float("nan")}, "size is not known"),
        ({"x": 39.0}, "lies outside the photo"),
        ({"eye_x": -2.0}, "lies outside the photo"),
    ],
)
def test_what_yolo_cannot_hold_is_refused_by_line(change: dict, message: str) -> None:
    head = {"Image": "a.jpg", "x": 1.0, "y": 1.0, "width": 9, "height": 9, "photo_width": 40, "photo_height": 20}
    head |= {"eye_x": 3.0, "eye_y": 3.0, "eye_v": 2}
    with pytest.raises(FormatError, match=r"^line 2 \(a\.jpg#0\)") as refused:
        yolo.texts(annotations.build([head | change], ["eye"]))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 1", "has 4 numbers, must have 11"),
        ("0 0.5 0.5 1 1 0 0 0 0 0 x", "'x' is no number"),
        ("2 0.5 0.5 1 1 0 0 0 0 0 0", "class 2 is not among"),
        ("0.5 0.5 0.5 1 1 0 0 0 0 0 0", "class 0.5 is not among"),
        ("0 0.5 0.5 0 1 0 0 0 0 0 0", "the box is 0 by 1 of the photo"),
        ("0 0.5 nan 1 1 0 0 0 0 0 0", "not finite"),
        ("0 20 10 40 20 0 0 0 0 0 0", "20 is no share of the photo"),
        ("0 0.5 0.5 1 1 0.5 0.5 7 0 0 0", "bonnet_tip has v = 7"),
    ],
)
def test_a_malformed_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    folder = save(tmp_path, f"0 0.5 0.5 1 1 0 0 0 0 0 0\n\n{line}\n", POSE)
    with pytest.raises(FormatError, match=r"a\.txt, line 3: ") as refused:
        yolo.read(folder, SIZES)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "sizes", "message"),
    [
        ({}, SIZES, "names is None"),
        (POSE | {"kpt_shape": [2, 4]}, SIZES, "kpt_shape is"),
        (POSE | {"kpt_names": None}, SIZES, "no kpt_names for its 2 points"),
        (POSE | {"kpt_names": {0: ["a", "b"]}}, SIZES, "kpt_names of class 1 (fluke) is None"),
        (POSE | {"kpt_names": ["a", "a"]}, SIZES, "a name twice"),
        (POSE, {"b.png": (40, 20)}, "no size is known of a photo a.*"),
        (POSE, {"a.png": (40, 20), "a.jpg": (40, 20)}, "the same label file"),
    ],
)
def test_a_malformed_folder_is_refused(tmp_path: Path, settings: dict, sizes: dict, message: str) -> None:
    with pytest.raises(FormatError) as refused:
        yolo.read(save(tmp_path, "", settings), sizes)
    assert message in str(refused.value)


def test_an_empty_folder_and_polygons(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: [head]")
    with pytest.raises(FormatError, match="no label files"):
        yolo.read(tmp_path, SIZES)
    with pytest.raises(FormatError, match="polygons can't be read"):
        yolo.read(save(tmp_path / "s", "0 0.1 0.1 0.2 0.1 0.2 0.2", {"names": ["head"]}), SIZES)
