"""Boxes for an aligner, from a localizer's table and from a detector's, which has several parts and animals."""

from pathlib import Path

import pandas as pd
import pytest

from whichwhale.annotations import build, write
from whichwhale.localize.boxes import BoxesError, out_of_fold_boxes, scored_by

FOLDS = pd.DataFrame({"Image": ["a", "b", "c", "d"], "fold": [0, 1, 0, -1], "kind": "closed"})


def row(image: str, fold: int, part: str = "head", k: int = 0, x: float = 1.0) -> dict:
    return {"Image": image, "item": f"{image}#{k}", "fold": fold, "part": part, "x": x, "y": 2.0, "width": 30.0, "height": 20.0}


DETECTED = [
    row("a", 0, "head"), row("a", 0, "fluke"), row("a", 0, "head", 1, 50.0), row("b", 1, "fluke"),
    {"Image": "c", "fold": 0, "status": "none"}, row("d", -2, x=7.0), row("t", -2, "head", 1), row("t", -2, "fluke"),
]  # fmt: skip


def test_the_first_animals_heads_are_taken_and_photos_without_one_have_none(tmp_path: Path) -> None:
    write(tmp_path / "annotations.csv", build(DETECTED, []))
    found = out_of_fold_boxes(tmp_path / "annotations.csv", FOLDS, ["a", "b", "c", "d", "t"])
    assert {image: box.tolist() for image, box in found.items()} == {"a": [1, 2, 30, 20], "d": [7, 2, 30, 20]}
    flukes = out_of_fold_boxes(tmp_path / "annotations.csv", FOLDS, ["a", "b", "t"], "fluke")
    assert set(flukes) == {"a", "b", "t"}


def test_photos_that_were_not_looked_at_and_boxes_of_a_model_that_saw_the_photo(tmp_path: Path) -> None:
    write(tmp_path / "annotations.csv", build(DETECTED, []))
    with pytest.raises(BoxesError, match="no row for 1 photos, the first are .'z'"):
        out_of_fold_boxes(tmp_path / "annotations.csv", FOLDS, ["a", "z"])
    seen = [one | {"fold": 0} if one["Image"] == "b" else one for one in DETECTED]
    write(tmp_path / "annotations.csv", build(seen, []))
    with pytest.raises(BoxesError, match="the first is b: fold 1 of folds.csv, but the box comes from fold 0"):
        out_of_fold_boxes(tmp_path / "annotations.csv", FOLDS, ["a"])


def test_an_aligners_rows_have_the_scores_of_their_boxes() -> None:
    aligned = build([row(image, 0) | {"score": 0.5} for image in "abcd"], [])
    boxes = build(
        [
            row("a", 0) | {"score": 0.9},
            row("a", 0, k=1) | {"score": 0.8},
            row("a", 0, "fluke") | {"score": 0.7},
            row("b", 1),  # by hand: without a score
            {"Image": "c", "status": "none", "score": 0.01},
        ],
        [],
    )
    assert scored_by(aligned, boxes)["score"].tolist() == [0.9, 0.5, 0.5, 0.5]
    assert scored_by(aligned, boxes, "fluke")["score"].tolist() == [0.7, 0.5, 0.5, 0.5]
