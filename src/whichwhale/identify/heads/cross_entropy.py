"""Cross entropy with label smoothing, a masked class and weights of the rows."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


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
    """The mean of `losses` [B], each counted `weight` [B] times (None: once); 0 if none counts."""
    return losses.mean() if weight is None else (weight * losses).sum() / weight.sum().clamp(min=1e-12)
