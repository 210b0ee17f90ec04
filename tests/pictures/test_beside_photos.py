"""What training says of annotations that don't fit their photos."""

from pathlib import Path

import pytest
from PIL import Image

from whichwhale.annotations import build
from whichwhale.annotations.table import AnnotationsError
from whichwhale.pictures.beside_photos import refuse_other_frames, unmarked

ORIENTATION = 0x0112


def photo(path: Path, orientation: int = 1) -> Path:
    """60 x 40 px as it is stored."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.new("RGB", (60, 40)).save(path, exif=exif)
    return path


def row(image: str, x: float, y: float, size: tuple[int, int] | None = None) -> dict:
    told = {} if size is None else {"photo_width": size[0], "photo_height": size[1]}
    return {"Image": image, "tip_x": x, "tip_y": y, "tip_v": 2, "x": 0, "y": 0, "width": 30, "height": 30} | told


def test_rows_of_their_photos_pass_without_a_word(tmp_path: Path) -> None:
    paths = {"a.jpg": photo(tmp_path / "a.jpg"), "b.jpg": photo(tmp_path / "b.jpg", 6)}
    table = build([row("a.jpg", 59, 39, (60, 40)), row("b.jpg", 39, 59, (40, 60)), row("gone.jpg", 1, 1, (7, 7))], ["tip"])
    assert refuse_other_frames(table, paths, "t.csv") == []
    assert refuse_other_frames(table, paths | {"gone.jpg": tmp_path / "gone.jpg"}, "t.csv") == []


def test_rows_of_other_sizes_are_refused_photo_by_photo(tmp_path: Path) -> None:
    paths = {"a.jpg": photo(tmp_path / "a.jpg"), "b.jpg": photo(tmp_path / "b.jpg", 6)}
    table = build([row("a.jpg", 20, 20, (30, 20)), row("b.jpg", 20, 20, (60, 40))], ["tip"])
    with pytest.raises(AnnotationsError) as refused:
        refuse_other_frames(table, paths, "t.csv")
    first, second = str(refused.value).splitlines()
    assert first.startswith("t.csv: a.jpg: the entry says 30 x 20, the photo is 60 x 40; ")
    assert second.startswith("t.csv: b.jpg: the size 60 x 40 is that of the photo before its EXIF rotation (6; upright it is 40")


def test_points_outside_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    paths = {name: photo(tmp_path / name) for name in ("a.jpg", "b.jpg")}
    table = build([row("a.jpg", 20, 20), row("b.jpg", 70.5, 20)], ["tip"])
    (told,) = refuse_other_frames(table, paths, "t.csv")
    assert told.startswith("t.csv: 1 points lie outside their photos") and "b.jpg: tip (70.5, 20.0) lies 11.0 px outside" in told


def test_photos_without_marks_are_counted() -> None:
    assert unmarked(["a", "b"], ["b", "a"], "t.csv", "row") == []
    (told,) = unmarked(["b"], ["a", "b", "c"], "t.csv", "row")
    assert told == "t.csv: 2 of the 3 training photos have no row there and are not learnt from, the first are a, c"
