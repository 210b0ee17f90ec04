"""Which photos of a batch make pairs and triplets.

pytorch-metric-learning's miners know of two photos only whether their labels are equal. A whale's mirror twin is neither the same
class nor another one, so the masks are ours; without twins the triplets are those of its BatchHardMiner and
TripletMarginMiner("semihard").
"""

from __future__ import annotations

import torch
from torch import Tensor

Triplets = tuple[Tensor, Tensor, Tensor]  # anchor, positive, negative: rows of the batch, int64 [T] each


def relations(target: Tensor, masked: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`same` and `other`, bool [B, B]: whether j is another photo of i's class, or is of a class that is neither i's nor
    masked[i]."""
    equal = target[:, None] == target
    other = ~equal if masked is None else ~equal & (masked[:, None] != target)
    return equal.fill_diagonal_(False), other


def batch_hard(distances: Tensor, same: Tensor, other: Tensor) -> Triplets:
    """Each photo with its farthest positive and its nearest negative (Hermans et al. 2017, equation 5), where it has both."""
    anchor = (same.any(1) & other.any(1)).nonzero()[:, 0]
    positive = distances.masked_fill(~same, -torch.inf).argmax(1)
    negative = distances.masked_fill(~other, torch.inf).argmin(1)
    return anchor, positive[anchor], negative[anchor]


def semi_hard(distances: Tensor, same: Tensor, other: Tensor, margin: float) -> Triplets:
    """All triplets whose negative is farther than the positive, by `margin` at most (Schroff et al. 2015, section 3.2)."""
    further = distances[:, None, :] - distances[:, :, None]  # [anchor, positive, negative]
    wanted = same[:, :, None] & other[:, None, :] & (further > 0) & (further <= margin)
    return wanted.nonzero(as_tuple=True)


def all_pairs(same: Tensor, other: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All positive pairs (i, j) and all negative ones (k, l), each both ways round."""
    return *same.nonzero(as_tuple=True), *other.nonzero(as_tuple=True)
