"""Label Studio: per cent from edge to edge, rectangles turned about their corner, points in their rectangles, refusals."""

import json
from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import label_studio
from whichwhale.annotations.reading import FormatError

SIDES = {"original_width": 200, "original_height": 100}


def rectangle(x: float, y: float, width: float, height: float, key: str = "r", **more: object) -> dict:
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["head"]}
    return {"id": key, "type": "rectanglelabels", "value": value | more} | SIDES


def point(x: float, y: float, key: str = "p", name: str = "eye", parent: str | None = None, **more: object) -> dict:
    region = {"id": key, "type": "keypointlabels", "value": {"x": x, "y": y, "keypointlabels": [name]} | more} | SIDES
    return region | ({"parentID": parent} if parent else {})


def save(path: Path, *results: dict, **more: object) -> Path:
    task = {"data": {"image": "/data/upload/1/0123abcd-a%20b.jpg"}, "annotations": [{"result": list(results)}]}
    path.write_text(json.dumps([task | more]))
    return path


def test_per_cents_reach_from_edge_to_edge(tmp_path: Path) -> None:
    """0 to 100 % of 200 x 100 px is -0.5 … in contract 1; the first pixel's centre is at 0.25 and 0.5 %."""
    path = save(tmp_path / "a.json", rectangle(0, 0, 100, 100), point(0.25, 0.5, hidden=True, parent="r"))
    loaded = label_studio.read(path)
    row = loaded.table.iloc[0]
    assert annotations.validate(loaded.table) == []
    assert row[["x", "y", "width", "height", "photo_width", "photo_height"]].tolist() == [-0.5, -0.5, 200, 100, 200, 100]
    assert row[["eye_x", "eye_y", "eye_v", "Image", "part", "source"]].tolist() == [0, 0, 1, "a b.jpg", "head", "hand"]
    assert loaded.entries == ["task 0 (a b.jpg), id r"]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/1/0123abcd-a%20b.jpg", "a b.jpg"),
        ("https://label.example.org/data/upload/3/0123abcd-1b9d6bcd-bbfd.jpg", "1b9d6bcd-bbfd.jpg"),
        ("/data/local-files/?d=imgs/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed.jpg", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed.jpg"),
        ("s3://bucket/deadbeef-1.jpg", "deadbeef-1.jpg"),
        ("/data/local-files/?d=s1.pgm", "s1.pgm"),
        ("/data/local-files/?d=photo", "photo"),
    ],
)
def test_a_photos_name_is_the_end_of_its_address(tmp_path: Path, address: str, name: str) -> None:
    path = save(tmp_path / "a.json", rectangle(0, 0, 20, 10), data={"image": address, "note": "seen.jpg"})
    assert label_studio.read(path).table["Image"].tolist() == [name]


@pytest.mark.parametrize(
    ("degrees", "left", "top", "width", "height"),
    [
        (90, 80, 50, 20, 40),  # 40 x 20 px with its corner at (100, 50), turned clockwise: it hangs down and to the left of it
        (180, 60, 30, 40, 20),
        (-90, 100, 10, 20, 40),
        (45, 100 - 20 / 2**0.5, 50, 60 / 2**0.5, 60 / 2**0.5),
    ],
)
def test_a_rectangle_turns_about_its_upper_left_corner_in_pixels(
    tmp_path: Path, degrees: float, left: float, top: float, width: float, height: float
) -> None:
    """Were per cents turned rather than pixels, 20 x 20 % would hang down 20 % = 20 px, not 40."""
    row = label_studio.read(save(tmp_path / "a.json", rectangle(50, 50, 20, 20, rotation=degrees))).table.iloc[0]
    assert row[["x", "y", "width", "height"]].tolist() == pytest.approx([left - 0.5, top - 0.5, width, height])


def test_points_belong_to_their_rectangle_by_parent_relation_or_place(tmp_path: Path) -> None:
    big, small = rectangle(0, 0, 50, 100, "big"), rectangle(20, 20, 10, 10, "small")
    inside = [point(25, 25, "p1", parent="big"), point(24, 24, "p2", "ear")]
    linked = {"type": "relation", "from_id": "p2", "to_id": "small"}
    table = label_studio.read(save(tmp_path / "a.json", *inside, big, small, linked)).table
    assert table["width"].tolist() == [100, 20]
    assert table["eye_v"].tolist() == [2, 0] and table["ear_v"].tolist() == [0, 2]
    loose = label_studio.read(save(tmp_path / "b.json", point(90, 90), point(25, 25, "q"), big)).table
    assert loose["item"].tolist() == ["a b.jpg#0", "a b.jpg#1"] and loose["eye_x"].tolist() == [49.5, 179.5]


