"""Heat maps: one Gaussian a point, learnt as a distribution over cells and decoded between them.

A cell is a square of `stride` px of the view; cell i's centre lies at pixel (i + 0.5) stride − 0.5. Every animal that the label
means is one, so a map is a softmax over all its cells, which learns from far fewer photos than a sigmoid a cell does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def to_cells(points: Tensor, stride: int) -> Tensor:
    """Pixels of the view [..., 2] to cells."""
    return (points + 0.5) / stride - 0.5


def to_pixels(cells: Tensor, stride: int) -> Tensor:
    """Cells [..., 2] to pixels of the view."""
    return (cells + 0.5) * stride - 0.5


def gaussians(cells: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """A Gaussian about each of `cells` [B, K, 2] on maps of `size` (width, height): [B, K, height, width], each sums to 1."""
    across, down = (
        torch.softmax(-((_axis(length, cells) - cells[..., axis, None]) ** 2) / (2 * sigma**2), -1)
        for axis, length in enumerate(size)
    )
    return down[..., :, None] * across[..., None, :]


def divergence(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the maps' softmax from `target` (both [B, K, h, w]), mean over maps by `weight` [B, K].

    0 where the map is the target exactly; 0 if all weights are.
    """
    found = F.log_softmax(logits.float().flatten(2), -1)
    each = F.kl_div(found, target.flatten(2), reduction="none").sum(-1)
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)


def decode(logits: Tensor, sigma: float, window: float, steps: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """The place of each map's peak, between cells.

    The mode of the softmax seen through a Gaussian window of `window` sigma, found by mean shift (Comaniciu & Meer 2002,
    "Mean Shift: A Robust Approach toward Feature Space Analysis") from the best cell: exact for a Gaussian wherever it lies
    between cells, and a second, lower peak outside the window does not pull. Two equal peaks within 2 sqrt(1 + window²) sigma of
    each other are seen as one, midway: a network that can't tell head from tail so close says the middle.

    Args:
        logits: [B, K, h, w].
        sigma: of the target, cells.
        window: in sigma; each step brings the place 1 + window² times nearer.
        steps: of mean shift.

    Returns:
        cells [B, K, 2] (x, y); score [B, K], the share of the map in the peak, 1 for the target itself; attention
        [B, K, h, w], where the map was looked at, sums to 1.
    """
    batch, maps, height, width = logits.shape
    p = torch.softmax(logits.float().flatten(2), -1).unflatten(2, (height, width))
    wide = window * sigma
    columns, rows = (_axis(length, p) for length in (width, height))
    blurred = _window(rows[:, None], rows, wide) @ p @ _window(columns[:, None], columns, wide)
    best = blurred.flatten(2).argmax(-1)
    x, y = (best % width).to(p.dtype), (best // width).to(p.dtype)
    for _ in range(steps + 1):
        seen = p * _window(y[..., None], rows, wide)[..., :, None] * _window(x[..., None], columns, wide)[..., None, :]
        mass = seen.sum((-2, -1)).clamp(min=1e-12)
        here = x, y
        x, y = (seen.sum(-2) * columns).sum(-1) / mass, (seen.sum(-1) * rows).sum(-1) / mass
    score = (mass * (1 + window**2) / window**2).clamp(max=1)
    return torch.stack(here, -1), score, seen / mass[..., None, None]


def spread(logits: Tensor, cells: Tensor) -> Tensor:
    """How far a map [B, K, h, w] reaches about its peak at `cells` [B, K, 2]: [B, K] in cells, the root mean square distance
    along one axis. All of the map counts: a second peak is a reason to doubt the first."""
    p = torch.softmax(logits.float().flatten(2), -1).unflatten(2, logits.shape[-2:])
    columns, rows = (_axis(length, p) for length in (logits.shape[-1], logits.shape[-2]))
    across = (p.sum(-2) * (columns - cells[..., 0, None]) ** 2).sum(-1)
    down = (p.sum(-1) * (rows - cells[..., 1, None]) ** 2).sum(-1)
    return torch.sqrt((across + down) / 2)


def _axis(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, dtype=like.dtype, device=like.device)


def _window(centre: Tensor, axis: Tensor, wide: float) -> Tensor:
    return torch.exp(-((axis - centre) ** 2) / (2 * wide**2))
