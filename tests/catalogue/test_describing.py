"""What is known of photos, changed: the rows that are meant and no others, or nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.describing import describe, describe_by
from whichwhale.catalogue.editing import add
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.search import Searcher


def test_the_photos_that_are_meant(folder: Path, made) -> None:
    vectors = made(4, 3).vectors()
    gallery, told = describe(folder, {"status": "unchecked", "place": " Fundy "}, photos=["p0_1.jpg"], animals=["a2"])
    assert told == ["4 photos changed; new columns: place"]
    rows = [1, 6, 7, 8]
    assert np.flatnonzero(gallery.table["status"] == "unchecked").tolist() == rows
    assert np.flatnonzero(gallery.table["place"] == "Fundy").tolist() == rows and set(gallery.table["place"]) == {"Fundy", ""}
    np.testing.assert_array_equal(gallery.vectors(), vectors)
    assert Searcher(gallery, ["status=approved"]).rows.tolist() == [0, 2, 3, 4, 5, 9, 10, 11]

    _, told = describe(
        folder, {"status": "approved"}, conditions=["status=unchecked", "place=Fundy"], photos=["p0_1.jpg", "p0_0.jpg"]
    )
    assert told == ["1 photos changed"]
    gallery, told = describe(folder, {"place": ""}, conditions=["place=Fundy"])
    assert told == ["4 photos changed"] and "place" not in read(folder).table.columns
    assert np.flatnonzero(gallery.table["status"] == "unchecked").tolist() == [6, 7, 8]
    generation = gallery.manifest.generation
    gallery, told = describe(folder, {"status": "unchecked"}, animals=["a2"])
    assert told == ["0 photos changed, 3 were so already"] and gallery.manifest.generation == generation
    _, told = describe(folder, {"status": ""}, animals=["a2"])  # a photo always has one
    assert told == ["3 photos changed"] and set(read(folder).table["status"]) == {"approved"}


def test_each_photo_what_its_row_says(folder: Path, made) -> None:
    made(3, 2)
    describe(folder, {"place": "Fundy"}, animals=["a0", "a1", "a2"])
    rows = [("p2_0.jpg", "a2", "2015-08", ""), ("new.jpg", "a9", "2001", "x"), ("p0_1.jpg", "", "", "Cod")]
    labels = pd.DataFrame(rows, columns=["photo", "animal", "date", "place"], dtype="str")
    gallery, told = describe_by(folder, labels, "l.csv")
    assert told == ["l.csv: 1 rows are of photos that are not in the catalogue: new.jpg", "2 photos changed; new columns: date"]
    assert gallery.table["date"].tolist() == ["", "", "", "", "2015-08", ""]
    assert gallery.table["place"].tolist() == ["Fundy", "Cod", "Fundy", "Fundy", "", "Fundy"]
    assert gallery.table["animal"].tolist() == ["a0", "a0", "a1", "a1", "a2", "a2"]
    add(folder, some_photos(1, 1, first=7))
    assert read(folder).table["date"].tolist() == ["", "", "", "", "2015-08", "", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"known": {}}, "say what is known of the photos"),
        ({"known": {"animal": "a1"}}, "'animal' can't be set: `merge` and `split` say who is who"),
        ({"known": {"key": "1"}}, "'key' can't be set"),
        ({"known": {"date": "7.8.2015"}, "animals": ["a1"]}, r"p1_0.jpg\): date '7.8.2015'; write YYYY"),
        ({"known": {"learned": "maybe"}, "animals": ["a1"]}, "it is yes, no or empty"),
        ({"known": {"status": "x"}, "photos": ["p1_O.jpg"]}, "has no photo p1_O.jpg; did you mean 'p1_"),
        ({"known": {"status": "x"}, "animals": ["b1"]}, "has no animal 'b1'"),
        ({"known": {"status": "x"}, "conditions": ["status=unchecked"]}, "no photo meets status=unchecked"),
        ({"known": {"status": "x"}, "conditions": ["plaice=y"]}, "has no column 'plaice'"),
    ],
)  # fmt: skip
def test_refusals_change_nothing(folder: Path, made, change: dict, message: str) -> None:
    made(3, 2)
    before = (folder / "catalogue.json").read_bytes()
    with pytest.raises(CatalogueError, match=message):
        describe(folder, **change)
    assert (folder / "catalogue.json").read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"photo": ["x.jpg"], "date": ["2015"]}, "none of its 1 photos is in"),
        ({"photo": ["p1_0.jpg"], "animal": ["a2"], "date": ["2015"]}, r"p1_0.jpg is a2 there and a1 in .* \(1 such photos\)"),
        ({"photo": ["p1_0.jpg"], "animal": ["a1"]}, "has no column to set beside photo, animal"),
    ],
)
def test_tables_that_are_refused(folder: Path, made, rows: dict, message: str) -> None:
    made(3, 2)
    before = (folder / "catalogue.json").read_bytes()
    with pytest.raises(CatalogueError, match=message):
        describe_by(folder, pd.DataFrame(rows, dtype="str"), "l.csv")
    assert (folder / "catalogue.json").read_bytes() == before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["place", "side"]), st.sampled_from(["", "l", "r"])), max_size=6))
def test_as_a_dictionary_would_have_it(tmp_path_factory, changes: list) -> None:
    from whichwhale.catalogue.config import CatalogueConfig
    from whichwhale.catalogue.editing import build

    folder, photos = tmp_path_factory.mktemp("c") / "whales", some_photos(3, 2)
    build(folder, photos, CatalogueConfig())
    known = {photo: {"place": "", "side": ""} for photo in photos.table["photo"]}
    for row, column, value in changes:
        photo = photos.table["photo"].iloc[row]
        known[photo][column] = value
        describe(folder, {column: value}, photos=[photo])
    table = read(folder).table.set_index("photo").reindex(columns=["place", "side"], fill_value="")
    assert table.T.to_dict() == known
