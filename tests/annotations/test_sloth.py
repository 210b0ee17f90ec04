"""Sloth files: half a pixel at the door, round trips to the same bits, heads and points put together, malformed files refused."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale import annotations
from whichwhale.annotations import from_sloth, sloth, to_sloth
from whichwhale.annotations.__main__ import main

NAMES = {"bonnet_tip": "points1.json", "blowhole": "points2.json"}


def rect(x: float, y: float, width: float, height: float, **more: object) -> dict:
    return {"class": "rect", "x": x, "y": y, "width": width, "height": height} | more


def point(x: float, y: float, **more: object) -> dict:
    return {"class": "point", "x": x, "y": y} | more


def save(path: Path, **photos: list) -> Path:
    path.write_text(json.dumps([{"class": "image", "filename": f"{k}.jpg", "annotations": v} for k, v in photos.items()]))
    return path


def merged(folder: Path, bonnet: dict, blowhole: dict, boxes: dict, **more: object) -> pd.DataFrame:
    points = {"bonnet_tip": save(folder / "1.json", **bonnet), "blowhole": save(folder / "2.json", **blowhole)}
    return from_sloth(points, save(folder / "s.json", **boxes), **more)  # type: ignore[arg-type]


def test_a_pixel_is_half_a_pixel_less(tmp_path: Path) -> None:
    """Sloth's first pixel reaches from 0 to 1 and has its centre at 0.5: contract 1's 0."""
    sizes = {"a.jpg": (40, 30)}
    table = merged(tmp_path, {"a": [point(0.5, 2.5)]}, {"a": [point(7, 8)]}, {"a": [rect(0, 0, 40, 30)]}, sizes=sizes)
    row = table.iloc[0]
    assert (row["bonnet_tip_x"], row["bonnet_tip_y"], row["bonnet_tip_v"]) == (0, 2, 2)
    assert (row["x"], row["y"], row["width"], row["height"]) == (-0.5, -0.5, 40, 30)
    assert (row["item"], row["part"], row["source"], row["fold"], row["status"]) == ("a.jpg#0", "head", "hand", -1, "ok")
    assert (row["photo_width"], row["photo_height"]) == (40, 30)
    assert annotations.validate(table) == []


def test_two_heads_get_their_own_points_and_the_largest_is_0(tmp_path: Path) -> None:
    boxes = {"a": [rect(0, 0, 10, 10), rect(100, 100, 30, 30)]}
    table = merged(tmp_path, {"a": [point(120, 120), point(3, 3)]}, {"a": [point(5, 5)]}, boxes)
    assert table["item"].tolist() == ["a.jpg#0", "a.jpg#1"]
    assert table["width"].tolist() == [30, 10]
    assert table["bonnet_tip_x"].tolist() == [119.5, 2.5]
    assert table["blowhole_v"].tolist() == [0, 2]


def test_equal_heads_are_told_apart_by_the_photos_centre(tmp_path: Path) -> None:
    boxes = {"a": [rect(0, 0, 10, 10), rect(45, 45, 10, 10)]}
    table = merged(tmp_path, {"a": []}, {"a": []}, boxes, sizes={"a.jpg": (100, 100)})
    assert table["x"].tolist() == [44.5, -0.5]


def test_points_without_box_and_photos_without_anything(tmp_path: Path) -> None:
    bonnet, blowhole = {"a": [point(10, 10), point(90, 90)], "b": []}, {"a": [point(95, 90), point(15, 10)], "b": []}
    table = merged(tmp_path, bonnet, blowhole, {"b": []}, sizes={"a.jpg": (100, 100), "c.jpg": (7, 5)})
    assert table["Image"].tolist() == ["a.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert table["status"].tolist() == ["ok", "ok", "none", "none"]
    assert (table["blowhole_x"] - table["bonnet_tip_x"]).tolist()[:2] == [5, 5]
    assert annotations.validate(table) == []


def test_a_class_of_its_own_with_a_type_is_a_part_or_a_point(tmp_path: Path) -> None:
    path = save(tmp_path / "one.json", a=[
        rect(0, 0, 50, 50) | {"class": "fin", "type": "rect"},
        point(5, 6) | {"class": "fin_base", "type": "point"}, point(9, 8) | {"class": "fin_tip", "type": "point"},
    ])  # fmt: skip
    table = from_sloth({"fin_base": path, "fin_tip": path}, path)
    assert table[["part", "fin_base_x", "fin_tip_x", "width"]].values.tolist() == [["fin", 4.5, 8.5, 50]]


grid = st.integers(0, 2**30).map(lambda n: 1 + n / 2**16)  # away from 0, where adding half a pixel would round


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    rows = []
    for photo in range(draw(st.integers(1, 3))):
        keys = draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["head", "fin", "left ear"])), max_size=4, unique=True))
        size = {"Image": f"w_{photo}.jpg", "photo_width": 300.0, "photo_height": 200.0}
        for k, part in sorted(keys, key=lambda key: (key[0], key[1] != "head", key[1])):
            row = size | {"item": f"w_{photo}.jpg#{k}", "part": part}
            present = draw(st.sets(st.sampled_from(["box", *NAMES]), min_size=1))
            if "box" in present:
                row |= {side: draw(grid) for side in ("x", "y", "width", "height")}
            for name in present - {"box"}:
                row |= {f"{name}_x": draw(grid), f"{name}_y": draw(grid), f"{name}_v": draw(st.sampled_from([1, 2]))}
            rows.append(row)
        if not keys:
            rows.append(size | {"status": "none"})
    return annotations.build(rows, list(NAMES))


@settings(deadline=None, max_examples=50)
@given(tables())
def test_a_table_comes_back_from_sloth_to_the_same_bits(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> None:
    folder = tmp_path_factory.mktemp("sloth")
    to_sloth(table, folder)
    sizes = {image: (300, 200) for image in table["Image"]}
    back = from_sloth({name: folder / file for name, file in NAMES.items()}, folder / "slot.json", sizes)
    pd.testing.assert_frame_equal(back, table, check_exact=True)


shapes = st.one_of(
    st.builds(sloth.Shape, st.just("point"), st.sampled_from(["point", "fin tip"]), *[st.floats(-1e9, 1e9)] * 2,
              item=st.integers(-1, 3), part=st.sampled_from(["", "fin"]), hidden=st.booleans()),
    st.builds(sloth.Shape, st.just("rect"), st.sampled_from(["rect", "fluke"]), *[st.floats(-1e9, 1e9)] * 2,
              *[st.floats(1e-9, 1e9)] * 2),
)  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(["w_1.jpg", "w_2.jpg", "ü.png"]), st.lists(shapes, max_size=4)))
def test_a_sloth_file_reads_back_to_the_same_bits(tmp_path_factory: pytest.TempPathFactory, photos: dict) -> None:
    path = tmp_path_factory.mktemp("sloth") / "a.json"
    sloth.write(path, photos)
    # repr: a point's width is NaN, which does not equal itself
    assert repr(sloth.read(path)) == repr(photos)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("w_1.jpg", "must have a filename"),
        ({"class": "image", "annotations": []}, "must have a filename"),
        ({"class": "video", "filename": "a.avi", "annotations": []}, "class 'image'"),
        ({"class": "image", "filename": "a.jpg"}, "list of annotations"),
        ({"class": "image", "filename": "imgs/ok.jpg", "annotations": []}, "has an entry above"),
        ({"filename": "a.jpg", "annotations": [{"x": 1, "y": 2}]}, "annotation 0: must have a class"),
        ({"filename": "a.jpg", "annotations": [point(1, 2), {"class": "polygon"}]}, "annotation 1: 'polygon' is neither"),
        ({"filename": "a.jpg", "annotations": [{"class": "point", "x": 1}]}, "y is None"),
        ({"filename": "a.jpg", "annotations": [point(True, 2)]}, "x is True"),
        ({"filename": "a.jpg", "annotations": [point(float("nan"), 2)]}, "x is nan"),
        ({"filename": "a.jpg", "annotations": [rect(1, 2, -3, 4)]}, "width is -3, must be above 0"),
        ({"filename": "a.jpg", "annotations": [point(1, 2, item="0")]}, "item must be"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path: Path, entry: object, message: str) -> None:
    path = tmp_path / "points1.json"
    path.write_text(json.dumps([{"class": "image", "filename": "ok.jpg", "annotations": []}, entry]))
    with pytest.raises(sloth.SlothError, match="points1.json, entry 1") as refused:
        sloth.read(path)
    assert message in str(refused.value)


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    for text, why in (('[{"class": "image", ', "cut off"), ("{}", "must be a list"), (None, "missing")):
        if text:
            (tmp_path / "a.json").write_text(text)
        else:
            (tmp_path / "a.json").unlink()
        with pytest.raises(sloth.SlothError, match=why):
            sloth.read(tmp_path / "a.json")


def test_convert_goes_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    save(folder / "points1.json", a=[point(10, 20)])
    save(folder / "points2.json", a=[point(12, 25)])
    save(folder / "slot.json", a=[rect(5, 5, 30, 30)])
    (tmp_path / "sizes.csv").write_text("Image,height,width\na.jpg,200,300\n")
    assert main(["convert", str(folder), str(tmp_path / "a.csv"), "--sizes", str(tmp_path / "sizes.csv")]) == 0
    assert annotations.read(tmp_path / "a.csv")["photo_width"].tolist() == [300]
    assert main(["convert", str(tmp_path / "a.csv"), str(tmp_path / "out")]) == 0
    for name in ("points1.json", "points2.json", "slot.json"):
        assert json.loads((tmp_path / "out" / name).read_text()) == json.loads((folder / name).read_text())
    assert main(["convert", str(tmp_path / "no.csv"), str(tmp_path / "out")]) == 2
    assert "no.csv: the file is missing" in capsys.readouterr().err


def test_the_real_files_come_back_unchanged(tmp_path: Path) -> None:
    real = Path(os.environ.get("WHICHWHALE_INPUT", "input")) / "right_whale_annotations"
    if not (real / "slot.json").exists():
        pytest.skip(f"no {real}/slot.json: see input/README.md")
    files = {name: real / file for name, file in NAMES.items()}
    table = from_sloth(files, real / "slot.json")
    assert annotations.validate(table) == []
    to_sloth(table, tmp_path)
    for name in ("points1.json", "points2.json", "slot.json"):
        assert repr(sorted(sloth.read(tmp_path / name).items())) == repr(sorted(sloth.read(real / name).items()))
