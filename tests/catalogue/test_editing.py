"""Build, add, remove, merge, split: what is in the catalogue afterwards, and what is refused without a change."""

import hashlib
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import DIMS, some_photos
from whichwhale.catalogue import generations
from whichwhale.catalogue.config import CatalogueConfig, IndexConfig
from whichwhale.catalogue.doubles import NEAR, _near, pictures_in
from whichwhale.catalogue.editing import add, build, merge, remove, split
from whichwhale.catalogue.encoding import decode, encode
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import check_vectors, read
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.search import Searcher


def state(folder: Path) -> tuple[pd.DataFrame, np.ndarray, str]:
    gallery = read(folder)
    return gallery.table, gallery.vectors(), (folder / "catalogue.json").read_text()


def unchanged(folder: Path, before: tuple) -> bool:
    table, vectors, manifest = state(folder)
    return table.equals(before[0]) and np.array_equal(vectors, before[1]) and manifest == before[2]


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


def with_rows(incoming: Incoming, **columns) -> Incoming:
    return replace(incoming, table=incoming.table.assign(**columns))


def test_another_models_vectors_are_refused(folder: Path, made) -> None:
    made()
    before = state(folder)
    other = replace(some_photos(1, 1, first=4), model=Model(weights_sha="m2", dims=DIMS))
    with pytest.raises(CatalogueError, match=r"of model m2 .*, the catalogue's of m1 .*; vectors of two models say nothing"):
        add(folder, other)
    assert unchanged(folder, before)


def test_one_picture_under_two_names(folder: Path, made) -> None:
    made()
    before = state(folder)
    twice = some_photos(1, 1)  # p0_0.jpg of a0
    renamed = with_rows(twice, photo="copy.jpg")
    _, told = add(folder, renamed)
    assert told == ["copy.jpg is p0_0.jpg again (a0) and is left out"] and unchanged(folder, before)
    with pytest.raises(
        CatalogueError, match=r"copy.jpg \(a1\) is the same picture as p0_0.jpg \(a0\); .*`merge`.*--keep-doubles"
    ):
        add(folder, with_rows(twice, photo="copy.jpg", animal="a1"))
    assert unchanged(folder, before)
    gallery, _ = add(folder, with_rows(twice, photo="copy.jpg", animal="a1"), keep_doubles=True)
    assert len(gallery) == 13


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_with_an_index_the_same_picture_is_found_among_few_vectors(tmp_path: Path, storage: str) -> None:
    photos, late = some_photos(60, 2, dims=64), some_photos(3, 2, seed=9, dims=64)
    config = CatalogueConfig(storage=storage, index=IndexConfig(above=50, fetch=32, pending=0.5, threads=1))
    gallery, _ = build(tmp_path / "w", photos, config)
    assert Searcher(gallery, exact=True).nearest_rows(photos.vectors) is None
    late = replace(late, table=late.table.assign(photo="late/" + late.table["photo"]))  # the index doesn't hold them yet
    gallery, _ = add(tmp_path / "w", late)
    searcher = Searcher(gallery)
    assert searcher.index is not None and len(searcher.index.outside) == 6
    for asked, rows in ((photos, range(120)), (late, range(120, 126)), (some_photos(9, 2, seed=5, dims=64), [-1] * 18)):
        among = searcher.nearest_rows(asked.vectors)
        assert max(len(one) for one in among) < 60
        renamed = replace(asked, table=asked.table.assign(photo="new/" + asked.table["photo"]))
        assert pictures_in(gallery, renamed, among).tolist() == list(rows)


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_a_vector_computed_twice_is_the_same_picture(tmp_path: Path, storage: str) -> None:
    """Embedded alone and in a batch, a photo's vectors differ in their last digits; another photo's are far off."""
    photos = some_photos(20, 2, dims=64)
    gallery, _ = build(tmp_path / "w", photos, CatalogueConfig(storage=storage))
    rng = np.random.default_rng(1)
    again = photos.vectors + rng.uniform(-1e-7, 1e-7, photos.vectors.shape).astype(np.float32)
    renamed = replace(photos, table=photos.table.assign(photo="new/" + photos.table["photo"]), vectors=again)
    assert pictures_in(gallery, renamed).tolist() == list(range(40))
    assert (pictures_in(gallery, some_photos(20, 2, seed=5, dims=64)) == -1).all()
    _, told = add(tmp_path / "w", renamed)
    assert told[0] == "new/p0_0.jpg is p0_0.jpg again (a0) and is left out" and len(told) == 40
    with pytest.raises(CatalogueError, match=r"new/p0_0.jpg \(b\) is the same picture as p0_0.jpg \(a0\)"):
        add(tmp_path / "w", replace(renamed, table=renamed.table.assign(animal="b")))


