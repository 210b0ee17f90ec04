"""COCO: boxes lose half a pixel, key points none; malformed entries are named."""

import json
from pathlib import Path

import pytest

from whichwhale import annotations
from whichwhale.annotations import coco
from whichwhale.annotations.reading import FormatError

CATEGORIES = [{"id": 7, "name": "head", "keypoints": ["bonnet_tip", "blowhole"]}, {"id": 9, "name": "fluke"}]
IMAGES = [{"id": 3, "file_name": "train/a.jpg", "width": 40, "height": 30}, {"id": 4, "file_name": "b.jpg"}]
HEAD = {"id": 1, "image_id": 3, "category_id": 7, "bbox": [0, 0, 40, 30], "keypoints": [5, 6, 2, 0, 0, 0]}


def save(path: Path, *entries: dict, **more: object) -> Path:
    path.write_text(json.dumps({"images": IMAGES, "categories": CATEGORIES, "annotations": list(entries)} | more))
    return path


def test_boxes_count_edges_and_key_points_pixels(tmp_path: Path) -> None:
    """The whole photo [0, 0, 40, 30] is -0.5, -0.5 in contract 1; a key point 5 is the sixth pixel's centre, contract 1's 5."""
    loaded = coco.read(save(tmp_path / "a.json", HEAD))
    assert annotations.validate(loaded.table) == []
    row = loaded.table.iloc[0]
    assert row[["x", "y", "width", "height"]].tolist() == [-0.5, -0.5, 40, 30]
    assert row[["bonnet_tip_x", "bonnet_tip_y", "bonnet_tip_v", "blowhole_v"]].tolist() == [5, 6, 2, 0]
    assert (row["Image"], row["photo_width"], row["item"]) == ("a.jpg", 40, "a.jpg#0")
    assert loaded.table["status"].tolist() == ["ok", "none"]
    assert loaded.entries == ["annotation 0 (id 1)", "b.jpg"]
    content = json.loads(coco.text(loaded.table))
    assert content["annotations"][0]["bbox"] == [0, 0, 40, 30]
    assert content["annotations"][0]["keypoints"] == [5, 6, 2, 0, 0, 0]
    assert content["annotations"][0]["area"] == 1200 and content["annotations"][0]["num_keypoints"] == 1
    assert content["images"] == [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 30}, {"id": 2, "file_name": "b.jpg"}]


def test_the_largest_of_several_is_0_and_parts_keep_their_names(tmp_path: Path) -> None:
    small = HEAD | {"id": 2, "bbox": [1, 1, 5, 5]}
    fluke = {"id": 3, "image_id": 3, "category_id": 9, "bbox": [1, 1, 5, 5], "score": 0.5}
    table = coco.read(save(tmp_path / "a.json", small, fluke, HEAD)).table
    assert table["item"].tolist()[:3] == ["a.jpg#0", "a.jpg#0", "a.jpg#1"]
    assert table["part"].tolist()[:3] == ["head", "fluke", "head"]
    assert table["width"].tolist()[:3] == [40, 5, 5] and table["score"].tolist()[1] == 0.5


def test_without_points_it_is_a_file_of_boxes(tmp_path: Path) -> None:
    table = coco.read(save(tmp_path / "a.json", HEAD), points=[]).table
    content = json.loads(coco.text(table))
    assert "keypoints" not in content["categories"][0] and "keypoints" not in content["annotations"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 5}, "image_id 5 is not among the images"),
        ({"category_id": 1}, "category_id 1 is not among the categories"),
        ({"bbox": [1, 2, 3]}, "bbox is [1, 2, 3], must be 4 numbers"),
        ({"bbox": [1, 2, 0, 4]}, "bbox's width is 0.0, must be above 0"),
        ({"bbox": [1, None, 3, 4]}, "number 1 of bbox is None"),
        ({"bbox": [1, float("nan"), 3, 4]}, "number 1 of bbox is nan"),
        ({"keypoints": [1, 2, 2]}, "keypoints has 3 numbers, must have x, y, v for each of the 2"),
        ({"keypoints": [1, 2, 3, 0, 0, 0]}, "bonnet_tip has v = 3"),
        ({"bbox": None, "keypoints": [0] * 6}, "neither bbox nor a key point"),
        ({"iscrowd": 1}, "a crowd is no animal"),
        ({"score": "high"}, "score is 'high'"),
        ({"item": -1}, "item is -1, must be 0, 1"),
        ({"id": 8}, "an annotation above has this id"),
    ],
)
def test_a_malformed_annotation_is_named(tmp_path: Path, change: dict, message: str) -> None:
    path = save(tmp_path / "a.json", HEAD | {"id": 8}, HEAD | change)
    with pytest.raises(FormatError, match=r"a\.json, annotation 1 \(id ") as refused:
        coco.read(path)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "list of results has no images"),
        ({"images": []}, "annotations is missing"),
        ({"images": [{"id": 1}], "annotations": [], "categories": []}, "image 0: must have an id and a file_name"),
        ({"images": [IMAGES[0], IMAGES[0]], "annotations": [], "categories": []}, "image 1 (a.jpg): id 3 is taken"),
        (
            {"images": [IMAGES[0], {"id": 5, "file_name": "val/a.jpg"}], "annotations": [], "categories": []},
            "a photo of this name",
        ),
        ({"images": [IMAGES[0] | {"width": 0}], "annotations": [], "categories": []}, "width is 0, must be above 0"),
        ({"images": [], "annotations": [], "categories": [{"id": 1}]}, "category 0: must have an id and a name"),
        ({"images": [], "annotations": [], "categories": [CATEGORIES[0] | {"keypoints": ["a", "a"]}]}, "different names"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: object, message: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match=r"a\.json") as refused:
        coco.read(tmp_path / "a.json")
    assert message in str(refused.value)


def test_two_boxes_of_one_animals_part_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.json", HEAD | {"item": 1}, HEAD | {"id": 2, "item": 1})
    with pytest.raises(FormatError, match=r"annotation 1 \(id 2\): animal 1 has a head above"):
        coco.read(path)


@pytest.mark.parametrize("bbox", [0, {}, False])
def test_a_box_that_is_none_is_no_missing_one(tmp_path: Path, bbox: object) -> None:
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "head", "keypoints": ["eye"]}]}
    content |= {"annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": bbox, "keypoints": [1, 2, 2]}]}
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match="bbox is .*, must be 4 numbers"):
        coco.read(tmp_path / "c.json")