def test_labels_and_choices_of_a_region_may_stand_apart(tmp_path: Path) -> None:
    """<Rectangle> with <Labels>, and a choice for each region: results of one id."""
    box = {"id": "r", "type": "rectangle", "value": {"x": 0, "y": 0, "width": 50, "height": 50}} | SIDES
    label = {"id": "r", "type": "labels", "value": {"labels": ["fluke"]}} | SIDES
    hidden = {"id": "p", "type": "choices", "value": {"choices": ["hidden"]}}
    whole = {"id": "w", "type": "choices", "value": {"choices": ["blurred"]}}
    row = label_studio.read(save(tmp_path / "a.json", box, label, point(10, 10), hidden, whole)).table.iloc[0]
    assert row[["part", "eye_v", "width"]].tolist() == ["fluke", 1, 100]


def test_whose_annotation(tmp_path: Path) -> None:
    anna = {"completed_by": {"id": 1, "email": "anna@example.org"}, "result": [rectangle(0, 0, 10, 10)]}
    ben = {"completed_by": 2, "result": []}
    skipped = {"completed_by": 3, "was_cancelled": True, "result": [rectangle(0, 0, 90, 90)]}
    guess = {"model_version": "m1", "result": [rectangle(0, 0, 20, 10) | {"score": 0.5}]}
    path = save(tmp_path / "a.json", annotations=[anna, ben, skipped], predictions=[guess])
    with pytest.raises(FormatError, match=r"task 0 \(a b.jpg\): has 2 annotations, by 1/anna@example.org and 2; .*--annotator"):
        label_studio.read(path)
    assert label_studio.read(path, annotator="anna@example.org").table["width"].tolist() == [20]
    assert label_studio.read(path, annotator="2").table["status"].tolist() == ["none"]
    with pytest.raises(FormatError, match=r"nothing is by 'carl'; there are .* by 1/anna@example.org, 2, 3, m1"):
        label_studio.read(path, annotator="carl")  # a slip of the pen is no empty table
    twice = save(tmp_path / "d.json", annotations=[anna | {"id": 7}, anna | {"id": 8, "result": []}])
    assert label_studio.read(twice, annotator="id=8").table["status"].tolist() == ["none"]
    model = label_studio.read(save(tmp_path / "b.json", annotations=[skipped], predictions=[guess])).table
    assert model[["width", "source", "score"]].values.tolist() == [[40, "m1", 0.5]]
    assert len(label_studio.read(save(tmp_path / "c.json", annotations=[], predictions=[])).table) == 0


def test_what_is_written(tmp_path: Path) -> None:
    row = {"Image": "a b.jpg", "x": -0.5, "y": -0.5, "width": 20, "height": 10, "photo_width": 200, "photo_height": 100}
    table = annotations.build([row | {"eye_x": 0.0, "eye_y": 0.0, "eye_v": 1}], ["eye"])
    (task,) = json.loads(label_studio.text(table, "https://example.org/"))
    assert task["data"] == {"image": "https://example.org/a%20b.jpg", "width": 200, "height": 100}
    box, eye = task["annotations"][0]["result"]
    assert box["value"] == {"x": 0, "y": 0, "width": 10, "height": 10, "rotation": 0, "rectanglelabels": ["head"]}
    assert eye["value"] | {"width": 0} == {"x": 0.25, "y": 0.5, "width": 0, "keypointlabels": ["eye"], "hidden": True}
    assert eye["parentID"] == box["id"] and "meta" not in box
    with pytest.raises(FormatError, match=r"line 2 \(a b.jpg#0\): the photo's size is not known"):
        label_studio.text(table.assign(photo_width=float("nan"), photo_height=float("nan")))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (rectangle(0, 0, 0, 10), "width is 0, must be above 0"),
        (rectangle("0", 0, 10, 10), "x is '0', must be a number"),
        (rectangle(0, 0, 10, 10, rectanglelabels=["head", "fluke"]), "must have one"),
        (rectangle(0, 0, 10, 10) | {"original_width": None}, "original_width is None"),
        (rectangle(0, 0, 10, 10) | {"original_width": 100, "id": "s"}, "others on 200 x 100"),
        (rectangle(0, 0, 10, 10) | {"image_rotation": 90}, "turned by 90 degrees"),
        (rectangle(0, 0, 20, 10, "ok"), "has its id 'ok' and another width"),
        (rectangle(10**400, 0, 10, 10), "x is 1" + 39 * "0" + ", must be a number"),
        (point(1, 1, keypointlabels=[]), "the key point has no label"),
        (point(1, 1, "p2", parent="ok"), "its rectangle has another eye"),
        ({"id": "z", "type": "ellipselabels", "value": {"x": 1}} | SIDES, "neither rectangle nor key point"),
        ({"id": "z", "type": "rectanglelabels"}, "must have a value"),
    ],
)
def test_a_malformed_region_is_named(tmp_path: Path, result: dict, message: str) -> None:
    path = save(tmp_path / "a.json", rectangle(0, 0, 50, 50, "ok"), point(2, 2, "p0", parent="ok"), result)
    with pytest.raises(FormatError, match=r"a\.json, task 0 \(a b\.jpg\), result 2") as refused:
        label_studio.read(path)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({}, "must be a list of tasks"),
        ([{"image": "a.jpg", "label": []}], "task 0: must have data; is this JSON-MIN"),
        ([{"data": {"text": "hello"}}], "no address of an image"),
        ([{"data": {"image": "a.jpg"}, "annotations": [7]}], "annotations must be a list of objects"),
        ([{"data": {"image": "a.jpg"}, "annotations": [{}]}], "must have a list of results"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, tasks: object, message: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(tasks))
    with pytest.raises(FormatError, match=r"a\.json") as refused:
        label_studio.read(tmp_path / "a.json")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "address", ["a.jpg", "s3://whales/x/a.jpg", "/data/local-files/?d=x%2Fa.jpg", "https://e.org/a.jpg?token=b.png"]
)
def test_a_photos_name_from_its_address(tmp_path: Path, address: str) -> None:
    path = save(tmp_path / "t.json", rectangle(0, 0, 1, 1), data={"image": address})
    assert label_studio.read(path).table["Image"].tolist() == ["a.jpg"]