def test_one_picture_twice_among_the_new_ones(folder: Path) -> None:
    one = some_photos(2, 2)
    vectors = one.vectors.copy()
    vectors[3] = vectors[0]
    with pytest.raises(CatalogueError, match=r"nothing was written:\s+p1_1.jpg \(a1\) is the same picture as p0_0.jpg \(a0\)"):
        build(folder, replace(one, vectors=vectors), CatalogueConfig())
    build(folder, one, CatalogueConfig())  # and the name is free


def test_one_file_under_two_names_by_its_bytes(folder: Path) -> None:
    one = with_rows(some_photos(2, 2), photo_sha=["x", "y", "x", "z"])  # vectors differ in the last digits, say
    with pytest.raises(CatalogueError, match=r"p1_0.jpg \(a1\) is the same picture as p0_0.jpg \(a0\)"):
        build(folder, one, CatalogueConfig())


def test_one_name_for_two_photos(folder: Path, made) -> None:
    made()
    before = state(folder)
    other = with_rows(some_photos(1, 1, seed=5, first=4), photo="p0_0.jpg")
    with pytest.raises(CatalogueError, match=r"p0_0.jpg: this name is another photo's there \(of a0\)"):
        add(folder, other)
    with pytest.raises(
        CatalogueError, match=r"p0_0.jpg: is there as a0, here as a1; if that is right, `split a0 --photos p0_0.jpg --to a1`"
    ):
        add(folder, with_rows(some_photos(1, 1), animal="a1"))
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


@pytest.mark.parametrize(("storage", "dims"), [("float32", 1), ("float32", 5), ("float16", 40), ("int8", 40), ("int8", 600)])
def test_near_vectors_are_those_that_all_pairs_show(storage: str, dims: int) -> None:
    rng = np.random.default_rng(dims)
    vectors = rng.normal(size=(60, dims))
    vectors[40:] = vectors[rng.integers(0, 40, 20)] + rng.normal(size=(20, dims)) * rng.choice([0, 1e-6, 1e-3, 0.05], (20, 1))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    stored = decode(encode(vectors, storage))
    apart = np.linalg.norm(stored[:, None] - stored[None], axis=2)
    near = np.tril(apart <= NEAR[storage], -1)
    wanted = {int(row): int(near[row].argmax()) for row in np.flatnonzero(near.any(axis=1))}
    assert len(wanted) > 3 and _near(vectors, None, storage) == wanted


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_smaller_storage(folder: Path, storage: str) -> None:
    incoming = some_photos(20, 3)
    gallery, _ = build(folder, incoming, CatalogueConfig(storage=storage))
    assert gallery.segments[0].dtype == storage
    vectors = gallery.vectors()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=2e-3)
    assert np.abs(vectors - incoming.vectors).max() < (1e-3 if storage == "float16" else 6e-3)
    _, told = add(folder, with_rows(some_photos(1, 1), photo="copy.jpg"))
    assert told == ["copy.jpg is p0_0.jpg again (a0) and is left out"]


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_adding_again_changes_nothing_however_it_is_stored(folder: Path, storage: str) -> None:
    """Of vectors whose many small components int8 drops: the stored one is far from the one that comes again."""
    rng = np.random.default_rng(0)
    vectors = rng.uniform(0, 0.0039, (8, 1280))  # times 127: below a half
    vectors[np.arange(8), np.arange(8)] = 1
    table = pd.DataFrame({"photo": [f"{n}.jpg" for n in range(8)], "animal": [f"a{n}" for n in range(8)]}, dtype="str")
    photos = Incoming(table, check_vectors(vectors, table["photo"].tolist(), "test"), Model(weights_sha="m1", dims=1280))
    gallery, _ = build(folder, photos, CatalogueConfig(storage=storage))
    if storage == "int8":
        assert np.einsum("nd,nd->n", gallery.vectors(), photos.vectors).max() < 0.999
    before = state(folder)
    noise = replace(photos, vectors=photos.vectors * (1 + 1e-6 * rng.normal(size=photos.vectors.shape)).astype(np.float32))
    for again in (photos, noise):
        _, told = add(folder, again)
        assert told == ["8 photos are in the catalogue already"] and unchanged(folder, before)
    with pytest.raises(CatalogueError, match=r"0.jpg: this name is another photo's there \(of a0\)"):
        add(folder, replace(photos, vectors=photos.vectors[::-1]))


