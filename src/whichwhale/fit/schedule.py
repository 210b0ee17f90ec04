"""The learning rate: warm-up, cosine decay, and kicks.

A kick raises the rate for a while and lets it fall back, as the winners of the right-whale competition did by hand: it shakes a
model that has settled out of a poor minimum, and what it finds afterwards is often better. It comes at an epoch that the config
says, or when the training loss stands still.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from whichwhale.fit.config import FitConfig, Kick, PlateauKicks


@dataclass(frozen=True)
class Standstill:
    """How a fit's training loss has gone: the `best` mean of an epoch, for how many epochs it has not been bettered, and the
    epochs at which that gave a kick."""

    best: float = math.inf
    waited: int = 0
    kicked: tuple[int, ...] = ()

    def after(self, epoch: int, loss: float, config: PlateauKicks) -> Standstill:
        """The state after `epoch` (from 0), whose mean training loss was `loss`."""
        if loss < self.best * (1 - config.least) or not math.isfinite(self.best):
            return replace(self, best=loss, waited=0)
        waited = self.waited + 1
        if waited < config.patience or len(self.kicked) >= config.most:
            return replace(self, waited=waited)
        # A kick itself raises the loss: the epochs that it lasts must not count as standing still.
        return replace(self, waited=-math.ceil(config.epochs), kicked=(*self.kicked, epoch + 1))


def kicks(config: FitConfig, kicked: tuple[int, ...] = ()) -> list[Kick]:
    """All kicks of a fit: those of its config, and those that a plateau gave at the start of the epochs `kicked`."""
    plateau = config.plateau
    return [*config.kicks, *(Kick(epoch=epoch, epochs=plateau.epochs, factor=plateau.factor) for epoch in kicked)]


def rate(config: FitConfig, epoch: float, kicked: tuple[int, ...] = ()) -> float:
    """The learning rate at `epoch` (fractional, 0 to `config.epochs`) as a multiple of `config.lr`; `kicked` as in `kicks`."""
    if epoch < config.warmup:
        base = epoch / config.warmup
    else:
        progress = (epoch - config.warmup) / max(config.epochs - config.warmup, 1e-9)
        base = config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    for kick in kicks(config, kicked):
        if kick.epoch <= epoch < kick.epoch + kick.epochs:
            base *= kick.factor
    return base
