"""Adds photos to catalogues in forked children that kill themselves at the n-th thing they do to a file.

    python add_and_die.py CATALOGUE WORK

For n = 1, 2, … a fresh copy of CATALOGUE is made at WORK/<n>, and a child adds animal a9 to it and dies by SIGKILL just before
its n-th change of the file system (opening to write, flushing, renaming, removing, truncating). Prints the first n that a child
outlives.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

from tests.catalogue.made_up import some_photos
from whichwhale.catalogue.editing import add

EVENTS = ("os.rename", "os.remove", "os.truncate", "os.mkdir", "fcntl.flock")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def die_at(number: int) -> None:
    """From now on, the process dies in place of its `number`-th change of a file."""
    seen = 0

    def step() -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, arguments: tuple) -> None:
        if event in EVENTS or (event == "open" and arguments[2] & WRITING):
            step()

    flush = os.fsync

    def fsync(descriptor: int) -> None:
        step()  # the file is there and has its content, under its temporary name
        flush(descriptor)

    os.fsync = fsync
    sys.addaudithook(hook)


def main(catalogue: Path, work: Path) -> None:
    incoming = some_photos(1, 2, first=9)
    for number in range(1, 10_000):
        folder = work / str(number)
        shutil.copytree(catalogue, folder)
        child = os.fork()
        if child == 0:
            die_at(number)
            add(folder, incoming)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert status == 0, status
            print(number)
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
