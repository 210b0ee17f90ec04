"""The formats by name: contract 1's tables come back from each, files are recognised, nothing else is overwritten."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale import annotations
from whichwhale.annotations import animals, formats
from whichwhale.annotations.reading import FormatError

NAMES = ["left fin tip", "eye"]  # of the user's own, and not the competition's
SIZE = (4000, 3000)
KEPT = ["Image", "item", "part", "x", "y", "width", "height", *(f"{n}{s}" for n in NAMES for s in ("_x", "_y", "_v")), "status"]
SIZES = ["photo_width", "photo_height"]

inside = st.floats(0, 1800)


@st.composite
def tables(draw: st.DrawFn, boxes: bool) -> pd.DataFrame:
    """Photos with several animals, one, or none; with `boxes` each row has one, and animals go by its size."""
    rows = []
    for photo in range(draw(st.integers(1, 3))):
        image = f"w {photo}é.jpg"
        size = {"Image": image, "photo_width": float(SIZE[0]), "photo_height": float(SIZE[1])}
        keys = draw(
            st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["head", "fluke", "left flipper"])), max_size=4, unique=True)
        )
        parts = []
        # of one height and different widths: boxes of one size would be told apart by less than what floats lose on the way
        widths = draw(st.lists(st.integers(7, 6300), min_size=len(keys), max_size=len(keys), unique=True))
        height = draw(st.floats(1, 900))
        for k, part in sorted(keys, key=lambda key: (key[0], key[1] != "head", key[1])):
            present = draw(st.sets(st.sampled_from(["box", *NAMES]), min_size=1)) | ({"box"} if boxes else set())
            row = {"item": -1 if boxes else k, "part": part}
            if "box" in present:
                row |= {"x": draw(inside), "y": draw(inside), "width": widths.pop() / 7, "height": height}
            for name in present - {"box"}:
                row |= {f"{name}_x": draw(inside), f"{name}_y": draw(inside), f"{name}_v": draw(st.sampled_from([1, 2]))}
            parts.append(row)
        rows += [size | row for row in animals.number(parts, image, SIZE)] or [size | {"status": "none"}]
    return annotations.build(rows, NAMES)


def through(table: pd.DataFrame, form: str, folder: Path, asked: formats.Asked | None = None) -> pd.DataFrame:
    target = folder / "out"
    formats.write(target, table, form, asked)
    return formats.read(target, form, asked or formats.Asked(NAMES)).table


def in_order(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return table[columns].sort_values(["Image", "item", "part"]).reset_index(drop=True)


def equal(back: pd.DataFrame, table: pd.DataFrame, columns: list[str]) -> None:
    assert annotations.validate(back) == []
    # 1e-9 px: what ten thousand pixels lose when half a pixel is added and a share taken
    pd.testing.assert_frame_equal(in_order(back, columns), in_order(table, columns), check_exact=False, rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=30)
@given(table=tables(boxes=False), scored=st.booleans())
@pytest.mark.parametrize("form", ["coco", "label-studio", "contract"])
def test_a_table_comes_back(tmp_path_factory: pytest.TempPathFactory, form: str, table: pd.DataFrame, scored: bool) -> None:
    columns = KEPT + SIZES
    if scored:  # Label Studio keeps the score of a rectangle
        table["score"] = table["x"].map(lambda x: x / 4000)
        columns = [*columns, "score"]
    equal(through(table, form, tmp_path_factory.mktemp("round")), table, columns)


@settings(deadline=None, max_examples=30)
@given(table=tables(boxes=True))
def test_a_table_comes_back_from_yolo(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> None:
    sizes = {image: SIZE for image in table["Image"]}
    back = through(table, "yolo", tmp_path_factory.mktemp("round"), formats.Asked(None, sizes))
    assert annotations.point_names(back) == NAMES  # data.yaml has them
    equal(back, table, KEPT + SIZES)


def test_a_runs_source_comes_back_from_label_studio(tmp_path: Path) -> None:
    row = {
        "Image": "a.jpg",
        "x": 1.0,
        "y": 2.0,
        "width": 3.0,
        "height": 4.0,
        "photo_width": 40,
        "photo_height": 30,
        "score": 0.25,
    }
    table = annotations.build(
        [row | {"source": "survey/aligner"}, {"Image": "b.jpg", "status": "none", "source": "survey/aligner"}], []
    )
    back = through(table, "label-studio", tmp_path, formats.Asked([]))
    assert back["source"].tolist() == ["survey/aligner"] * 2
    assert back["status"].tolist() == ["ok", "none"]


def one(**more: object) -> pd.DataFrame:
    row = {"Image": "a.jpg", "x": 1.0, "y": 2.0, "width": 30.0, "height": 4.0, "photo_width": 40, "photo_height": 30}
    return annotations.build([row | more], ["eye"])


def test_files_are_recognised_by_what_they_hold(tmp_path: Path) -> None:
    for form in formats.writable():
        formats.write(tmp_path / form, one(), form)
        if form in ("sloth", "yolo"):
            assert formats.guess(tmp_path / form) == form
        else:
            for suffix in (".csv",) if form == "contract" else (".json",):
                path = (tmp_path / form).rename(tmp_path / f"{form}{suffix}")
                assert formats.guess(path) == form
                assert formats.guess_target(path) == form
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "a.json").write_text('{"shapes": []}')
    (tmp_path / "r.csv").write_text("imgs/a.jpg,1,2,3,4,head\n")
    (tmp_path / "m.csv").write_text("Image,bbox1_x,bbox1_y,bbox2_x,bbox2_y\n")
    assert [formats.guess(tmp_path / name) for name in ("me", "r.csv", "m.csv")] == ["labelme", "retinanet", "metadata"]
    assert formats.guess_target(tmp_path / "new.csv") == "contract"
    assert formats.guess_target(tmp_path / "new") == "sloth"
    (tmp_path / "x.json").write_text("{}")
    (tmp_path / "y.json").write_text("[{")
    for name, why in (("x.json", "--from"), ("y.json", "cut off"), ("nowhere", "the file is missing")):
        with pytest.raises(FormatError, match=why):
            formats.guess(tmp_path / name)
    with pytest.raises(FormatError, match="--to"):
        formats.guess_target(tmp_path / "new.json")


def test_something_else_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    formats.write(target, one(), "coco")
    formats.write(target, one(), "coco")  # the same: nothing to lose
    before = target.read_bytes()
    with pytest.raises(FormatError, match="holds something else already"):
        formats.write(target, one(x=1.5), "coco")
    assert target.read_bytes() == before
    formats.write(target, one(x=1.5), "coco", force=True)
    assert formats.read(target).table["x"].tolist() == [1.5]
    with pytest.raises(FormatError, match="is a file"):
        formats.write(target, one(), "yolo")
    with pytest.raises(FormatError, match="is a folder"):
        formats.write(tmp_path, one(), "coco")
    with pytest.raises(FormatError, match="can only be read"):
        formats.write(tmp_path / "b", one(), "labelme")
    with pytest.raises(annotations.AnnotationsError, match="above 0"):
        formats.write(tmp_path / "b.csv", one(width=-1.0))
    assert not (tmp_path / "b.csv").exists()


def test_labels_of_other_photos_are_not_mixed_in(tmp_path: Path) -> None:
    formats.write(tmp_path / "y", one(), "yolo")
    with pytest.raises(FormatError, match=r"a\.txt: would be read with"):
        formats.write(tmp_path / "y", one(Image="b.jpg"), "yolo", force=True)


def test_sizes_fill_what_a_format_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("a.jpg,1,2,3,4,head\nb.jpg,,,,,\n")
    table = formats.read(tmp_path / "r.csv", asked=formats.Asked(sizes={"a.jpg": (40, 30)})).table
    assert table["photo_width"].tolist()[0] == 40 and table["photo_height"].isna().tolist() == [False, True]


def test_contracts_points_may_be_chosen(tmp_path: Path) -> None:
    annotations.write(tmp_path / "a.csv", one())
    assert annotations.point_names(formats.read(tmp_path / "a.csv", asked=formats.Asked(["eye"])).table) == ["eye"]
    with pytest.raises(FormatError, match="no point ear, but eye"):
        formats.read(tmp_path / "a.csv", asked=formats.Asked(["ear"]))


@pytest.mark.parametrize("form", ["coco", "label-studio", "yolo"])
def test_a_point_that_is_spelt_otherwise_empties_nothing(tmp_path: Path, form: str) -> None:
    target = tmp_path / "out"
    formats.write(target, one(eye_x=3.0, eye_y=4.0, eye_v=2), form)
    sizes = {"a.jpg": (40, 30)}
    with pytest.raises(FormatError, match=r"out: has no point eey, but eye$"):
        formats.read(target, form, formats.Asked(["eey"], sizes))


def test_a_point_that_nobody_has_marked_yet_is_an_empty_column(tmp_path: Path) -> None:
    """Nothing that the file has is left out, so nothing is spelt otherwise."""
    formats.write(tmp_path / "a.json", one(eye_x=3.0, eye_y=4.0, eye_v=2), "label-studio")
    table = formats.read(tmp_path / "a.json", asked=formats.Asked(["ear", "eye"])).table
    assert table[["ear_v", "eye_v"]].values.tolist() == [[0, 2]]


def test_a_table_that_breaks_the_contract_is_refused_by_entry(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 1e30, "height": 30}],
        "categories": [{"id": 1, "name": "head"}],
    }
    content |= {"annotations": [{"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}
    (tmp_path / "c.json").write_text(json.dumps(content))
    why = r"c\.json, annotation 0 \(id 7\): column photo_width: 1e\+30 must be a whole number of pixels"
    with pytest.raises(FormatError, match=why):
        formats.read(tmp_path / "c.json")


@pytest.mark.parametrize("content", ["[" * 100_000 + "]" * 100_000, '[{"filename": ' + "9" * 5000 + "}]"])
def test_json_beyond_all_measure_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(FormatError, match=r"a\.json: not JSON"):
        formats.read(tmp_path / "a.json")


def test_json_min_is_told_from_the_export(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{"image": "/data/upload/1/a.jpg", "id": 1, "annotator": 1, "annotation_id": 2}]))
    with pytest.raises(FormatError, match="is this JSON-MIN"):
        formats.read(tmp_path / "a.json")


def test_endings_in_capitals_and_folders_below(tmp_path: Path) -> None:
    formats.write(tmp_path / "y", one(), "yolo")
    (tmp_path / "y" / "labels" / "a.txt").rename(tmp_path / "y" / "labels" / "a.TXT")
    assert formats.read(tmp_path / "y", asked=formats.Asked(sizes={"a.jpg": (40, 30)})).table["status"].tolist() == ["ok"]
    (tmp_path / "l" / "day 2").mkdir(parents=True)
    for name in ("a.JSON", "day 2/b.json"):
        (tmp_path / "l" / name).write_text(json.dumps({"imagePath": f"{Path(name).stem}.jpg", "shapes": []}))
    assert formats.read(tmp_path / "l").table["Image"].tolist() == ["a.jpg", "b.jpg"]
