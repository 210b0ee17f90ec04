"""What a fit has learned from: written, read back, and told from what is held out."""

from pathlib import Path

import pandas as pd

from whichwhale.runs import trained_on
from whichwhale.runs.trained_on import photos_of, shared, without_label


def test_photos_are_read_back_with_their_whales_and_without(tmp_path: Path) -> None:
    photos = {("b.jpg", "whale_2"), ("a.jpg", "whale_1"), ("NA.jpg", "NA"), *without_label(["c, d.jpg"])}
    trained_on.write(tmp_path, photos)
    assert trained_on.read(tmp_path) == photos
    assert (tmp_path / trained_on.FILE).read_text().splitlines() == [
        "Image,whaleID",
        "NA.jpg,NA",
        "a.jpg,whale_1",
        "b.jpg,whale_2",
        '"c, d.jpg",',
    ]
    assert trained_on.read(tmp_path / "nowhere") is None
    (tmp_path / trained_on.FILE).write_text("Image\na.jpg\n")  # a detector's
    assert trained_on.read(tmp_path) is None


def test_a_photo_is_told_by_name_and_whale_or_by_name_alone_if_it_had_no_label() -> None:
    train = pd.DataFrame({"Image": ["a.jpg", "b.jpg", "c.jpg"], "whaleID": ["x", "y", "z"]})
    held_out = photos_of(train, ["a.jpg", "b.jpg"])
    assert held_out == {("a.jpg", "x"), ("b.jpg", "y")}
    assert shared({("a.jpg", "x"), ("b.jpg", "another"), ("c.jpg", "z")}, held_out) == ["a.jpg"]
    assert shared({("b.jpg", ""), ("c.jpg", "")}, held_out) == ["b.jpg"]
    assert shared({("a.jpg", "x"), ("a.jpg", ""), ("b.jpg", "")}, held_out) == ["a.jpg", "b.jpg"]
    many = {(f"{n}.jpg", f"{n}") for n in range(100)}
    assert shared({("7.jpg", "7")}, many) == [] == shared({("7.jpg", "")}, many)
    assert shared({("7.jpg", "7"), ("8.jpg", "")}, many) == ["7.jpg", "8.jpg"]
