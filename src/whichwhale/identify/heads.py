"""Heads: from an image's features to an embedding, and from that to one logit a whale.

A head owns its `logits()`, which are scaled and free of any margin, so that inference never needs labels; `loss()` may be
another function of the same embedding. A head that `mixes` weighs each row of its loss, which mixed pictures need: of mixup and
cutmix each comes twice, with either whale and that whale's share. A loss of pairs or triplets can't.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whichwhale.identify.config import HeadConfig


def cross_entropy(
    logits: Tensor, target: Tensor, smoothing: float = 0.0, masked: Tensor | None = None, weight: Tensor | None = None
) -> Tensor:
    """Mean cross entropy of logits [B, classes] and `target` int64 [B] with label smoothing (Szegedy et al. 2016, section 7), as
    if row b had no class masked[b] (int64 [B]); with `weight` [B] the weighted mean."""
    if masked is None:
        if weight is None:
            return F.cross_entropy(logits, target, label_smoothing=smoothing)
        return weighted_mean(F.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none"), weight)
    gone = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, masked[:, None], True)
    log_p = F.log_softmax(logits.masked_fill(gone, -math.inf), 1)
    right = log_p.gather(1, target[:, None])[:, 0]
    evenly = log_p.masked_fill(gone, 0.0).sum(1) / (logits.shape[1] - 1)
    return weighted_mean(-((1 - smoothing) * right + smoothing * evenly), weight)


def weighted_mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of `losses` [B], each counted `weight` [B] times (None: once)."""
    return losses.mean() if weight is None else (weight * losses).sum() / weight.sum()


class SoftmaxHead(nn.Module):
    """Dropout and a linear layer; the embedding is the features themselves."""

    mixes = True

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.dims = features
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(features, classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)
        self.smoothing = config.smoothing

    def embed(self, features: Tensor) -> Tensor:
        """Features [B, features] to embedding [B, dims]."""
        return features

    def logits(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to logits [B, classes]."""
        return self.linear(self.dropout(embedding))

    def loss(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """Mean cross entropy of `target` int64 [B], as if row b had no class masked[b]; row b counts weight[b] times."""
        return cross_entropy(self.logits(embedding).float(), target, self.smoothing, masked, weight)


class ArcFaceHead(nn.Module):
    """A linear layer to `dims` with batch norm, and cosines to one direction a whale with an additive angular margin.

    Deng et al. 2019, "ArcFace: Additive Angular Margin Loss", equation 3. Cosines are fp32 even under autocast: at scale 24 the
    8 bits of a bf16 cosine are a tenth of a nat. Beyond pi - margin the target's cosine is shifted instead of turned, so that
    the loss keeps falling with the angle.
    """

    mixes = True

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.dims = config.dims
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(features, config.dims, bias=False)
        self.norm = nn.BatchNorm1d(config.dims)
        self.directions = nn.Parameter(torch.empty(classes, config.dims))
        nn.init.xavier_uniform_(self.directions)
        self.scale, self.margin, self.smoothing = config.scale, config.margin, config.smoothing
        self.margin_steps = config.margin_steps
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))  # of training; part of every checkpoint

    def embed(self, features: Tensor) -> Tensor:
        """Features [B, features] to embedding [B, dims], not yet of unit length."""
        return self.norm(self.linear(self.dropout(features)))

    def cosines(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to cosines [B, classes], fp32."""
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(F.normalize(embedding.float()), F.normalize(self.directions.float()))

    def logits(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to logits [B, classes]: cosines times the scale, no margin."""
        return self.scale * self.cosines(embedding)

    def loss(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """Mean cross entropy of `target` int64 [B] after the margin, as if row b had no class masked[b]; row b counts weight[b]
        times."""
        cosines = self.cosines(embedding)
        margin = self.margin
        if self.training and self.margin_steps:
            margin *= min(1.0, self.steps.item() / self.margin_steps)
            self.steps += 1
        right = cosines.gather(1, target[:, None])
        # acos has an infinite slope at -1 and 1, so the angle stays a little inside.
        angle = torch.acos(right.clamp(-1 + 1e-6, 1 - 1e-6))
        turned = torch.cos(angle + margin)
        moved = torch.where(angle <= math.pi - margin, turned, right - margin * math.sin(margin))
        with_margin = cosines.scatter(1, target[:, None], moved)
        return cross_entropy(self.scale * with_margin, target, self.smoothing, masked, weight)


HEADS = {"softmax": SoftmaxHead, "arcface": ArcFaceHead}
