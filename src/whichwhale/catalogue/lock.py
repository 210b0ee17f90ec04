"""One writer at a time: a lock that the kernel takes back from a writer that died.

The lock is `flock` on the file writer.lock, whose text says who holds it. A writer that ends empties the file; one that finds
text in a file that nobody locks knows that the writer before it was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.manifest import MANIFEST, absent

LOCK = "writer.lock"


@contextmanager
def writing(folder: Path, doing: str, new: bool = False) -> Iterator[str | None]:
    """Be the one writer of the catalogue `folder` inside the block; gives what a writer that was killed had been doing, in words,
    or None.

    Args:
        doing: what for, for the message that another writer gets.
        new: there need not be a catalogue yet, nor the folder.

    Raises:
        CatalogueError: there is no catalogue; its folder can't be written to; somebody else is writing, names the process.
    """
    if not new and not (folder / MANIFEST).exists():
        raise absent(folder)
    try:
        if new:
            folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CatalogueError(
                f"{folder}: {_told(os.pread(descriptor, 4096, 0)) or 'another process'} is writing to it; "
                "try again when it has ended"
            ) from None
        died = _told(os.pread(descriptor, 4096, 0))
        about = {
            "process": os.getpid(),
            "machine": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "doing": doing,
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(about).encode(), 0)
        try:
            yield died
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # and with it the lock


def refuse_unwritable(folder: Path) -> None:
    """Raises CatalogueError if the folder, or the one that it would be made in, can't be written to: before hours of work."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        raise _unwritable(folder, "permission denied")


def _unwritable(folder: Path, why: str | None) -> CatalogueError:
    return CatalogueError(
        f"{folder}: can't be written to ({why}), though a catalogue there can be searched; name another folder, or have it made "
        "writable"
    )


def _told(text: bytes) -> str | None:
    """The holder's text in words; None if there is none."""
    if not text:
        return None
    try:
        about = json.loads(text)
        return f"process {about['process']} on {about['machine']} ({about['doing']}, since {about['since']})"
    except (ValueError, KeyError, TypeError):
        return "a process that had not yet said its name"
