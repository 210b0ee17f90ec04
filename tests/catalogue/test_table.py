"""Which photo a row of a user's table is of."""

from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.gallery import read


def test_a_table_may_name_photos_by_their_files_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = some_photos(6, 4)
    names = [f"{animal}/{photo}" for animal, photo in zip(photos.table["animal"], photos.table["photo"], strict=True)]
    names[1] = "a9/p0_0.jpg"  # a second file of that name: neither is meant by it
    np.savez(tmp_path / "v.npz", vectors=photos.vectors, photo=np.array(names), model="m")
    table = photos.table.assign(place="Fundy")
    table.to_csv(tmp_path / "t.csv", index=False)
    whales = str(tmp_path / "w")
    main(["build", whales, "--vectors", str(tmp_path / "v.npz"), "--table", str(tmp_path / "t.csv")])
    told = capsys.readouterr()
    assert "22 photos are named by their files alone, such as p0_2.jpg for a0/p0_2.jpg" in told.out
    assert "2 rows are of photos that are not here: p0_0.jpg, p0_1.jpg" in told.err
    assert read(tmp_path / "w").table["animal"].value_counts().to_dict() == {"a0": 2} | {f"a{n}": 4 for n in range(1, 6)}
    (tmp_path / "s.csv").write_text("photo,place\np3_1.jpg,Shelf\np0_0.jpg,nowhere\n")
    assert main(["set", whales, "--table", str(tmp_path / "s.csv")]) == 0
    gallery = read(tmp_path / "w")
    assert gallery.table["photo"][gallery.table["place"] == "Shelf"].tolist() == ["a3/p3_1.jpg"]


def test_a_row_of_an_old_photo_names_no_new_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole project's table, and a second card of the camera whose files are called as the first one's."""
    photos = some_photos(4, 2)

    def write(card: str, names: list[str], rows: list[int]) -> list[str]:
        paths = np.array([f"/{card}/{name}" for name in names])
        np.savez(tmp_path / f"{card}.npz", vectors=photos.vectors[rows], photo=np.array(names), path=paths, model="m")
        return ["--vectors", str(tmp_path / f"{card}.npz"), "--table", str(tmp_path / "t.csv")]

    whales = str(tmp_path / "w")
    (tmp_path / "t.csv").write_text("photo,animal,date\nIMG_1.jpg,a0,2015\nIMG_2.jpg,a1,2015\nIMG_3.jpg,a2,2020\n")
    assert main(["build", whales, *write("c1", ["IMG_1.jpg", "IMG_2.jpg"], [0, 2])]) == 0
    capsys.readouterr()
    assert main(["add", whales, *write("c2", ["IMG_1.jpg", "IMG_3.jpg", "deep/IMG_2.jpg"], [6, 4, 7])]) == 1
    told = capsys.readouterr()
    assert "IMG_1.jpg is another photo's name there: this one is called c2/IMG_1.jpg" in told.out
    assert "2 photos of which nobody says which animal they show: c2/IMG_1.jpg, deep/IMG_2.jpg" in told.err
    assert "would change" not in told.out
    table = read(tmp_path / "w").table
    assert table[["photo", "animal"]].to_numpy().tolist() == [["IMG_1.jpg", "a0"], ["IMG_2.jpg", "a1"], ["IMG_3.jpg", "a2"]]
    (tmp_path / "t.csv").write_text("photo,animal,date\nc2/IMG_1.jpg,a3,2020\n")
    assert main(["add", whales, *write("c2", ["IMG_1.jpg"], [6])]) == 0
    # the second card's own table, by its files' names, would change the first card's photos: that is said
    (tmp_path / "s.csv").write_text("photo,place\nIMG_1.jpg,Fundy\n")
    capsys.readouterr()
    assert main(["set", whales, "--table", str(tmp_path / "s.csv")]) == 0
    assert "IMG_1.jpg is taken for IMG_1.jpg, not for c2/IMG_1.jpg (1 such rows)" in capsys.readouterr().out
