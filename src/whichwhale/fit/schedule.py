"""The learning rate: warm-up, cosine decay, and kicks.

A kick raises the rate for a while and lets it fall back, as the winners of the right-whale competition did by hand: it shakes a
model that has settled out of a poor minimum, and what it finds afterwards is often better.
"""

from __future__ import annotations

import math

from whichwhale.fit.config import FitConfig


def rate(config: FitConfig, epoch: float) -> float:
    """The learning rate at `epoch` (fractional, from 0 to `config.epochs`), as a multiple of `config.lr`."""
    if epoch < config.warmup:
        base = epoch / config.warmup
    else:
        progress = (epoch - config.warmup) / max(config.epochs - config.warmup, 1e-9)
        base = config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    for kick in config.kicks:
        if kick.epoch <= epoch < kick.epoch + kick.epochs:
            base *= kick.factor
    return base
