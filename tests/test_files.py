"""Files are whole or not there."""

import fcntl
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whichwhale.files import null_for_nan, one_maker, sha256, write_atomically, write_json, write_text


def test_a_write_makes_the_folders_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "whale.txt"
    write_text(path, "nägelå\n")
    assert path.read_bytes() == "nägelå\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "whale.txt"
    write_text(path, "old")
    seen = []

    def write(stream) -> None:
        stream.write(b"new")
        stream.flush()
        seen.append(path.read_text())

    write_atomically(path, write)
    assert seen == ["old"] and path.read_text() == "new"


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "whale.txt"
    write_text(path, "old")

    def fail(stream) -> None:
        stream.write(b"half of i")
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="on fire"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_without_nan(tmp_path: Path) -> None:
    path = tmp_path / "whale.json"
    write_json(path, {"d": 1.5, "whale": None})
    assert json.loads(path.read_text()) == {"d": 1.5, "whale": None}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"d": float("nan")})
    assert json.loads(path.read_text()) == {"d": 1.5, "whale": None}


def test_null_stands_for_what_is_no_number() -> None:
    found = {"d": float("nan"), "by": [1, (2.5, float("inf"))], "name": "nan", "none": None}
    assert null_for_nan(found) == {"d": None, "by": [1, [2.5, None]], "name": "nan", "none": None}


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"whale" * 100_000)
    assert sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256(tmp_path / "large") == hashlib.sha256(b"whale" * 100_000).hexdigest()


def test_one_makes_a_folder_and_the_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder, made, waits, flock = tmp_path / "runs" / "store", [], threading.Event(), fcntl.flock

    def lock(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX:
            waits.set()
        flock(descriptor, how)

    def make() -> None:
        with one_maker(folder):
            if not folder.exists():
                made.append(folder)
                assert waits.wait(60)
                folder.mkdir()

    monkeypatch.setattr(fcntl, "flock", lock)
    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(make) for _ in range(2)]:
            one.result(60)
    assert made == [folder] and [path.name for path in folder.parent.iterdir()] == ["store"]
    assert capsys.readouterr().out.count(f"{folder}: another process is making it") == 1
    with pytest.raises(KeyError), one_maker(folder):  # and who fails gives it back
        raise KeyError
    with one_maker(folder):
        assert capsys.readouterr().out == ""
