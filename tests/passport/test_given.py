"""A store of crops that are aligned already."""

import fcntl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from whichwhale.passport import given
from whichwhale.passport.given import given_store
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import MATRIX, Store


def test_crops_are_taken_as_they_are_and_made_once(tmp_path, monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.new("RGB", (32, 32), (10, 20, 30)).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no")
    view = PlaneView(width=16, height=16)
    photos = {f"{name}#0": tmp_path / name for name in ("a.png", "b.png", "c.png", "d.png")}
    store = given_store(tmp_path / "store", photos, view)
    np.testing.assert_array_equal(store.images[0], pixels)
    assert (store.images[1] == (10, 20, 30)).all() and not store.images[2:].any()
    assert store.index["status"].tolist() == ["ok", "ok", "unreadable", "unreadable"]
    np.testing.assert_array_equal(store.index.loc[0, MATRIX].to_numpy(float).reshape(2, 3), [[1, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(store.index.loc[1, MATRIX].to_numpy(float).reshape(2, 3), [[0.5, 0, -0.25], [0, 0.5, -0.25]])
    np.testing.assert_allclose(store.plane_to_store, view.matrix())

    monkeypatch.setattr(given, "decode", lambda path: pytest.fail("read again"))
    assert given_store(tmp_path / "store", photos, view).key == store.key
    monkeypatch.undo()
    assert given_store(tmp_path / "store", photos, PlaneView(width=16, height=16, field=(2, 2))).key != store.key


def test_a_store_of_the_same_crops_is_used_where_it_lies(tmp_path, capsys: pytest.CaptureFixture) -> None:
    Image.new("RGB", (16, 16), (10, 20, 30)).save(tmp_path / "a.png")
    photos, view = {"a.png#0": tmp_path / "a.png"}, PlaneView(width=16, height=16)
    first = given_store(tmp_path / "first", photos, view)
    shared = given_store(tmp_path / "second", photos, view, [tmp_path / "none", first.folder])
    assert shared.folder == first.folder and shared.key == first.key
    assert not (tmp_path / "second").exists() and "used from there" in capsys.readouterr().out
    Image.new("RGB", (16, 16), (11, 20, 30)).save(tmp_path / "a.png")  # other photos: a store of its own
    own = given_store(tmp_path / "second", photos, view, [first.folder])
    assert own.folder == tmp_path / "second" and own.images[0, 0, 0, 0] == 11
    assert (first.images[0, 0, 0] == (10, 20, 30)).all()


def test_of_several_that_need_a_store_one_makes_it(tmp_path, monkeypatch) -> None:
    for k in range(4):
        Image.new("RGB", (16, 16), (10, 20, k)).save(tmp_path / f"{k}.png")
    photos, view = {f"{k}.png#0": tmp_path / f"{k}.png" for k in range(4)}, PlaneView(width=16, height=16)
    written, waiting = [], threading.Semaphore(0)
    write, flock = given.write_store, fcntl.flock

    def write_store(folder: Path, **about: object) -> Store:
        written.append(folder)
        for _ in range(3):
            assert waiting.acquire(timeout=60)  # the others wait by then
        return write(folder, **about)

    def lock(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            waiting.release()
        flock(descriptor, how)

    monkeypatch.setattr(given, "write_store", write_store)
    monkeypatch.setattr(fcntl, "flock", lock)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(given_store, tmp_path / "store", photos, view) for _ in range(4)]
        stores = [one.result(60) for one in asked]
    assert written == [tmp_path / "store"]
    assert all((store.images == stores[0].images).all() and len(store.images) == 4 for store in stores)
