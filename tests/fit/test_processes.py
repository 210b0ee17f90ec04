"""Two processes train one model (gloo, CPU): the same weights in both, one writer, and an exact resume."""

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

SCRIPT = Path(__file__).with_name("fit_together.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(whichwhale.__file__).parents[1])}
KILLED = -signal.SIGKILL
UNLIKE = {"seconds", "images_per_second", "peak_memory_mb"}  # of the machine's, not of the fit's

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system with fork and SIGKILL"),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo"),
]
Start = Callable[..., list[int]]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """start(folder, processes=2, kind="Pod", batch=6, kill=[rank, event]) fits and returns the processes' exit statuses."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT,
    ) as parent:

        def start(folder: Path, **order: object) -> list[int]:
            folder.mkdir(exist_ok=True, parents=True)
            order = {"processes": 2, "batch": 6} | order | {"folder": str(folder)}
            print(json.dumps(order), file=parent.stdin, flush=True)
            while True:
                line = parent.stdout.readline()
                assert line, "the script ended"
                if line.startswith("["):
                    return json.loads(line)

        yield start
        parent.stdin.close()


@pytest.fixture(scope="module")
def whole(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fit by two processes that ran through: 2 steps an epoch for each, a checkpoint after each step."""
    folder = tmp_path_factory.mktemp("whole")
    assert start(folder) == [0, 0]
    return folder


def metrics(folder: Path) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in UNLIKE} for line in lines]


def assert_equal(one: Path, other: Path) -> None:
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for key in first:
        assert torch.equal(first[key], second[key]), key


def test_both_end_with_the_same_weights(whole: Path) -> None:
    """Batch norm's running statistics, which each process computes from its own batches, among them."""
    assert_equal(whole / "final0.safetensors", whole / "final1.safetensors")


def test_one_of_them_writes(whole: Path) -> None:
    assert [row["epoch"] for row in metrics(whole)] == [1, 2, 3, 4]
    renames = [(whole / f"events{rank}").read_text().count("before replace") for rank in (0, 1)]
    assert renames == [4 + 4 + 4, 0]  # a checkpoint within and one at the end of each epoch, and its row of metrics


def test_it_is_the_fit_that_one_process_makes_of_batches_twice_as_large(start: Start, tmp_path: Path) -> None:
    """Without batch norm and dropout: the mean over both processes' gradients is the gradient of the mean over both batches."""
    assert start(tmp_path / "two", kind="Plain") == [0, 0]
    assert start(tmp_path / "one", kind="Plain", processes=1, batch=12) == [0]
    two, one = load_file(tmp_path / "two" / "final0.safetensors"), load_file(tmp_path / "one" / "final.safetensors")
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=1e-3, atol=1e-4)
    for ours, theirs in zip(metrics(tmp_path / "two"), metrics(tmp_path / "one"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)  # the loss too is that of both processes' batches


@pytest.mark.parametrize("rank", [0, 1])
def test_a_fit_of_which_one_process_is_killed_ends_with_the_same_numbers(
    start: Start, whole: Path, tmp_path: Path, rank: int
) -> None:
    """Killed at three moments, one after another: within the first epoch, in the middle, near the end."""
    count = len((whole / f"events{rank}").read_text().splitlines())
    for event in (count // 7, count // 3, count // 3):
        statuses = start(tmp_path, kill=[rank, event])
        assert statuses[rank] == KILLED and statuses[1 - rank] != 0
        assert not list(tmp_path.glob("final*"))
    assert start(tmp_path) == [0, 0]
    for name in ("final0.safetensors", "final1.safetensors"):
        assert_equal(tmp_path / name, whole / name)
    for ours, theirs in zip(metrics(tmp_path), metrics(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12)
