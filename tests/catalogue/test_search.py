"""Search: exact against cosines written out, the approximate index against exact, filters, removal, additions."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue import approximate
from whichwhale.catalogue.answers import answer
from whichwhale.catalogue.config import CatalogueConfig, IndexConfig, PoolConfig
from whichwhale.catalogue.editing import add, build, remove
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import read
from whichwhale.catalogue.search import Searcher, best_first

MAX = CatalogueConfig(pool=PoolConfig(kind="max"))
SMALL_INDEX = IndexConfig(above=100, fetch=32, pending=0.05, stale=0.5, threads=1)


def by_hand(gallery, vectors: np.ndarray, count: int) -> list[str]:
    nearest: dict[str, float] = {}
    for animal, vector in zip(gallery.table["animal"], gallery.vectors().astype(np.float64), strict=True):
        nearest[animal] = max(nearest.get(animal, -2), float((vectors.astype(np.float64) @ vector).mean()))
    return sorted(nearest, key=lambda animal: -nearest[animal])[:count]


def names(gallery, ranking) -> list[str]:
    return [gallery.animals[place] for place in ranking.animal]


def test_exact_search_is_the_cosines_order(folder: Path, made) -> None:
    gallery = made(30, 4, config=MAX, spread=1.5)
    queries = some_photos(30, 1, seed=7, spread=1.5).vectors
    for query, found in zip(queries, Searcher(gallery).rank([query[None] for query in queries], 10), strict=True):
        assert names(gallery, found) == by_hand(gallery, query[None], 10)
        assert found.animals == 30 and found.photos.tolist() == [4] * 10
        np.testing.assert_allclose(found.score, gallery.vectors(found.row) @ query, rtol=1e-5)


def test_an_encounters_photos_count_together(folder: Path, made) -> None:
    gallery = made(30, 1, config=MAX, spread=1.5)
    query = some_photos(1, 3, seed=7, spread=1.5).vectors
    (found,) = Searcher(gallery).rank([query], 30)
    assert names(gallery, found) == by_hand(gallery, query, 30)


@pytest.mark.parametrize("above", [50_000, 10])
def test_the_pair_that_is_nearest_is_told(folder: Path, made, above: int) -> None:
    """Of an encounter of a photo of a2 and one of a1, each animal's nearest pair; with the approximate index and without."""
    gallery = made(4, 3, config=CatalogueConfig(index=IndexConfig(above=above, fetch=12)))
    query = gallery.vectors(np.array([6, 4]))  # p2_0.jpg, p1_1.jpg
    searcher = Searcher(gallery)
    assert (searcher.index is None) == (above > 12)
    (found,) = searcher.rank([query], 4)
    pairs = {
        gallery.animals[animal]: (int(own), int(row)) for animal, own, row in zip(found.animal, found.own, found.row, strict=True)
    }
    assert pairs["a2"] == (0, 6) and pairs["a1"] == (1, 4)
    np.testing.assert_allclose((query[found.own] * gallery.vectors(found.row)).sum(1), found.cosine, rtol=1e-5)
    (one,) = answer(searcher, ["e"], [["x.jpg", "y.jpg"]], [query], 0.1, 4)
    told = {match.animal: (match.query_photo, match.best_photo) for match in one.matches}
    assert told["a2"] == ("x.jpg", "p2_0.jpg") and told["a1"] == ("y.jpg", "p1_1.jpg")
    with pytest.raises(CatalogueError, match="e: 1 names for 2 photos"):
        answer(searcher, ["e"], [["x.jpg"]], [query], 0.1, 4)


def test_filters_leave_photos_and_animals_out(folder: Path) -> None:
    photos = some_photos(6, 4)
    table = photos.table.assign(side=["left", "right"] * 12, status=["approved"] * 20 + ["pending"] * 4)
    gallery, _ = build(folder, type(photos)(table, photos.vectors, photos.model), MAX)
    (found,) = Searcher(gallery, ["side=left", "status=approved"]).rank([photos.vectors[1:2]], 9)
    assert len(found) == found.animals == 5 and found.photos.tolist() == [2] * 5
    assert set(gallery.table["side"].iloc[found.row]) == {"left"} and found.cosine.max() < 0.999
    with pytest.raises(CatalogueError, match="no photo meets side=top; `list` shows"):
        Searcher(gallery, ["side=top"])


