"""What every head can be asked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whichwhale.identify.head_config import HeadConfig


@dataclass(frozen=True)
class Pulse:
    """What one training step says of whether an embedding lives; all detached scalars, read by `alarm.CollapseAlarm`.

    `excess` is what the loss has over that of a network which says the same of every photo, as a share of the latter (-1: no loss
    at all); None where that says nothing in this step. `spread` is that of the embeddings (`spread_of`), before any batch norm,
    which would keep it up whatever the network does.
    """

    excess: Tensor | None
    spread: Tensor | None


def spread_of(embedding: Tensor) -> Tensor:
    """The variance of embeddings float32 [B, dims], made unit-length, about their mean: a scalar from 0 (one point) to 1."""
    unit = F.normalize(embedding)
    return unit.square().sum(1).mean() - unit.mean(0).square().sum()


class Head(nn.Module):
    """From features [B, features] to an embedding [B, dims] and logits [B, classes].

    Made from (features, classes, config). A head that `mixes` weighs each row of its loss, which mixed pictures need: of mixup
    and cutmix each comes twice, with either whale and that whale's share. A loss of pairs or triplets can't.
    """

    mixes = False
    worse_is_stuck = False  # whether a loss above a constant network's that doesn't fall says that nothing is learnt
    dims: int

    def know(self, counts: Tensor) -> None:
        """Take in the number of training photos of each class, int64 [classes], before a fit. Most heads don't mind."""

    def embed(self, features: Tensor) -> Tensor:
        """Features [B, features] to embedding [B, dims], not yet of unit length."""
        raise NotImplementedError

    def unit(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to what is compared when whales are searched for: float32 [B, dims], unit length."""
        return F.normalize(embedding.float())

    def logits(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to logits [B, classes], scaled and free of any margin."""
        raise NotImplementedError

    def loss(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """What the backbone learns from: a scalar. `target` int64 [B]; row b is as if there were no class masked[b]; row b counts
        weight[b] times, if the head `mixes`."""
        raise NotImplementedError

    def more_losses(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None) -> dict[str, Tensor]:
        """Further losses by name, to be added to `loss`: what `logits` learn from where `loss` is of something else."""
        return {}

    def pulse(
        self, features: Tensor, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None
    ) -> Pulse | None:
        """What this training step says of a collapse, from the features that gave the embedding and what `loss` was given; None
        for a head that can't collapse."""
        return None

    def advice(self) -> str:
        """What to change if the embedding has collapsed."""
        return "lower fit.lr"


class MarginHead(Head):
    """A head with a margin that grows from 0 over the first `margin_steps` training steps, which `embed` counts."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.margin, self.margin_steps, self.smoothing = config.margin, config.margin_steps, config.smoothing
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # of training; part of every checkpoint

    def count_step(self) -> None:
        if self.training and self.margin_steps:
            self.steps += 1

    def margin_share(self) -> float:
        """Share of the margin that counts in this step: 0 in the first one of `margin_steps`, 1 afterwards and in evaluation."""
        if not (self.training and self.margin_steps):
            return 1.0
        return min(1.0, max(self.steps.item() - 1, 0) / self.margin_steps)
