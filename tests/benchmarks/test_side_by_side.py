"""Jobs side by side: parts one after the other, faults told, and an end to what runs."""

import signal
import sys
from pathlib import Path

import pytest
from side_by_side import Commands, last_words, side_by_side


def test_a_part_begins_when_the_one_before_is_made() -> None:
    begun: list[int] = []

    def make(job: int) -> str:
        begun.append(job)
        return "broken" if job == 2 else ""

    told = list(side_by_side([[1, 2], [], [3]], make, 2, Commands(2)))
    assert sorted(told[:2]) == [(1, ""), (2, "broken")] and told[2] == (3, "")
    assert sorted(begun[:2]) == [1, 2] and begun[2] == 3


def test_when_one_leaves_nothing_more_begins_and_the_signal_is_given_back() -> None:
    begun, commands, before = [], Commands(1), signal.getsignal(signal.SIGTERM)
    jobs = side_by_side([[1], [2]], lambda job: begun.append(job) or "", 1, commands)
    assert next(jobs) == (1, "") and signal.getsignal(signal.SIGTERM) != before
    jobs.close()
    assert begun == [1] and commands.stopped and signal.getsignal(signal.SIGTERM) == before


def test_an_error_of_a_job_ends_the_others() -> None:
    commands = Commands(1)

    def make(job: int) -> str:
        raise RuntimeError(f"job {job}")

    with pytest.raises(RuntimeError, match="job 1"):
        list(side_by_side([[1]], make, 1, commands))
    assert commands.stopped


def test_a_command_writes_to_its_log_and_one_that_is_stopped_ends(tmp_path: Path) -> None:
    commands, log = Commands(2), tmp_path / "logs" / "one.txt"
    say = "import os; print(os.environ['OMP_NUM_THREADS']); print('last  '); raise SystemExit(3)"
    assert commands(log, [sys.executable, "-c", say]) == 3
    assert log.read_text().splitlines()[0] == "1" and last_words(log) == "last"
    commands.stop()
    assert commands(log, [sys.executable, "-c", "import time; time.sleep(600)"]) == -signal.SIGTERM
    assert not commands.running


def test_a_log_without_words(tmp_path: Path) -> None:
    assert last_words(tmp_path / "none.txt") == "empty"
    (tmp_path / "empty.txt").touch()
    assert last_words(tmp_path / "empty.txt") == "empty"
