"""Which photos a folder holds, and what is said of those that lie deeper."""

from pathlib import Path

import pytest

from whichwhale.pictures.reading import left_below, photos_at


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_folders_own_photos_in_order_whatever_the_case_of_their_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.txt", "inner/c.jpg")
    assert list(photos_at(tmp_path)) == ["a.png", "b.JPG"]
    assert photos_at(tmp_path / "b.JPG") == {"b.JPG": tmp_path / "b.JPG"}


def test_photos_that_lie_deeper_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "inner/c.jpg", "inner/deep/b.jpg", "inner/notes.txt")
    first = tmp_path / "inner" / "c.jpg"
    assert left_below(tmp_path).endswith(f"2 photos in folders below it are not looked at, the first is {first}")
    assert left_below(tmp_path / "inner/deep") == left_below(tmp_path / "a.jpg") == ""


@pytest.mark.parametrize(("name", "message"), [("notes.txt", "is no photo by its name"), ("", "there are some in .*inner")])
def test_where_there_is_none_the_message_says_where_there_are(tmp_path: Path, name: str, message: str) -> None:
    touch(tmp_path, "notes.txt", "inner/c.jpg")
    with pytest.raises(ValueError, match=message):
        photos_at(tmp_path / name)
