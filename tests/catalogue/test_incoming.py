"""The doors for vectors and photos, and what doesn't pass them."""

import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from whichwhale import predictions
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.incoming import of_file, photos_in, refuse_other_model
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.table import read_labels
from whichwhale.predictions import Predictions
from whichwhale.runs import trained_on

VECTORS = np.array([[3.0, 4.0], [0.0, -2.0], [1.0, 0.0]])
PHOTOS = np.array(["a.jpg", "b.jpg", "c.jpg"])


def plain(path: Path, **changes) -> Path:
    arrays = {"vectors": VECTORS, "photo": PHOTOS, "model": np.array("net")} | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_plain_arrays(tmp_path: Path) -> None:
    found = of_file(plain(tmp_path / "v.npz", animal=np.array(["x", "", "y"]), side=np.array(["left", "", ""])))
    np.testing.assert_allclose(found.vectors, [[0.6, 0.8], [0, -1], [1, 0]], rtol=1e-6)
    assert found.model == Model(weights_sha="net", dims=2)
    assert found.table.to_dict("list") == {"photo": PHOTOS.tolist(), "animal": ["x", "", "y"], "side": ["left", "", ""]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"vectors": np.array([[1, 2], [np.nan, 0], [0, 1.0]])},
            r"row 1 \(b.jpg\): its vector has NaN \(1 such rows\); .*Nothing was",
        ),
        ({"vectors": np.array([[1, 2], [0, 1], [0, 0.0]])}, r"row 2 \(c.jpg\): its vector is all zeros"),
        ({"vectors": np.array([[1, np.inf], [0, 1], [0, 1.0]])}, r"row 0 \(a.jpg\): its vector is infinite"),
        ({"vectors": VECTORS[:2]}, r"vectors must be \[3 photos, dims\], not of shape \(2, 2\)"),
        ({"photo": np.array(["a.jpg", "b.jpg", "a.jpg"])}, "a.jpg more than once"),
        ({"photo": np.array(["a.jpg", "", "c.jpg"])}, "row 1: no photo's name"),
        ({"photo": None}, "has vectors, but no `photo`"),
        ({"animal": np.array([1, 2, 3])}, "animal must be text"),
        ({"date": np.array(["2010", "May 2010", ""])}, r"row 1 \(b.jpg\): date 'May 2010'; write YYYY"),
    ],
)
def test_bad_arrays_are_told_by_row(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        of_file(plain(tmp_path / "v.npz", **changes))


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"gone.npz: no such file"):
        of_file(tmp_path / "gone.npz")
    np.savez(tmp_path / "x.npz", weights=np.zeros(3))
    with pytest.raises(CatalogueError, match=r"neither a predictions.npz .* nor plain arrays .*it has weights"):
        of_file(tmp_path / "x.npz")
    (tmp_path / "y.npz").write_bytes(b"PK not a zip")
    with pytest.raises(CatalogueError, match="not a readable .npz"):
        of_file(tmp_path / "y.npz")
    np.savez(tmp_path / "z.npz", vectors=np.array([object()]), photo=np.array(["a"]))
    with pytest.raises(CatalogueError, match="not a readable .npz"):  # pickled: refused, not opened
        of_file(tmp_path / "z.npz")
    with pytest.raises(CatalogueError, match="not an .npz"):
        of_file(tmp_path / "photo.jpg")


def test_a_predictions_file_and_its_roles(tmp_path: Path) -> None:
    path, embedding = tmp_path / "predictions.npz", np.eye(3, dtype=np.float32)
    items = ["a.jpg#0", "b.jpg#1", "c.jpg#0"]
    predictions.write(path, Predictions.of(items, [0, 1, 2], ["x"], None, embedding, weights_sha="f00"))
    found = of_file(path)
    assert found.table["photo"].tolist() == ["a.jpg", "b.jpg#1", "c.jpg"] and found.table["learned"].tolist() == [
        "yes",
        "no",
        "no",
    ]
    assert found.model == Model(weights_sha="f00", dims=3)
    assert of_file(path, ["test"]).table["photo"].tolist() == ["c.jpg"]
    predictions.write(path, Predictions.of(items, [0, 1, 2], ["x"], np.zeros((3, 1)), None))
    with pytest.raises(CatalogueError, match="has no embedding"):
        of_file(path)