def test_peoples_notes_are_no_commands(tmp_path: Path) -> None:
    """`item 3` and `part=fluke` say whose a region is; a remark that begins alike says nothing."""
    remarks = ["item needs review", "part of the tip is under water", "part fluke"]
    noted = [rectangle(0, 0, 10, 10) | {"meta": {"text": remarks}}, point(50, 50) | {"meta": {"text": ["part=fluke", "item 3"]}}]
    table = label_studio.read(save(tmp_path / "a.json", *noted)).table
    assert table[["item", "part"]].values.tolist() == [["a b.jpg#0", "head"], ["a b.jpg#3", "fluke"]]


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    """Tasks skipped or left to the other annotator are no photos without whales; predictions stand in where nobody has looked."""
    done = {"completed_by": 1, "result": [rectangle(0, 0, 10, 10)]}
    tasks = [
        {"data": {"image": f"{name}.jpg"}, "annotations": annotations, "predictions": predictions}
        for name, annotations, predictions in (
            ("a", [done], []),
            ("b", [done | {"was_cancelled": True}], []),
            ("c", [done | {"completed_by": 2}], []),
            ("d", [], [{"model_version": "m1", "result": []}]),
        )
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks))
    loaded = label_studio.read(path)
    assert loaded.table["Image"].tolist() == ["a.jpg", "c.jpg", "d.jpg"]
    left, guessed = loaded.notes
    assert "1 of 4 tasks are left out, the first is task 1" in left and "1 of 4 tasks, the first is task 3" in guessed
    (left,) = label_studio.read(path, annotator="2").notes
    assert "3 of 4 tasks are left out, the first is task 0: 2 has not done it" in left


def test_rows_keep_their_own_source(tmp_path: Path) -> None:
    size = {"Image": "a.jpg", "photo_width": 200.0, "photo_height": 100.0}
    box = {"x": 1.0, "y": 2.0, "width": 30.0, "height": 20.0}
    dot = {"eye_x": 5.0, "eye_y": 6.0, "eye_v": 2}
    rows = [
        size | box | {"source": "m1", "score": 0.5},
        size | box | {"item": "a.jpg#1"},
        size | dot | {"item": "a.jpg#2", "source": "m2"},
    ]
    path = tmp_path / "a.json"
    path.write_text(label_studio.text(annotations.build(rows, ["eye"])))
    assert label_studio.read(path).table["source"].tolist() == ["m1", "hand", "m2"]


def test_a_point_whose_choices_are_null(tmp_path: Path) -> None:
    region = point(1, 1)
    region["value"]["choices"] = None
    assert label_studio.read(save(tmp_path / "a.json", region)).table["eye_v"].tolist() == [2]
