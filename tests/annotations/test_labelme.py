"""labelme: edges, opposite corners, groups, hidden points; malformed shapes are named."""

import json
from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import labelme
from whichwhale.annotations.reading import FormatError


def rectangle(a: list, b: list, label: str = "head", **more: object) -> dict:
    return {"label": label, "points": [a, b], "shape_type": "rectangle", "group_id": None, "flags": {}} | more


def point(x: float, y: float, label: str = "eye", **more: object) -> dict:
    return {"label": label, "points": [[x, y]], "shape_type": "point", "group_id": None, "flags": {}} | more


def save(folder: Path, name: str, *shapes: dict, **more: object) -> Path:
    content = {
        "imagePath": f"..\\imgs\\{name}.jpg",
        "imageWidth": 40,
        "imageHeight": 30,
        "imageData": None,
        "shapes": list(shapes),
    }
    (folder / f"{name}.json").write_text(json.dumps(content | more))
    return folder


def test_corners_count_edges_whichever_way_they_were_drawn(tmp_path: Path) -> None:
    save(tmp_path, "a", rectangle([40, 0], [0, 30]), point(0.5, 2.5, flags={"occluded": True}))
    save(tmp_path, "b", {"label": "callosity", "points": [[2, 5], [8, 3], [4, 9]], "shape_type": "polygon"})
    save(tmp_path, "c")
    loaded = labelme.read(tmp_path)
    table = loaded.table
    assert annotations.validate(table) == []
    assert table["Image"].tolist() == ["a.jpg", "b.jpg", "c.jpg"] and table["status"].tolist() == ["ok", "ok", "none"]
    assert table[["x", "y", "width", "height"]].values.tolist()[:2] == [[-0.5, -0.5, 40, 30], [1.5, 2.5, 6, 6]]
    assert table[["eye_x", "eye_y", "eye_v", "photo_width"]].values.tolist()[0] == [0, 2, 1, 40]
    assert loaded.entries[:2] == ["a.json, shape 0 (head)", "b.json, shape 0 (callosity)"]


def test_a_group_is_an_animal(tmp_path: Path) -> None:
    """Both points lie in the large head, and one belongs to the small one by its group; the fluke is the small one's."""
    save(
        tmp_path,
        "a",
        rectangle([4, 4], [8, 8], group_id=5),
        rectangle([30, 4], [39, 8], "fluke", group_id=5),
        rectangle([0, 0], [20, 20], group_id=7),
        point(6, 6, group_id=5),
        point(7, 7, group_id=7),
    )
    table = labelme.read(tmp_path / "a.json").table
    assert table[["item", "part", "width", "eye_x"]].fillna(-1).values.tolist() == [
        ["a.jpg#0", "head", 20, 6.5],
        ["a.jpg#1", "head", 4, 5.5],
        ["a.jpg#1", "fluke", 9, -1],
    ]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"points": []}, "must have a label"),
        (rectangle([1, 2], [1, 9]), "no area"),
        (rectangle([1, 2], [3]), "point 1 is [3], must be 2 numbers"),
        (rectangle([1, 2], [3, 4], points=[[1, 2]]), "a rectangle with 1 corners"),
        (rectangle([1, 2], [3, 4], group_id="x"), "group_id is 'x'"),
        (point(1, 2, points=[[1, 2], [3, 4]]), "has 2 points, must have one"),
        (point(1, 2, shape_type="circle"), "a circle is neither part nor point"),
        (point(1, 2, group_id=1), "has another point of this name"),
    ],
)
def test_a_malformed_shape_is_named(tmp_path: Path, shape: dict, message: str) -> None:
    save(tmp_path, "a", point(5, 5, group_id=1), shape)
    with pytest.raises(FormatError, match=r"a\.json, shape 1") as refused:
        labelme.read(tmp_path)
    assert message in str(refused.value)


def test_a_malformed_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no \*\.json"):
        labelme.read(tmp_path)
    for more, why in (
        ({"shapes": None}, "list of shapes"),
        ({"imagePath": ""}, "imagePath"),
        ({"imageWidth": -1}, "imageWidth is -1"),
    ):
        with pytest.raises(FormatError, match=why):
            labelme.read(save(tmp_path, "a", **more))


def test_the_largest_head_is_the_first_whether_grouped_or_not(tmp_path: Path) -> None:
    save(tmp_path, "a", rectangle([0, 0], [4, 4], group_id=7), rectangle([10, 10], [30, 30]), rectangle([5, 5], [6, 6]))
    table = labelme.read(tmp_path).table
    assert table[["item", "width"]].values.tolist() == [["a.jpg#0", 20], ["a.jpg#1", 4], ["a.jpg#2", 1]]
