"""Checkpoints that survive a kill at any moment: written beside, named last, the newest whole one wins."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from whichwhale.fit.schedule import Standstill


@dataclass
class Progress:
    """Where a fit stands: `epoch` is being fitted, `step` of its batches are done; sums are over those batches."""

    epoch: int = 0
    step: int = 0
    images: int = 0
    seconds: float = 0.0
    loss_sums: dict[str, float] | None = None
    best_loss: float = math.inf  # these three: schedule.Standstill
    waited: int = 0
    kicked: list[int] = field(default_factory=list)

    def next_epoch(self, standstill: Standstill) -> None:
        """Go on to the start of the epoch after this one."""
        self.__init__(self.epoch + 1, best_loss=standstill.best, waited=standstill.waited, kicked=list(standstill.kicked))

    def standstill(self) -> Standstill:
        """How the loss has stood still so far, for the schedule to go on from."""
        return Standstill(self.best_loss, self.waited, tuple(self.kicked))

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)


class Checkpoints:
    """The checkpoints of one fit, in `folder`; only the newest is kept."""

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self.folder, self.accelerator = folder, accelerator

    def save(self, progress: Progress) -> None:
        """Write all registered state, then make it the newest by a rename."""
        name = f"epoch{progress.epoch:05d}_step{progress.step:07d}"
        beside = self.folder / f".{name}.part"
        if self.accelerator.is_main_process:
            for left_by_a_kill in self.folder.glob(".*.part"):
                shutil.rmtree(left_by_a_kill)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(beside), safe_serialization=True)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            os.replace(beside, self.folder / name)
            for older in self._whole()[:-1]:
                shutil.rmtree(older)
        self.accelerator.wait_for_everyone()

    def load(self) -> bool:
        """Restore the newest checkpoint, if there is one. Weights are safetensors, the rest is read with weights_only."""
        whole = self._whole()
        if whole:
            self.accelerator.load_state(str(whole[-1]))
        return bool(whole)

    def _whole(self) -> list[Path]:
        return sorted(self.folder.glob("epoch*_step*"))
