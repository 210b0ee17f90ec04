import json

import numpy as np
import pytest

from whichwhale.annotations import build, coco, sloth, write
from whichwhale.annotations.reading import FormatError
from whichwhale.detect.config import DetectConfig, MovesConfig
from whichwhale.detect.truth import TruthError, exchanged, read_truth

SIZE = {"photo_width": 100, "photo_height": 80}
ROWS = [
    {"Image": "b.jpg", "part": "head", "x": 1.0, "y": 2, "width": 10, "height": 5} | SIZE,
    {"Image": "b.jpg", "part": "left", "x": 11.0, "y": 2, "width": 4, "height": 5} | SIZE,
    {"Image": "b.jpg", "item": "b.jpg#1", "part": "head", "x": 30.0, "y": 2, "width": 9, "height": 5} | SIZE,
    {"Image": "a.jpg", "part": "right", "x": 3.0, "y": 2, "width": 4, "height": 5} | SIZE,
    {"Image": "c.jpg", "status": "none"} | SIZE,
    {"Image": "d.jpg", "status": "unreadable"},
    {"Image": "test.jpg", "part": "spot", "x": 3.0, "y": 2, "width": 4, "height": 5} | SIZE,
]
IMAGES = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
MIRRORED = {"left": "right"}


def test_several_animals_none_and_photos_of_which_nothing_is_known(tmp_path):
    write(tmp_path / "parts.csv", build(ROWS, []))
    truth = read_truth(DetectConfig(mirrored=MIRRORED), tmp_path, IMAGES)
    assert truth.images == ["a.jpg", "b.jpg", "c.jpg"]  # labelled, one of them as showing nothing
    assert truth.parts == ["head", "left", "right"]  # not the test photo's
    boxes, parts = truth.of("b.jpg")
    assert boxes.tolist() == [[1, 2, 10, 5], [11, 2, 4, 5], [30, 2, 9, 5]] and parts.tolist() == [0, 1, 0]
    assert truth.of("c.jpg")[0].shape == (0, 4)


def test_parts_are_those_asked_for_in_their_order(tmp_path):
    write(tmp_path / "parts.csv", build(ROWS, []))
    truth = read_truth(DetectConfig(parts=["right", "left"], mirrored=MIRRORED), tmp_path, IMAGES)
    assert truth.of("b.jpg")[1].tolist() == [1] and truth.of("a.jpg")[1].tolist() == [0]
    assert exchanged(truth.parts, MIRRORED).tolist() == [1, 0]
    with pytest.raises(TruthError, match="no box of fluke in the training photos; there are those of head, left, right"):
        read_truth(DetectConfig(parts=["head", "fluke"]), tmp_path, IMAGES)


def test_coco_is_read_as_well_half_pixels_included(tmp_path):
    (tmp_path / "parts.json").write_text(coco.text(build(ROWS[:5], [])))
    truth = read_truth(DetectConfig(truth={"file": "parts.json"}, mirrored=MIRRORED), tmp_path, IMAGES)
    assert truth.images == ["a.jpg", "b.jpg", "c.jpg"]
    assert np.allclose(truth.of("b.jpg")[0][0], [1, 2, 10, 5])
    assert json.loads((tmp_path / "parts.json").read_text())["annotations"][0]["bbox"][0] == 1.5


def test_a_folder_of_sloth_files_is_a_truth_too(tmp_path):
    sloth.to_sloth(build([row for row in ROWS[:5] if row.get("part") == "head" or "status" in row], []), tmp_path)
    truth = read_truth(DetectConfig(parts=["head"], truth={"file": "."}), tmp_path, IMAGES)
    assert truth.images == ["b.jpg", "c.jpg"] and truth.parts == ["head"]
    assert truth.of("b.jpg")[0].tolist() == [[1, 2, 10, 5], [30, 2, 9, 5]]


def test_sides_and_mirror_images(tmp_path):
    write(tmp_path / "parts.csv", build(ROWS, []))
    with pytest.raises(TruthError, match="left, right would be the other side's"):
        read_truth(DetectConfig(), tmp_path, IMAGES)
    assert read_truth(DetectConfig(augment=MovesConfig(mirror=0)), tmp_path, IMAGES).parts[1] == "left"
    with pytest.raises(TruthError, match="mirrored names port"):
        read_truth(DetectConfig(mirrored={"left": "right", "port": "starboard"}), tmp_path, IMAGES)


def test_missing_and_malformed_files_are_named(tmp_path):
    with pytest.raises(TruthError, match="parts.csv: the parts' boxes are missing"):
        read_truth(DetectConfig(), tmp_path, IMAGES)
    (tmp_path / "parts.csv").write_text("what,ever\n1,2\n")
    with pytest.raises(FormatError, match="parts.csv"):
        read_truth(DetectConfig(), tmp_path, IMAGES)
    write(tmp_path / "parts.csv", build(ROWS[4:5], []))
    with pytest.raises(TruthError, match="none of the 5 training photos has a box"):
        read_truth(DetectConfig(), tmp_path, IMAGES)
