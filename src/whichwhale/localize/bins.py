"""Coordinates as bins: each axis of a view is cut into bins, a place is a distribution over them.

The 2016 winners learnt head boxes and points so, as classes, with 20, 40, 60 or 128 bins an axis, and averaged what nets with
different counts said (Bogucki et al. 2019, "Applying deep learning to right whale photo identification", Conservation Biology
33). A view of `length` px spans -0.5 to length - 0.5.

Two kinds of target:

hard  `count` bins of length / count px; a place is the one bin that it lies in, and decodes to that bin's centre: off by up to
      half a bin, but by nothing in the mean over a bin.
soft  `count` knots from edge to edge, length / (count - 1) px apart; a place is shared by the two knots beside it, so that the
      distribution's mean is the place itself, wherever it lies in the view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Target = Literal["soft", "hard"]


def width(count: int, length: int, target: Target) -> float:
    """Distance from bin to bin, px."""
    return length / (count - 1 if target == "soft" else count)


def centres(count: int, length: int, target: Target) -> Tensor:
    """Where the bins lie, px: float64 [count]."""
    first = -0.5 if target == "soft" else width(count, length, target) / 2 - 0.5
    return first + width(count, length, target) * torch.arange(count, dtype=torch.float64)


def encode(places: Tensor, count: int, length: int, target: Target) -> Tensor:
    """Places [...] (px; outside the view they count as at its edge) to distributions [..., count]."""
    if target == "hard":
        index = torch.floor((places + 0.5) / width(count, length, target)).clamp(0, count - 1)
        return torch.nn.functional.one_hot(index.long(), count).to(places.dtype)
    along = ((places + 0.5) / width(count, length, target)).clamp(0, count - 1)
    knots = torch.arange(count, dtype=places.dtype, device=places.device)
    return (1 - (along[..., None] - knots).abs()).clamp(min=0)


def decode(distributions: Sequence[Tensor], length: int, target: Target, window: float = 3.0) -> tuple[Tensor, Tensor, Tensor]:
    """One place from several distributions over one axis.

    The mode is that of their mean density; of each distribution what lies within `window` of its own bins counts, so that a
    second, lower peak far off doesn't pull; their means are averaged with the inverse of their variances as weights, to which a
    bin adds that of a place anywhere in it (its width² / 12): finer bins weigh more, if they are as sure.

    Args:
        distributions: [..., count] each, every count another one; each sums to 1.
        length: of the axis, px.
        target: what they were learnt with.
        window: in bins, each way.

    Returns:
        places [...] (px); score [...], the share of the distributions inside the windows, 1 for a target; spread [...] (px), the
        standard deviation of the mean density about the place.
    """
    like = distributions[0]
    axes = [centres(one.shape[-1], length, target).to(like) for one in distributions]
    widths = [width(one.shape[-1], length, target) for one in distributions]
    pixels = torch.arange(length, dtype=like.dtype, device=like.device)
    density = sum(_density(one, pixels, axis[0], wide) for one, axis, wide in zip(distributions, axes, widths, strict=True))
    mode = pixels[density.argmax(-1)][..., None]
    total = weights = score = spread = torch.zeros_like(mode[..., 0])
    for p, axis, wide in zip(distributions, axes, widths, strict=True):
        near = p * ((axis - mode).abs() <= window * max(wide, 1.0))  # the mode is known to a pixel
        mass = near.sum(-1)
        mean = (near * axis).sum(-1) / mass.clamp(min=1e-12)
        variance = (near * (axis - mean[..., None]) ** 2).sum(-1) / mass.clamp(min=1e-12) + wide**2 / 12
        weight = mass / variance
        total, weights, score = total + weight * mean, weights + weight, score + mass / len(distributions)
    place = total / weights.clamp(min=1e-12)
    for p, axis, wide in zip(distributions, axes, widths, strict=True):
        spread = spread + ((p * (axis - place[..., None]) ** 2).sum(-1) + wide**2 / 12) / len(distributions)
    return place, score, spread.sqrt()


def _density(p: Tensor, pixels: Tensor, first: Tensor, wide: float) -> Tensor:
    """Density at each of `pixels` of a distribution over bins from `first` px on, linear between them; [..., pixels]."""
    along = ((pixels - first) / wide).clamp(0, p.shape[-1] - 1)
    left = along.floor().long().clamp(max=p.shape[-1] - 2)
    share = along - left
    return (p[..., left] * (1 - share) + p[..., left + 1] * share) / wide
