"""Fits that run side by side, each a command that writes to a log of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

Run = Callable[[Path, Sequence[str]], int]  # a log and a command, to its exit code
Job = TypeVar("Job")


class Commands:
    """Runs commands, one thread each if several run side by side, and ends those that run when it is told to stop."""

    def __init__(self, jobs: int) -> None:
        self.environment = os.environ | ({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} if jobs > 1 else {})
        self.running: set[subprocess.Popen] = set()
        self.stopped = False

    def __call__(self, log: Path, command: Sequence[str]) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as told:
            process = subprocess.Popen(command, stdout=told, stderr=told, env=self.environment, start_new_session=True)
        self.running.add(process)
        if self.stopped:
            process.terminate()
        try:
            return process.wait()
        finally:
            self.running.discard(process)

    def stop(self) -> None:
        """End what runs, and what is still started."""
        self.stopped = True
        for process in list(self.running):
            process.terminate()


def side_by_side(
    parts: Sequence[Sequence[Job]], make: Callable[[Job], str], jobs: int, commands: Commands
) -> Iterator[tuple[Job, str]]:
    """Make the jobs of each part, at most `jobs` at a time, and begin the next part when all are made.

    Gives each with what `make` returned, in the order in which they end. If one leaves (or SIGTERM comes), the commands end and
    nothing more begins.
    """
    with ThreadPoolExecutor(jobs) as pool:
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            for part in parts:
                futures = {pool.submit(make, job): job for job in part}
                while futures:
                    done, _ = wait(futures, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield futures.pop(future), future.result()
        except BaseException:
            commands.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            signal.signal(signal.SIGTERM, before)


def last_words(log: Path) -> str:
    """The last line of a log, for the message about a command that failed."""
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    return said[-1].strip() if said else "empty"
