"""Build, add, remove, merge, split: what is in the catalogue afterwards, and what is refused without a change."""

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.catalogue.made_up import DIMS, some_photos, state, unchanged, with_rows
from whichwhale.catalogue import generations
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.editing import add, build, merge, remove, split
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.search import Searcher


def test_built_and_read_back(folder: Path) -> None:
    incoming = some_photos(4, 3)
    build(folder, incoming, CatalogueConfig())
    gallery = read(folder)
    assert gallery.table["photo"].tolist() == incoming.table["photo"].tolist()
    assert set(gallery.table["status"]) == {"approved"}
    np.testing.assert_array_equal(gallery.vectors(), incoming.vectors)
    np.testing.assert_array_equal(gallery.vectors(np.array([7, 2])), incoming.vectors[[7, 2]])
    assert gallery.animals == ["a0", "a1", "a2", "a3"] and gallery.code.tolist() == [n // 3 for n in range(12)]
    with pytest.raises(CatalogueError, match="is a catalogue already"):
        build(folder, incoming, CatalogueConfig())


def test_an_animal_that_is_added_is_found_at_once(folder: Path, made) -> None:
    made()
    before = read(folder)
    new = some_photos(1, 2, first=4)
    gallery, _ = add(folder, new)
    (found,) = Searcher(gallery).rank([new.vectors[:1]], 5)
    assert gallery.animals[found.animal[0]] == "a4" and found.photos[0] == 2
    assert gallery.table["photo"].iloc[found.row[0]] == "p4_0.jpg" and found.cosine[0] == pytest.approx(1, abs=1e-6)
    assert len(before) == 12 and len(before.vectors()) == 12, "a reader that was there before goes on with what it had"


def test_adding_again_changes_nothing(folder: Path, made) -> None:
    made()
    before = state(folder)
    _, told = add(folder, some_photos(4, 3))
    assert told == ["12 photos are in the catalogue already"]
    assert unchanged(folder, before)


def test_columns_of_later_photos_join(folder: Path, made) -> None:
    made()
    new = some_photos(1, 2, first=4)
    add(folder, replace(new, table=new.table.assign(place="Fundy", status=["", "pending"])))
    table = read(folder).table
    assert table["place"].tolist() == [""] * 12 + ["Fundy"] * 2
    assert table["status"].tolist() == ["approved"] * 13 + ["pending"]


def test_removed_photos_and_animals_are_not_found(folder: Path, made) -> None:
    gallery = made()
    wanted = gallery.vectors(np.array([0]))
    gallery, _ = remove(folder, photos=["p0_0.jpg"], animals=["a2"])
    assert gallery.table["photo"].tolist() == [f"p{n}_{k}.jpg" for n in (0, 1, 3) for k in range(3) if (n, k) != (0, 0)]
    (found,) = Searcher(gallery).rank([wanted], 9)
    assert len(found) == 3 and found.cosine.max() < 0.999
    np.testing.assert_array_equal(gallery.vectors(), read(folder).vectors())
    again, _ = add(folder, some_photos(4, 3))
    assert len(again) == 12, "what was removed may come back"


def test_vectors_leave_the_disk_once_many_were_removed(folder: Path, made) -> None:
    made(10, 4)
    kept = read(folder).vectors(np.arange(20, 40))
    gallery, _ = remove(folder, animals=[f"a{n}" for n in range(5)])
    assert sum(len(segment) for segment in gallery.segments) == 20
    np.testing.assert_array_equal(gallery.vectors(), kept)
    assert sorted(path.name for path in folder.glob("vectors-*")) == [gallery.manifest.segments[0].file]


def test_many_additions_stay_few_files(folder: Path, made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "MOST_SEGMENTS", 3)
    made(10, 2)
    for n in range(9):
        add(folder, some_photos(1, 1, seed=n, first=10 + n))
    gallery = read(folder)
    assert len(gallery) == 29 and len(gallery.segments) <= 3
    assert gallery.manifest.segments[0].file == "vectors-000001.npy", "what makes up most of it was not written again"
    wanted = np.concatenate([some_photos(10, 2).vectors, *(some_photos(1, 1, seed=n, first=10 + n).vectors for n in range(9))])
    np.testing.assert_array_equal(gallery.vectors(), wanted)
    np.testing.assert_array_equal(np.concatenate([block for _, block in gallery.blocks()]), wanted)
    files = {path.name for path in folder.iterdir()}
    assert files == gallery.manifest.files() | {"catalogue.json", "writer.lock"}, "nothing of older generations is left"


def test_merge_and_split(folder: Path, made) -> None:
    made()
    gallery, told = merge(folder, ["a0", "a1"], into="Punctuation")
    assert gallery.animals == ["Punctuation", "a2", "a3"] and told[0] == "Punctuation now has 6 photos"
    gallery, told = split(folder, "Punctuation", ["p1_0.jpg", "p1_2.jpg"], to="a1")
    assert told == ["Punctuation now has 4 photos, a1 2"]
    assert gallery.table["animal"].tolist() == ["Punctuation"] * 3 + ["a1", "Punctuation", "a1"] + ["a2"] * 3 + ["a3"] * 3
    split(folder, "Punctuation", ["p1_1.jpg"], to="a1")  # to an animal that is known
    assert (read(folder).table["animal"] == "a1").sum() == 3


def test_a_merge_can_be_taken_back(folder: Path, made) -> None:
    made()
    before = read(folder).table["animal"].tolist()
    gallery, told = merge(folder, ["a0", "a1"], into="a1")
    assert told == ["a1 now has 6 photos", "if a0 is another animal after all, `split a1 --where was=a0 --to a0`"]
    assert gallery.table["was"].tolist() == ["a0"] * 3 + [""] * 9
    gallery, told = split(folder, "a1", [], "a0", ["was=a0"])
    assert told == ["a1 now has 3 photos, a0 3"] and gallery.table["animal"].tolist() == before
    assert "was" not in gallery.table.columns
    gallery, told = merge(folder, ["a3"], into="a new name")  # nothing is lost by that, so there is nothing to take back
    assert told == ["a new name now has 3 photos"]
    # one after the other, and not in that order back
    merge(folder, ["a0"], into="a1")
    gallery, told = merge(folder, ["a1", "a2"], into="a2")
    assert told == ["a2 now has 9 photos", "if a1 is another animal after all, `split a2 --where 'was=a0|a1' --to a1`"]
    split(folder, "a2", [], "a0", ["was=a0"])
    gallery, _ = split(folder, "a2", [], "a1", ["was=a0|a1"])
    merge(folder, ["a new name"], into="a3")
    assert read(folder).table["animal"].tolist() == before
    merge(folder, ["a1"], into="a2")
    with pytest.raises(CatalogueError, match="no photo of a2 meets was=a3"):
        split(folder, "a2", [], "a9", ["was=a3"])


def test_photos_that_came_with_one_name_are_not_told_apart_by_it(folder: Path, made) -> None:
    made()
    split(folder, "a0", ["p0_0.jpg"], "a1")
    _, told = merge(folder, ["a0", "a1"], into="a1")
    back = "`split a1 --photos p0_1.jpg p0_2.jpg --to a0`"
    assert told[1] == f"if a0 is another animal after all, {back}"
    for number, name in enumerate(("M12..14", "a1|a2")):  # a filter would take them for a range, and for two names
        more = some_photos(1, 2, first=20 + number)
        add(folder, Incoming(more.table.assign(animal=name), more.vectors, more.model))
        told = merge(folder, [name, "a1"], into="a1")[1]
        back = shlex.join(["split", "a1", "--photos", *more.table["photo"], "--to", name])
        assert f"if {name} is another animal after all, `{back}`" in told


def test_photos_that_are_there_are_not_changed_by_adding_them_again(folder: Path, made) -> None:
    made()
    again = some_photos(2, 3)
    before = state(folder)
    table = again.table.assign(place=["Fundy", "", "", "", "", ""], status="unchecked")
    _, told = add(folder, Incoming(table, again.vectors, again.model))
    more = "of 6 photos that are there place, status would change; `set --table` takes what a table says"
    assert told == ["6 photos are in the catalogue already", more]
    assert unchanged(folder, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: remove(f, animals=["a9"]), "no animal 'a9'; `list` shows what there is"),
        (lambda f: remove(f, photos=["p0_9.jpg"]), r"no photo p0_9.jpg; did you mean 'p0_\d.jpg'"),
        (lambda f: remove(f, animals=["a0", "a1", "a2", "a3"]), "would remove every photo"),
        (lambda f: merge(f, ["a0", "nobody"], into="a0"), "no animal 'nobody'"),
        (lambda f: split(f, "a0", ["p1_0.jpg"], to="x"), "p1_0.jpg is not of a0 but of a1"),
        (lambda f: split(f, "a0", ["p0_0.jpg", "p0_1.jpg", "p0_2.jpg"], to="x"), r"all photos of a0; .* `merge a0 --into x`"),
        (lambda f: split(f, "a0", ["p0_0.jpg"], to="a0"), "another animal's name"),
        (lambda f: merge(f, ["a0"], into=" "), "must have a name"),
    ],
)
def test_refused_changes_change_nothing(folder: Path, made, change, message: str) -> None:
    made()
    before = state(folder)
    with pytest.raises(CatalogueError, match=message):
        change(folder)
    assert unchanged(folder, before)