def test_photos_that_weak_labels_named_were_learned_from(tmp_path: Path) -> None:
    """They are test photos of predictions.npz; the fit's own list has them, without an animal."""
    trained_on.write(tmp_path, {("a.jpg", "x"), ("c.jpg", ""), ("d.jpg", "y")})  # d.jpg: another data set's, where the fit began
    (tmp_path / "model.safetensors").write_bytes(save({}, trained_on.claim(tmp_path)))
    items = ["a.jpg#0", "b.jpg#0", "c.jpg#0", "d.jpg#0"]
    predictions.write(tmp_path / "predictions.npz", Predictions.of(items, [0, 1, 2, 2], ["x"], None, np.eye(4, dtype=np.float32)))
    found = of_file(tmp_path / "predictions.npz").table.set_index("photo")["learned"]
    assert found.to_dict() == {"a.jpg": "yes", "b.jpg": "no", "c.jpg": "yes", "d.jpg": "no"}


def test_labels_join_by_photo(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Image,whaleID,date\nb.jpg, y ,2010-05\nelsewhere.jpg,z,\na.jpg,x,\n", encoding="utf-8-sig")
    found = of_file(plain(tmp_path / "v.npz")).labelled(read_labels(path), str(path))
    assert found.table["animal"].tolist() == ["x", "y", ""] and found.table["date"].tolist() == ["", "2010-05", ""]
    path.write_text("Image,whaleID\nq.jpg,y\n")
    with pytest.raises(
        CatalogueError, match=r"has a row for none of the 3 photos; the first there is 'q.jpg', the first photo 'a.jpg'"
    ):
        of_file(plain(tmp_path / "v.npz")).labelled(read_labels(path), str(path))


def test_an_empty_cell_says_nothing(tmp_path: Path) -> None:
    known = {"animal": np.array(["x", "y", "z"]), "date": np.array(["2010", "", "2012"])}
    known["side"] = np.array([" Left", "", "right "])
    path = tmp_path / "labels.csv"
    path.write_text("photo,animal,date,place\na.jpg,,,Fundy\nb.jpg,w,2011,\n")
    table = of_file(plain(tmp_path / "v.npz", **known)).labelled(read_labels(path), str(path)).table
    assert table["animal"].tolist() == ["x", "w", "z"] and table["date"].tolist() == ["2010", "2011", "2012"]
    assert table["place"].tolist() == ["Fundy", "", ""] and table["side"].tolist() == ["Left", "", "right"]


def test_a_letter_has_one_form(tmp_path: Path) -> None:
    """Folders of some systems take letters with accents apart; tables seldom do."""
    whole, apart = "Zo\u00eb.jpg", "Zoe\u0308.jpg"
    path = tmp_path / "labels.csv"
    path.write_text(f"photo,animal\n{whole},Zo\u00eb\n", encoding="utf-8")
    photos = np.array([apart, "b.jpg", "c.jpg"])
    found = of_file(plain(tmp_path / "v.npz", photo=photos, animal=np.array(["Zoe\u0308", "", ""])))
    assert found.table["animal"].tolist() == ["Zo\u00eb", "", ""]
    assert found.labelled(read_labels(path), str(path)).table["animal"].tolist() == ["Zo\u00eb", "", ""]
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / apart).touch()
    table = photos_in([tmp_path / "photos"])
    assert table["photo"].tolist() == [whole] and Path(table["path"][0]).exists()


def test_odd_tables_are_read_by_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b'photo, animal , place,\r\na.jpg,x,Fundy,\r\n\r\nb.jpg,new_whale\r\n"c, d.jpg",y,"Bay, north",\r\n')
    table = read_labels(path)
    assert table.columns.tolist() == ["photo", "animal", "place"]
    rows = [["a.jpg", "x", "Fundy"], ["b.jpg", "", ""], ["c, d.jpg", "y", "Bay, north"]]  # nobody says who a new_whale is
    assert table.to_numpy().tolist() == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,animal\na.jpg,x\nb.jpg,y,z\n", "line 3: 3 cells, but the header has 2; quote cells"),
        ("photo,animal,animal\na.jpg,x,y\n", "line 1: column 'animal' more than once"),
        ("name,whaleID\na.jpg,x\n", "has no column photo"),
        ("Image,whaleID\na.jpg,x\nb.jpg,y\na.jpg,x\n", "line 4: a.jpg has a row already"),
        ("Image,whaleID\n,x\n", "line 2: no photo's name"),
        ("photo,animal,date\na.jpg,x,31.12.2010\n", r"row 2 \(a.jpg\): date '31.12.2010'"),
        ("photo,animal,date\na.jpg,x,2015-02-31\n", r"row 2 \(a.jpg\): date '2015-02-31'; write .*of a day that there is"),
        ('photo,place\na.jpg,x\nb.jpg,"y\rz"\n', r"row 3 \('b.jpg'\): place 'y\\rz' has a carriage return"),
        ("photo,key\na.jpg,x\n", "column 'key' would be mistaken"),
        ("photo;animal\na.jpg;x\n", "its columns are parted by semicolons; save it with commas"),
        ("photo\tanimal\na.jpg\tx\n", "its columns are parted by tabs"),
    ],
)
def test_bad_labels_are_told_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text, newline="")
    with pytest.raises(CatalogueError, match=message):
        read_labels(tmp_path / "labels.csv")


