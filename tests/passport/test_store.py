"""The store's files: what is written is read back, and what does not fit together is refused."""

import json
import os
import platform
from pathlib import Path

import numpy as np
import pytest

from whichwhale.passport.store import COLUMNS, MATRIX, SCHEMA, Store, StoreError, open_store, write_store

PLANE = np.array([[8.0, 0.0, 5.5], [0.0, 8.0, 3.5]])


def row(item: str, status: str = "ok", **more: object) -> dict:
    numbers = dict(zip(MATRIX, np.random.default_rng(0).normal(size=6).tolist(), strict=True))
    return {"item": item, **numbers, "sampling": 1 / 3, "sd": 0.1, "outside": 0.0, "status": status} | more


def write(
    folder: Path, items: tuple[str, ...] = ("a.jpg#0", "a.jpg#1", "b.jpg#0"), count: int | None = None, key: str = "key"
) -> Store:
    pictures = np.random.default_rng(1).integers(0, 256, (len(items), 8, 12, 3)).astype(np.uint8)
    passports = ((None if n == 1 else picture, row(item)) for n, (item, picture) in enumerate(zip(items, pictures, strict=True)))
    return write_store(
        folder, key=key, kind="points", plane_to_store=PLANE, size=(12, 8), count=count or len(items), passports=passports
    )


def test_round_trip(tmp_path) -> None:
    write(tmp_path / "store")
    store = open_store(tmp_path / "store", "key")
    pictures = np.random.default_rng(1).integers(0, 256, (3, 8, 12, 3)).astype(np.uint8)
    np.testing.assert_array_equal(store.images[[0, 2]], pictures[[0, 2]])
    assert not store.images[1].any()  # an unreadable one is black
    assert isinstance(store.images, np.memmap) and not store.images.flags.writeable
    assert list(store.index.columns) == COLUMNS and store.index["item"].tolist() == ["a.jpg#0", "a.jpg#1", "b.jpg#0"]
    assert store.index.loc[0].to_dict() == row("a.jpg#0")  # floats to the same bits
    np.testing.assert_array_equal(store.plane_to_store, PLANE)
    assert store.rows(["b.jpg#0", "a.jpg#0"]).tolist() == [2, 0]
    with pytest.raises(StoreError, match=r"1 items have no passport, the first are \['c.jpg#0'\]"):
        store.rows(["a.jpg#0", "c.jpg#0"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_stale_store_cannot_be_read(tmp_path) -> None:
    write(tmp_path / "store")
    with pytest.raises(StoreError, match="stale"):
        open_store(tmp_path / "store", "another key")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def change(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda store: (store / "store.json").unlink(), "make it first"),
        (lambda store: cut(store / "store.json"), "store.json is damaged"),
        (lambda store: (store / "store.json").write_text(json.dumps({"schema": SCHEMA})), "store.json is damaged"),
        (lambda store: change(store / "store.json", f'"schema": {SCHEMA}', '"schema": 99'), "schema 99"),
        (lambda store: (store / "store.npy").unlink(), "missing or cut off"),
        (lambda store: cut(store / "store.npy"), "missing or cut off"),
        (lambda store: (store / "index.csv").unlink(), "missing or cut off"),
        (lambda store: change(store / "index.csv", "b.jpg#0", "a.jpg#0"), "do not belong together"),
        (lambda store: change(store / "index.csv", "sampling", "ratio"), "do not belong together"),
        (lambda store: np.save(store / "store.npy", np.zeros((2, 8, 12, 3), np.uint8)), "do not belong together"),
        (lambda store: np.save(store / "store.npy", np.zeros((3, 8, 12, 3), np.float32)), "do not belong together"),
        (lambda store: np.save(store / "store.npy", np.zeros((3, 8, 12), np.uint8)), "do not belong together"),
    ],
)
def test_a_damaged_store_is_refused_and_the_folder_named(tmp_path, damage, why) -> None:
    write(tmp_path / "store")
    damage(tmp_path / "store")
    with pytest.raises(StoreError, match=why) as refusal:
        open_store(tmp_path / "store", "key")
    assert str(refusal.value).startswith(f"{tmp_path / 'store'}: ")


def test_a_failed_write_leaves_the_old_store(tmp_path) -> None:
    write(tmp_path / "store")
    with pytest.raises(StoreError, match="4 passports were announced, 3 came"):
        write(tmp_path / "store", count=4, key="new")
    assert open_store(tmp_path / "store", "key")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert write(tmp_path / "store", ("z.jpg#0",), key="new").index["item"].tolist() == ["z.jpg#0"]
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_of_something_else_is_not_deleted(tmp_path) -> None:
    (tmp_path / "imgs").mkdir()
    (tmp_path / "imgs" / "w_1.jpg").touch()
    with pytest.raises(StoreError, match="no passport store; name another folder"):
        write(tmp_path / "imgs")
    assert (tmp_path / "imgs" / "w_1.jpg").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="whether a process lives is seen in /proc")
def test_leftovers_of_the_dead_are_cleared_and_the_work_of_the_living_is_not(tmp_path) -> None:
    dead, living = 2**22 + 1, os.getppid()  # Linux has no process id above 2**22
    names = [f".store.{platform.node()}.{process}.part" for process in (dead, living)]
    others = [f".store.elsewhere.{dead}.part", f".story.{platform.node()}.{dead}.part"]
    for name in (*names, *others):
        (tmp_path / name).mkdir()
    write(tmp_path / "store")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([names[1], *others, "store"])