@pytest.mark.parametrize(
    "change", [lambda f: remove(f, ["x"]), lambda f: merge(f, ["a"], "b"), lambda f: split(f, "a", ["x"], "b")]
)
def test_a_mistyped_folder_is_left_as_it_is(tmp_path: Path, change) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("whalse", "photos"):
        with pytest.raises(CatalogueError, match=f"{name}: no catalogue here"):
            change(tmp_path / name)
    assert list(tmp_path.rglob("*")) == [tmp_path / "photos"]


def test_another_models_vectors_are_refused(folder: Path, made) -> None:
    made()
    before = state(folder)
    other = replace(some_photos(1, 1, first=4), model=Model(weights_sha="m2", dims=DIMS))
    with pytest.raises(CatalogueError, match=r"of model m2 .*, the catalogue's of m1 .*; vectors of two models say nothing"):
        add(folder, other)
    assert unchanged(folder, before)


def test_photos_of_nobody(folder: Path) -> None:
    one = some_photos(2, 2)
    with pytest.raises(CatalogueError, match="of none of the 4 photos the animal is known; give --table"):
        build(folder, with_rows(one, animal=""), CatalogueConfig())
    _, told = build(folder, with_rows(one, animal=["a0", "", "a1", ""]), CatalogueConfig())
    assert told == ["2 photos left out: nobody says which animal they show (p0_1.jpg, p1_1.jpg)"] and len(read(folder)) == 2