def test_the_index_finds_what_exact_search_finds(folder: Path) -> None:
    config = CatalogueConfig(index=SMALL_INDEX, pool=PoolConfig(kind="max"))
    gallery, _ = build(folder, some_photos(200, 3, spread=0.8), config)
    queries = [query[None] for query in some_photos(200, 1, seed=7, spread=0.8).vectors]
    near, exact = Searcher(gallery), Searcher(gallery, exact=True)
    assert near.index is not None and exact.index is None
    found, wanted = near.rank(queries, 5), exact.rank(queries, 5)
    shared = sum(len(set(one.animal) & set(other.animal)) for one, other in zip(found, wanted, strict=True))
    assert shared >= 0.99 * 5 * len(queries)
    for one, other in zip(found, wanted, strict=True):
        same = one.animal == other.animal
        np.testing.assert_allclose(one.score[same], other.score[same], rtol=1e-5)
        assert one.animals == other.animals == 200
    everyone = near.rank(queries[:1], 200)[0]
    assert sorted(everyone.animal) == list(range(200)), "more animals than the index proposes are found exactly"


def test_codes_find_what_exact_search_finds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index of large catalogues: cells and codes; then photos are added to it, and others taken from the catalogue."""
    monkeypatch.setattr(approximate, "CODED", 1000)
    index = IndexConfig(above=100, cell=100, probe=0.7, fetch=32, pending=0.05, stale=0.5, threads=1)
    photos = some_photos(400, 3, spread=0.8)
    gallery, _ = build(folder, photos, CatalogueConfig(index=index, pool=PoolConfig(kind="max")))
    queries = [query[None] for query in some_photos(400, 1, seed=7, spread=0.8).vectors]

    def shared() -> float:
        near, exact = Searcher(read(folder)), Searcher(read(folder), exact=True)
        assert near.index is not None and len(near.index.outside) == 0
        both = zip(near.rank(queries, 5), exact.rank(queries, 5), strict=True)
        return sum(len(set(one.animal) & set(other.animal)) for one, other in both) / (5 * len(queries))

    assert shared() > 0.97
    searcher = Searcher(gallery)
    assert searcher.index is not None
    one_of_twelve = index.model_copy(update={"probe": 0.05})
    searcher.index = replace(searcher.index, config=one_of_twelve)  # much is missed, so that the cells are there
    few = searcher.rank(queries, 5)
    exact = Searcher(gallery, exact=True).rank(queries, 5)
    assert np.mean([len(set(one.animal) & set(other.animal)) / 5 for one, other in zip(few, exact, strict=True)]) < 0.9
    add(folder, some_photos(40, 3, first=400, spread=0.8))
    gallery, _ = remove(folder, animals=[f"a{n}" for n in range(30)])
    held = gallery.manifest.index
    assert held is not None and held.made == 1200 and held.rows == 1320 and shared() > 0.97
    gallery, _ = add(folder, some_photos(300, 3, first=500, spread=0.8))
    assert gallery.manifest.index is not None and gallery.manifest.index.made == len(gallery) == 2130  # stale: made anew
    assert shared() > 0.97


@given(seed=st.integers(0, 1000), dims=st.integers(1, 9), energy=st.floats(0.1, 1))
def test_directions_hold_the_energy(seed: int, dims: int, energy: float) -> None:
    vectors = np.random.default_rng(seed).normal(size=(40, dims)).astype(np.float32) * np.arange(1, dims + 1)
    found = approximate.directions(vectors.astype(np.float32), energy)
    assert len(found) % 2 == 0 and len(found) <= dims + 1
    held = (vectors @ found.T) ** 2
    assert held.sum() >= (energy - 1e-4) * (vectors**2).sum()
    # orthonormal but for the row of zeros that an odd number of dimensions gets
    values = np.linalg.eigvalsh((found @ found.T).astype(np.float64))
    assert np.allclose(values[1:], 1, atol=1e-5) and min(abs(values[0]), abs(values[0] - 1)) < 1e-5
    if len(found) > 2:
        less = np.sort(np.linalg.eigvalsh(vectors.T.astype(np.float64) @ vectors))[::-1]
        assert less[: len(found) - 2].sum() < (energy + 1e-4) * less.sum(), "two fewer would not hold it"


def test_what_a_filter_leaves_little_of_is_searched_exactly(folder: Path) -> None:
    """The index knows nothing of filters, and would propose photos that they leave out."""
    photos = some_photos(400, 3)
    photos.table["place"] = np.where(np.arange(1200) % 4 == 0, "here", "there")  # 300 photos, above the size for an index
    index = IndexConfig(above=100, cell=100, threads=1)
    gallery, _ = build(folder, photos, CatalogueConfig(index=index, pool=PoolConfig(kind="max")))
    queries = [vector[None] for vector in photos.vectors[::7]]
    few, many = Searcher(gallery, ["place=here"]), Searcher(gallery, ["place=there"])
    assert few.index is None and many.index is not None and Searcher(gallery).index is not None
    exact = Searcher(gallery, ["place=here"], exact=True)
    for one, other in zip(few.rank(queries, 10), exact.rank(queries, 10), strict=True):
        assert one.animal.tolist() == other.animal.tolist()


def test_a_catalogue_with_an_index_of_before_is_read(folder: Path) -> None:
    """Schema 3: another kind of index, with other keys. Search is exact until the next writer makes one."""
    gallery, _ = build(folder, some_photos(100, 2), CatalogueConfig(index=IndexConfig(above=100)))
    path = folder / "catalogue.json"
    values = json.loads(path.read_text()) | {"schema": 3}
    values["config"]["index"] = {"above": 100, "storage": "int8", "connectivity": 24, "fetch": 128}
    values["index"] = {"file": "index-000001.usearch", "keys": values["index"]["keys"], "rows": 200}
    path.write_text(json.dumps(values))
    (folder / "index-000001.usearch").write_bytes(b"graph")
    searcher = Searcher(read(folder))
    assert searcher.index is None and searcher.gallery.manifest.config.index == IndexConfig(above=100)
    (found,) = searcher.rank([some_photos(1, 1, first=50, seed=3).vectors], 1)
    assert names(gallery, found) == ["a50"]
    add(folder, some_photos(1, 1, first=200))
    assert not (folder / "index-000001.usearch").exists()
    assert json.loads(path.read_text())["schema"] == 4 and Searcher(read(folder)).index is not None


@pytest.mark.parametrize("pool", [PoolConfig(kind="max"), PoolConfig(), PoolConfig(kind="mean_top_k", k=2, encounter="max")])
@pytest.mark.parametrize("together", [1, 2])
def test_few_animals_are_scored_exactly(folder: Path, pool: PoolConfig, together: int) -> None:
    """Those that look best by what was proposed: nearly always the best ones; and their scores are exact."""
    index = IndexConfig(above=100, fetch=64, scored=8)
    gallery, _ = build(folder, some_photos(200, 3, spread=0.8), CatalogueConfig(index=index, pool=pool))
    vectors = some_photos(200, together, seed=7, spread=0.8).vectors
    queries = [vectors[at : at + together] for at in range(0, len(vectors), together)]
    found, wanted = Searcher(gallery).rank(queries, 3), Searcher(gallery, exact=True).rank(queries, 3)
    shared = sum(len(set(one.animal) & set(other.animal)) for one, other in zip(found, wanted, strict=True))
    assert shared >= 0.97 * 3 * len(queries)
    for one, other in zip(found, wanted, strict=True):
        same = one.animal == other.animal
        np.testing.assert_allclose(one.score[same], other.score[same], rtol=1e-5)


def test_the_index_keeps_up(folder: Path) -> None:
    """Few changes: it stays and is worked around. More: it is brought up to date. Most: it is made anew."""
    gallery, _ = build(folder, some_photos(100, 2), CatalogueConfig(index=SMALL_INDEX))
    first = gallery.manifest.index
    assert first is not None and first.rows == 200

    gallery, _ = add(folder, some_photos(3, 1, first=200))
    assert gallery.manifest.index == first
    searcher = Searcher(read(folder))
    (found,) = searcher.rank([some_photos(1, 1, first=201, seed=3).vectors], 1)
    assert names(searcher.gallery, found) == ["a201"], "found before the index knows it"
    assert searcher.index is not None and len(searcher.index.outside) == 3

    gallery, _ = remove(folder, animals=["a0"])
    assert gallery.manifest.index == first
    (found,) = Searcher(gallery).rank([some_photos(1, 1).vectors], 3)
    assert "a0" not in names(gallery, found), "not found although the index still knows it"

    gallery, _ = add(folder, some_photos(20, 1, first=300))
    second = gallery.manifest.index
    assert second is not None and second != first and second.rows == 223 and second.made == 200 and len(gallery) == 221
    assert not (folder / first.file).exists()
    searcher = Searcher(gallery)
    assert searcher.index is not None and len(searcher.index.outside) == 0
    assert len(searcher.index.row) == 223 and sorted(searcher.index.row) == [-1, -1, *range(221)]
    for wanted in (
        some_photos(1, 1, first=201, seed=3),
        some_photos(1, 1, first=310, seed=3),
        some_photos(1, 1, first=50, seed=3),
    ):
        (found,) = searcher.rank([wanted.vectors], 1)
        assert names(gallery, found) == [wanted.table["animal"].iloc[0]]

    gallery, _ = remove(folder, animals=[f"a{n}" for n in range(1, 80)])
    third = gallery.manifest.index
    assert third is None and len(gallery) == 63, "below the size for one there is none"


def test_a_damaged_index_costs_time_only(folder: Path) -> None:
    gallery, _ = build(folder, some_photos(100, 2), CatalogueConfig(index=SMALL_INDEX))
    (folder / gallery.manifest.index.file).write_bytes(b"no index")
    searcher = Searcher(read(folder))
    assert searcher.index is None
    (found,) = searcher.rank([some_photos(1, 1, first=50, seed=3).vectors], 1)
    assert names(gallery, found) == ["a50"]
    add(folder, some_photos(30, 1, first=200))
    assert Searcher(read(folder)).index is not None, "and the next writer mends it"


def test_an_open_index_outlives_its_file(folder: Path) -> None:
    """A writer deletes what a reader has open; and what is open elsewhere in the process stays so."""
    gallery, _ = build(folder, some_photos(100, 2), CatalogueConfig(index=SMALL_INDEX))
    path = folder / gallery.manifest.index.file
    searcher, query = Searcher(read(folder)), some_photos(1, 1, first=50, seed=3).vectors
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    path.unlink()
    assert names(gallery, searcher.rank([query], 1)[0]) == ["a50"] and searcher.index is not None
    assert Searcher(read(folder)).index is None
    if before:
        assert set(os.listdir("/proc/self/fd")) >= before - {max(before, key=int)}  # that of the listing itself


@pytest.mark.parametrize("damage", ["cut", "gone", "empty", "another's"])
def test_damaged_keys_of_an_index_cost_time_only(folder: Path, damage: str) -> None:
    gallery, _ = build(folder, some_photos(100, 2), CatalogueConfig(index=SMALL_INDEX))
    path = folder / gallery.manifest.index.keys
    if damage == "gone":
        path.unlink()
    elif damage == "another's":
        np.save(path, np.arange(7))
    else:
        path.write_bytes(path.read_bytes()[: 90 if damage == "cut" else 0])
    searcher = Searcher(read(folder))
    assert searcher.index is None
    (found,) = searcher.rank([some_photos(1, 1, first=50, seed=3).vectors], 1)
    assert names(gallery, found) == ["a50"]
    add(folder, some_photos(1, 1, first=200))
    mended = Searcher(read(folder))
    assert mended.index is not None and len(mended.index.outside) == 0, "the next writer makes it anew"


def test_vectors_of_another_shape_are_refused(folder: Path, made) -> None:
    with pytest.raises(CatalogueError, match=r"query 0: vectors of shape \(1, 5\), not \[photos, 16\]"):
        Searcher(made()).rank([np.ones((1, 5), np.float32)], 1)


def test_best_first() -> None:
    scores = np.array([1.0, 3.0, 3.0, -np.inf, 2.0, 3.0])
    assert best_first(scores, 2).tolist() == [1, 2]
    assert best_first(scores, 99).tolist() == [1, 2, 5, 4, 0]
    assert best_first(np.array([-np.inf]), 3).tolist() == []
