"""Files that are never half-written: write beside, then rename; and what several processes need is made by one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def write_atomically(path: str | Path, write: Callable[[BinaryIO], None]) -> None:
    """Call `write(stream)` on a temporary file beside `path`, then rename it to `path`.

    A reader sees the old file or the new one, whatever moment the process is killed at.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def refuse_unwritable(path: str | Path) -> None:
    """Raises ValueError if no file can be written to `path`: said before the work whose result it is to hold."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a folder; name a file in it")
    there = next(parent for parent in path.absolute().parents if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"{path}: can't be written, {there} is {'not writable' if there.is_dir() else 'no folder'}")


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 `text` atomically."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")) and None)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused since JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


@contextmanager
def one_maker(folder: str | Path) -> Iterator[None]:
    """Inside, no other process on this machine makes `folder`, nor one beside it: one makes it, the others wait and then find it
    made. The lock is of the folder that it lies in: nothing is left behind, and a process that dies gives it back."""
    home = Path(folder).parent
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder}: another process is making it, or one beside it; waiting")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def null_for_nan(value: Any) -> Any:
    """`value` as JSON can have it: None for NaN and infinite numbers, within dicts, lists and tuples (which become lists) too."""
    if isinstance(value, dict):
        return {key: null_for_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [null_for_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sha256(path: str | Path) -> str:
    """Hex digest of the file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