def test_one_animal_is_a_catalogue(folder: Path) -> None:
    gallery, told = build(folder, some_photos(1, 2), CatalogueConfig())
    assert told == ["the catalogue knows one animal, a0: search gives no probabilities until there are more"]
    (found,) = Searcher(gallery).rank([gallery.vectors()[:1]], 5)
    assert len(found) == 1


def test_a_folder_of_somebody_else_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(CatalogueError, match="is there already and is no catalogue"):
        build(folder, some_photos(2, 2), CatalogueConfig())
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_another_schema_and_damage_are_told(folder: Path, made) -> None:
    with pytest.raises(CatalogueError, match="no catalogue here"):
        read(folder)
    made()
    path = folder / "catalogue.json"
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"schema": 99}))
    with pytest.raises(CatalogueError, match="has schema 99, this code reads 1, 2, 3, 4;"):
        read(folder)
    path.write_text(whole[:50])
    with pytest.raises(CatalogueError, match="catalogue.json: not readable"):
        read(folder)
    path.write_text(whole)
    vectors = next(folder.glob("vectors-*"))
    content = vectors.read_bytes()
    vectors.write_bytes(content[:-100])
    with pytest.raises(CatalogueError, match=f"{vectors.name}: not readable"):
        read(folder)
    vectors.unlink()
    with pytest.raises(CatalogueError, match=f"{vectors.name}: is missing, so the catalogue is damaged"):
        read(folder)


