"""Which photos a model learned from: by name, by the end of the path, and by the animal."""

from pathlib import Path

import pandas as pd

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.learned import of_fit, said
from whichwhale.runs import trained_on


def table(photo: list[str], animal: list[str] | None = None, path: list[str] | None = None) -> pd.DataFrame:
    columns = {"photo": photo} | ({"animal": animal} if animal else {}) | ({"path": path} if path else {})
    return pd.DataFrame(columns, dtype="str")


def test_by_name_where_no_animal_is_known() -> None:
    found = said(table(["a.jpg", "b.jpg"]), {("a.jpg", "x"), ("c.jpg", "")})
    assert found.tolist() == ["yes", "no"]


def test_by_the_end_of_the_path() -> None:
    """A file's name below a folder, folders of classes, and one photo of such a folder."""
    photos = {("a.jpg", "x"), ("s1/1.pgm", "s1")}
    found = said(table(["deep/below/a.jpg", "s1/1.pgm", "s2/1.pgm", "1.pgm"]), photos)
    assert found.tolist() == ["yes", "yes", "no", "no"]
    paths = ["/photos/a.jpg", "/faces/s1/1.pgm", "/faces/s2/1.pgm"]
    assert said(table(["a.jpg", "1.pgm", "2.pgm"], path=paths), photos).tolist() == ["yes", "yes", "no"]


def test_another_animals_photo_of_that_name_is_another_photo() -> None:
    photos = {("w_1.jpg", "x"), ("w_1.jpg", "survey_7"), ("w_2.jpg", "survey_8"), ("w_3.jpg", "")}
    names = ["w_1.jpg", "w_2.jpg", "w_3.jpg", "w_4.jpg"]
    assert said(table(names, ["x"] * 4), photos).tolist() == ["yes", "no", "yes", "no"]


def test_animals_by_other_names_are_not_known() -> None:
    photos = {("w_1.jpg", "whale_00001"), ("w_3.jpg", "")}
    names = ["w_1.jpg", "w_2.jpg", "w_3.jpg"]
    assert said(table(names, ["Punctuation"] * 3), photos).tolist() == ["", "no", "yes"]


def test_a_fits_list(tmp_path: Path) -> None:
    assert of_fit(tmp_path) is None
    trained_on.write(tmp_path, {("a.jpg", "x")})
    assert of_fit(tmp_path) == {("a.jpg", "x")}


def test_labels_that_come_later_decide() -> None:
    some = some_photos(1, 2)
    photos = Incoming(some.table[["photo"]], some.vectors, some.model, seen={("p0_0.jpg", "b9"), ("p0_1.jpg", "a0")})
    found = photos.labelled(some.table, "labels.csv")
    assert found.table["learned"].tolist() == ["no", "yes"] and found.only(found.table["learned"] == "yes").seen == photos.seen
    named = photos.labelled(some.table.assign(learned=["yes", ""]), "labels.csv")
    assert named.table["learned"].tolist() == ["yes", ""], "the user's own word wins"
