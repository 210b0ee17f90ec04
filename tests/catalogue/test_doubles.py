"""One photo under two names, one name for two photos: by name, by bytes, by vectors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import some_photos, state, unchanged, with_rows
from whichwhale.catalogue.config import CatalogueConfig, IndexConfig
from whichwhale.catalogue.doubles import NEAR, _near, pictures_in
from whichwhale.catalogue.editing import add, build
from whichwhale.catalogue.encoding import decode, encode
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import check_vectors
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.search import Searcher


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
