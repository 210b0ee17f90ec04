"""Fits by train.py in processes of their own: one that runs through, and one that kill -9 ends in the middle of an epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import train
import whichwhale

needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with SIGKILL")

DIES = """
import os, signal, sys
import train
from whichwhale.fit.checkpoint import Checkpoints
last, saves, save = int(sys.argv.pop(1)), 0, Checkpoints.save
def then_die(self, progress):
    global saves
    saves += 1
    if saves == last:
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, progress)
Checkpoints.save = then_die
train.main(sys.argv[1:])
"""


def assert_ends_as_if_never_killed(home: Path, command: Callable[[str], Sequence[str]], dies_at: int, checkpoint: str) -> None:
    """Fit `whole` and `killed` below `home` by train.py's arguments `command(name)`, the latter with a kill in place of its
    `dies_at`-th checkpoint, when `checkpoint` is all that it has left, and then once more: both have the same weights.

    Each runs in a process of its own, for what this one did before has left its marks: on the random state, on which kernels
    were chosen.
    """
    paths = [str(Path(whichwhale.__file__).parents[1]), str(Path(train.__file__).parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

    def started(*what: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, *what], env=environment, capture_output=True)

    def fitted(name: str) -> None:
        ended = started(train.__file__, *command(name))
        assert ended.returncode == 0, ended.stderr.decode()

    fitted("whole")
    died = started("-c", DIES, str(dies_at), *command("killed"))
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert [path.name for path in (home / "killed" / "fold0" / "checkpoints").iterdir()] == [checkpoint]
    fitted("killed")
    one, other = (load_file(home / name / "fold0" / "model.safetensors") for name in ("whole", "killed"))
    assert one.keys() == other.keys()
    assert [key for key in one if not torch.equal(one[key], other[key])] == []
