"""Which photos of a batch make pairs and triplets.

pytorch-metric-learning's miners know of two photos only whether their labels are equal. A whale's mirror twin is neither the same
class nor another one, so the masks are ours; without twins the triplets are those of its BatchHardMiner and
TripletMarginMiner("semihard").
"""

from __future__ import annotations

import torch
from torch import Tensor

Triplets = tuple[Tensor, Tensor, Tensor]  # anchor, positive, negative: rows of the batch, int64 [T] each
Relation = tuple[Tensor, Tensor]  # `same` and `other`, bool [B, B]: j shows i's animal; j is known to show another one


def relations(target: Tensor, masked: Tensor | None = None) -> Relation:
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


def linked(group: Tensor, whale: Tensor, rivals: Tensor, mirrored: Tensor | None = None) -> Relation:
    """`same` and `other` of photos of which not all have a label; what is not known is neither.

    Args:
        group: int64 [B], groups of one animal each; whale: int64 [G], of each group, -1 unknown.
        rivals: int64 [R], ascending: a * G + b and b * G + a for each pair of groups that shows two animals.
        mirrored: bool [B], where a mirror image is another class: a photo's own animal, mirrored, is neither.
    """
    equal = group[:, None] == group
    own = whale[group]
    named = own >= 0
    told = named[:, None] & named & (own[:, None] != own)
    pairs = group[:, None] * len(whale) + group
    if len(rivals):
        place = torch.searchsorted(rivals, pairs).clamp(max=len(rivals) - 1)
        told = told | (rivals[place] == pairs)
    same = equal if mirrored is None else equal & (mirrored[:, None] == mirrored)
    return same.fill_diagonal_(False), told & ~equal
