"""A small fit that can be killed at any of its events; test_resume.py runs it.

    python fit_and_die.py one FOLDER PRECISION MINUTES KILL_AT          one start of the fit, in this process
    python fit_and_die.py many < starts.jsonl                           each line such a list of arguments, in a child of its own

Events are numbered from 1 within a start: each training step, and before and after each rename, each removal of a folder and
each file that a checkpoint consists of. KILL_AT 0 lets the fit end; it then leaves `final.safetensors` and `events` in FOLDER.
"""

import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import accelerate.checkpointing
import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss

from whichwhale.fit.batches import Items, Shuffled
from whichwhale.fit.config import FitConfig, Kick, PlateauKicks
from whichwhale.fit.loop import Objective, fit

SEED, COUNT, EPOCHS, BATCH = 11, 20, 4, 6  # 3 batches of 6, 6 and 8 an epoch


class Pod(Objective):
    """Convolutions, batch norm, dropout, an auxiliary loss: everything whose state or draws a resume could lose."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout2d(0.2), nn.Conv2d(8, 16, 3))
        self.head = nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 4))
        self.side = nn.Linear(16, 1)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        event("step")
        features = self.stem(batch["image"] / 255).mean((-2, -1))
        aside = mse_loss(self.side(features).float().flatten(), batch["light"])
        return {"whale": cross_entropy(self.head(features).float(), batch["whale"]), "light": 0.1 * aside}

    def fresh_parameters(self) -> list[nn.Parameter]:
        return [*self.head.parameters(), *self.side.parameters()]


events, kill_at = [], 0


def event(name: str) -> None:
    events.append(name)
    if len(events) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


def watched(name: str, function):
    def call(*arguments, **options):
        event(f"before {name}")
        result = function(*arguments, **options)
        event(f"after {name}")
        return result

    return call


def half_removed(function):
    """Removes the folder's files first one, then the others, so that a kill may fall between them."""

    def remove(path, *arguments, **options):
        files = sorted(Path(path).glob("*"))
        for file in files[: len(files) // 2]:
            file.unlink()
        event("within rmtree")
        function(path, *arguments, **options)

    return remove


def start(
    folder: str, precision: str, minutes: float, kill: int, kind: type[Objective] = Pod, count: int = COUNT, batch: int = BATCH
) -> None:
    global kill_at
    kill_at = kill
    os.replace = watched("replace", os.replace)
    shutil.rmtree = half_removed(shutil.rmtree)
    accelerate.checkpointing.save = watched("save", accelerate.checkpointing.save)
    torch.manual_seed(SEED)  # of the first weights
    objective, epoch = kind(), 0
    rank = os.environ.get("RANK", "")  # one of several processes

    def set_epoch(number: int) -> None:
        nonlocal epoch
        epoch = number

    def make(item: int) -> dict[str, np.ndarray]:
        draw = np.random.default_rng((SEED, epoch, item))
        image = draw.integers(0, 40, (12, 12, 3)).astype(np.float32) + 50 * (item % 4)
        return {"image": image, "whale": np.int64(item % 4), "light": np.float32(image.mean() / 100)}

    def validate(objective: Objective) -> dict[str, float]:
        with torch.inference_mode():
            image = torch.arange(432.0).view(1, 3, 12, 12) % 255
            return {"held_out": objective.head(objective.stem(image / 255).mean((-2, -1))).sum().item()}

    config = FitConfig(
        epochs=EPOCHS, batch_size=batch, lr=0.02, head_lr=2, kicks=[Kick(epoch=1.5, epochs=1)], validate_every=2, clip=1,
        checkpoint_minutes=minutes, precision=precision, ema=0.9, plateau=PlateauKicks(most=2, patience=1, least=0.9),
    )  # fmt: skip
    items, sampler = Items(count, make, threads=2), Shuffled(count, batch, SEED)
    fit(objective, items, sampler, config, folder=Path(folder), seed=SEED, validate=validate, set_epoch=set_epoch)
    event("fitted")  # weights not saved yet
    save_file({key: value.contiguous() for key, value in objective.state_dict().items()}, f"{folder}/final{rank}.safetensors")
    Path(folder, f"events{rank}").write_text("\n".join(events))


def main() -> None:
    torch.set_num_threads(1)
    if sys.argv[1] == "one":
        folder, precision, minutes, kill = sys.argv[2:]
        start(folder, precision, float(minutes), int(kill))
        return
    # The optimizer and accelerate import this at their first use; importing takes longer than the fit, so no child shall do it.
    importlib.import_module("torch._dynamo")
    for line in sys.stdin:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                start(*json.loads(line))
                status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