def test_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("photo,animal\na.jpg,Müller\n", encoding="latin-1")
    with pytest.raises(CatalogueError, match="its letters are not UTF-8; save it as `CSV UTF-8`"):
        read_labels(tmp_path / "labels.csv")


def test_photos_of_folders(tmp_path: Path) -> None:
    for name in ("whales/punctuation/1.jpg", "whales/punctuation/2.PNG", "whales/snow/1.jpg", "flat/x.jpg", "flat/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    table = photos_in([tmp_path / "whales"])
    assert table["photo"].tolist() == ["punctuation/1.jpg", "punctuation/2.PNG", "snow/1.jpg"]
    assert table["animal"].tolist() == ["punctuation", "punctuation", "snow"]
    table = photos_in([tmp_path / "flat", tmp_path / "whales" / "snow" / "1.jpg"])
    assert table["photo"].tolist() == ["x.jpg", "1.jpg"] and table["animal"].tolist() == ["", ""]
    both = [tmp_path / "whales" / "snow" / "1.jpg", tmp_path / "whales" / "punctuation" / "1.jpg", tmp_path / "flat" / "x.jpg"]
    assert photos_in(both)["photo"].tolist() == ["snow/1.jpg", "punctuation/1.jpg", "x.jpg"]  # as much path as tells them apart
    with pytest.raises(CatalogueError, match="1.jpg more than once; a photo has one name"):
        photos_in([both[0], both[0]])
    (tmp_path / "latin").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "latin") + b"/\xe9t\xe9.jpg")).touch()
    with pytest.raises(CatalogueError, match=r"the photos: row 0 .*dce9t.*is not UTF-8; give it another name"):
        photos_in([tmp_path / "latin"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogueError, match=r"empty: no photo in this folder \(it is empty\)"):
        photos_in([tmp_path / "empty"])
    (tmp_path / "flat" / "x.jpg").unlink()
    with pytest.raises(CatalogueError, match="1 files, none of which ends as a photo does"):
        photos_in([tmp_path / "flat"])


def test_models_are_told_apart() -> None:
    refuse_other_model(Model(weights_sha="a", dims=2), Model(weights_sha="a", dims=2), "here")
    for other in (Model(weights_sha="b", dims=2), Model(weights_sha="a", dims=3)):
        with pytest.raises(CatalogueError, match="here: the vectors are of model . .*say nothing of one another"):
            refuse_other_model(other, Model(weights_sha="a", dims=2), "here")


@pytest.mark.parametrize(("classes", "animals"), [(["s1", "s2", "s3"], ["s1", "s1", "s2"]), (["s1", "2"], None), ([], None)])
def test_folders_of_classes_name_the_animals(tmp_path: Path, classes: list[str], animals: list[str] | None) -> None:
    """Folders that are no classes, such as years, don't."""
    items = ["s1/1.pgm#0", "s1/2.pgm#0", "s2/1.pgm#0"]
    logits = np.zeros((3, len(classes)), np.float32) if classes else None
    predictions.write(tmp_path / "p.npz", Predictions.of(items, [0, 1, 2], classes, logits, np.eye(3, dtype=np.float32)))
    table = of_file(tmp_path / "p.npz").table
    assert table["photo"].tolist() == ["s1/1.pgm", "s1/2.pgm", "s2/1.pgm"]
    assert (table["animal"].tolist() if "animal" in table else None) == animals


def test_what_pillow_reads_is_a_photo(tmp_path: Path) -> None:
    for name in ("s1/1.PGM", "s1/2.pgm", "s2/1.jp2", "s2/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = photos_in([tmp_path])
    assert found["photo"].tolist() == ["s1/1.PGM", "s1/2.pgm", "s2/1.jp2"] and found["animal"].tolist() == ["s1", "s1", "s2"]