def test_a_files_bytes_say_that_it_is_the_same_photo(folder: Path) -> None:
    photos = with_rows(some_photos(2, 2), photo_sha=["x", "y", "z", ""])
    build(folder, photos, CatalogueConfig())
    before = state(folder)
    moved = check_vectors(photos.vectors + 0.05, photos.table["photo"].tolist(), "test")  # computed by another version, say
    moved[3] = photos.vectors[3]
    _, told = add(folder, replace(photos, vectors=moved))
    assert told == ["4 photos are in the catalogue already"] and unchanged(folder, before)
    with pytest.raises(CatalogueError, match=r"p0_0.jpg: this name is another photo's there"):
        add(folder, with_rows(replace(photos, vectors=moved), photo_sha=["w", "y", "z", ""]))


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


def test_a_later_card_of_the_camera_may_have_the_same_names(folder: Path) -> None:
    """Cameras number photos anew: the second IMG_1.jpg goes in under its folder's name too, and is known by it again."""
    photos = some_photos(4, 2)

    def card(name: str, rows: list[int]) -> Incoming:
        table = photos.table.iloc[rows].reset_index(drop=True)
        names = [f"IMG_{n}.jpg" for n in range(len(rows))]
        paths = [f"/whales/{name}/{one}" for one in names]
        table = table.assign(photo=pd.Series(names, dtype="str"), path=pd.Series(paths, dtype="str"))
        return Incoming(table, photos.vectors[rows], photos.model)

    build(folder, card("one", [0, 2]), CatalogueConfig())
    gallery, told = add(folder, card("two", [4, 6]))
    assert told[0] == "IMG_0.jpg is another photo's name there: this one is called two/IMG_0.jpg"
    assert gallery.table["photo"].tolist() == ["IMG_0.jpg", "IMG_1.jpg", "two/IMG_0.jpg", "two/IMG_1.jpg"]
    assert gallery.table["animal"].tolist() == ["a0", "a1", "a2", "a3"]
    before = state(folder)
    assert add(folder, card("two", [4, 6]))[1] == ["2 photos are in the catalogue already"] and unchanged(folder, before)
    # a third card in a folder of that name
    third = card("two", [5])
    third.table["path"] = "/seals/two/IMG_0.jpg"
    gallery, told = add(folder, third)
    assert gallery.table["photo"].iloc[-1] == "seals/two/IMG_0.jpg" and len(gallery) == 5
    # nobody says where the file lies: the name stays, and is refused
    with pytest.raises(CatalogueError, match="IMG_0.jpg: this name is another photo's there .of a0."):
        add(folder, Incoming(third.table.drop(columns="path"), third.vectors, third.model))


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
