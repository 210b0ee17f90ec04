"""kill -9 at any moment, the same command again: the same final weights, bit for bit, and the same metrics."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import whichwhale

SCRIPT = Path(__file__).with_name("fit_and_die.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(whichwhale.__file__).parents[1])}
KILLED = -signal.SIGKILL
UNLIKE = {"seconds", "images_per_second", "peak_memory_mb"}  # of the machine's, not of the fit's

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork and SIGKILL")
Start = Callable[..., int]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """start(folder, precision="no", minutes=0.0, kill=0) starts the fit in a process of its own and returns its exit status."""
    command = [sys.executable, str(SCRIPT), "many"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT
    ) as parent:

        def start(folder: Path, precision: str = "no", minutes: float = 0.0, kill: int = 0) -> int:
            folder.mkdir(exist_ok=True, parents=True)
            print(json.dumps([str(folder), precision, minutes, kill]), file=parent.stdin, flush=True)
            while True:
                line = parent.stdout.readline()
                assert line, "the script ended"
                if line.strip().lstrip("-").isdigit():
                    return int(line)

        yield start
        parent.stdin.close()


@pytest.fixture(scope="module")
def whole(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fit that ran through, with a checkpoint after each step."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder) == 0
    return folder


def metrics(folder: Path) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in UNLIKE} for line in lines]


def assert_same_fit(folder: Path, whole: Path) -> None:
    one, other = load_file(folder / "final.safetensors"), load_file(whole / "final.safetensors")
    assert one.keys() == other.keys()
    for key in one:
        assert torch.equal(one[key], other[key]), key
    assert metrics(folder) == metrics(whole)


def test_the_fit_learns_and_writes_a_row_an_epoch(whole: Path) -> None:
    rows = metrics(whole)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [("held_out" in row) for row in rows] == [False, True, False, True]
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert [row.get("kicked", False) for row in rows] == [False, False, True, False]  # by the plateau, whose state may be lost
    for row in rows:
        assert row["loss"] == pytest.approx(row["loss_whale"] + row["loss_light"], rel=1e-6)


def test_checkpoints_change_nothing(start: Start, whole: Path, tmp_path: Path) -> None:
    assert start(tmp_path, minutes=60.0) == 0
    assert_same_fit(tmp_path, whole)


def sample(whole: Path) -> list[int]:
    """Event numbers to die at: the first and last, and the kinds of event in the first, a middle and the last epoch."""
    events = (whole / "events").read_text().splitlines()
    chosen: dict[tuple[str, int], int] = {}
    for number, name in enumerate(events, 1):
        chosen.setdefault((name, 3 * number // (len(events) + 1)), number)
    return sorted({*chosen.values(), *range(37, len(events), 41), len(events)})


def test_a_fit_killed_anywhere_ends_with_the_same_numbers(start: Start, whole: Path, tmp_path: Path) -> None:
    moments = sample(whole)
    assert len(moments) >= 15
    for kill in moments:
        folder = tmp_path / f"killed{kill}"
        assert start(folder, kill=kill) == KILLED
        assert not (folder / "final.safetensors").exists()
        assert start(folder) == 0
        assert_same_fit(folder, whole)


def test_a_fit_killed_again_and_again_arrives(start: Start, whole: Path, tmp_path: Path) -> None:
    starts = 1
    while start(tmp_path, kill=23) == KILLED:
        starts += 1
        assert starts < 40
    assert starts > 4
    assert_same_fit(tmp_path, whole)


def test_a_fit_without_checkpoints_within_an_epoch_goes_back_to_its_start(start: Start, whole: Path, tmp_path: Path) -> None:
    events = (whole / "events").read_text().splitlines()
    assert start(tmp_path, minutes=60.0, kill=events.index("before replace")) == KILLED  # within the first epochs
    assert start(tmp_path, minutes=60.0) == 0
    assert_same_fit(tmp_path, whole)


def test_bf16_resumes_as_exactly(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path / "whole", precision="bf16") == 0
    assert start(tmp_path / "killed", precision="bf16", kill=60) == KILLED
    assert start(tmp_path / "killed", precision="bf16") == 0
    assert_same_fit(tmp_path / "killed", tmp_path / "whole")


def test_the_same_command_again_in_a_fresh_interpreter(whole: Path, tmp_path: Path) -> None:
    def run(kill: int) -> int:
        command = [sys.executable, str(SCRIPT), "one", str(tmp_path), "no", "0", str(kill)]
        return subprocess.run(command, env=ENVIRONMENT, capture_output=True).returncode

    assert run(kill=70) == KILLED
    assert list((tmp_path / "checkpoints").iterdir())
    assert run(kill=0) == 0
    assert_same_fit(tmp_path, whole)