def test_half_a_table_is_not_a_smaller_catalogue(folder: Path, made) -> None:
    made()
    table = next(folder.glob("table-*"))
    lines = table.read_text().splitlines(keepends=True)
    for damaged in ("".join(lines[:-3]), "".join(lines).replace("approved", "unsure", 1)):
        table.write_text(damaged)
        with pytest.raises(CatalogueError, match=f"{table.name}: not as it was written: cut off, or changed by hand"):
            remove(folder, animals=["a0"])
        assert table.read_text() == damaged and len(list(folder.glob("vectors-*"))) == 1  # nothing is made permanent
    table.write_text("".join(lines))
    assert len(read(folder)) == 12
    # a catalogue of before the table's fingerprint was noted
    manifest = json.loads((folder / "catalogue.json").read_text())
    assert manifest.pop("table_sha") == hashlib.sha256(table.read_bytes()).hexdigest()
    (folder / "catalogue.json").write_text(json.dumps(manifest | {"schema": 2}))
    assert len(read(folder)) == 12


def test_what_may_be_no_name_is_told(folder: Path) -> None:
    """It is taken as it is; whoever typed it learns of it."""
    photos = some_photos(5, 2)
    table = photos.table.assign(animal=["Zoë", "Zoë", "unknown", "unknown", "Ann B", "annb", "N/A", "Max", "Max", "Max"])
    _, told = build(folder, type(photos)(table, photos.vectors, photos.model), CatalogueConfig())
    assert [line for line in told if "one animal" in line] == [
        "'N/A' is taken as one animal; where nobody knows who it is, leave the cell empty",
        "'unknown' is taken as one animal; where nobody knows who it is, leave the cell empty",
    ]
    assert "'annb' and 'Ann B' are two animals; if they are one, `merge annb --into 'Ann B'`" in told
    more = some_photos(2, 1, first=50)
    _, told = add(folder, type(more)(more.table.assign(animal=["MAX", "unknown"]), more.vectors, more.model))
    assert told == [
        "1 new animal: MAX",
        "'MAX' and 'Max' are two animals; if they are one, `merge MAX --into Max`",  # of unknown it was told
    ]


def test_advice_can_be_typed(folder: Path) -> None:
    """Names with blanks are quoted, and an animal of one photo can only be merged."""
    photos = some_photos(2, 2)
    names = ["Zoë M", "Zoë M", "one", "two"]
    build(folder, type(photos)(photos.table.assign(animal=names), photos.vectors, photos.model), CatalogueConfig())
    other = type(photos)(photos.table.assign(animal=["x", "Zoë M", "x", "two"]), photos.vectors, photos.model)
    with pytest.raises(CatalogueError) as problem:
        add(folder, other)
    first, second = photos.table["photo"].iloc[[0, 2]]
    assert f"`split 'Zoë M' --photos {first} --to x`" in str(problem.value)
    assert f"{second}: is there as one, here as x; if that is right, `merge one --into x`" in str(problem.value)


def test_new_animals_are_told(folder: Path) -> None:
    def named(name: str, row: int) -> Incoming:
        one = some_photos(1, 9)
        return Incoming(
            one.table[row : row + 1].assign(animal=name).reset_index(drop=True), one.vectors[row : row + 1], one.model
        )

    build(folder, named("Anna", 0), CatalogueConfig())
    assert add(folder, named("Anna", 1))[1] == []
    assert add(folder, named("Ana", 2))[1] == ["1 new animal: Ana; is Ana Anna?"]
    assert add(folder, named("Anna2", 3))[1] == ["1 new animal: Anna2"]  # numbers are all alike
    assert add(folder, named("Punctuation", 4))[1] == ["1 new animal: Punctuation"]
