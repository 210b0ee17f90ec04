"""Levelled views: a picture turned, scaled and shifted so that two points of it come to fixed places; for batches, in torch.

The same geometry as `whichwhale.geometry` (pixel centres at integers, a transform is [2, 3]), but inside a network, where the
points are the network's own and there is no going back to the photo.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LEAST = 2.0  # px: two points nearer than that say nothing of scale; they count as that far apart


def similarity(source: Tensor, target: Tensor) -> Tensor:
    """Transforms [B, 2, 3] that take two points each, `source` [B, 2, 2], to `target` [2, 2], without shear or stretch.

    Where the two source points are nearer than `LEAST` px they are moved apart about their middle, along x if they coincide.
    """
    middle, half = source.mean(1), (source[:, 1] - source[:, 0]) / 2
    long = half.norm(dim=-1, keepdim=True)
    along = torch.where(long > 1e-6, half / long.clamp(min=1e-6), half.new_tensor([1.0, 0.0]))
    half = along * long.clamp(min=LEAST / 2)
    goal, reach = target.mean(0), (target[1] - target[0]) / 2
    # As complex numbers, p = reach / half: a turn and a scale.
    square = (half**2).sum(-1)
    real, imaginary = (half @ reach) / square, (half[:, 0] * reach[1] - half[:, 1] * reach[0]) / square
    linear = torch.stack([torch.stack([real, -imaginary], -1), torch.stack([imaginary, real], -1)], -2)
    shift = goal - (linear @ middle[..., None])[..., 0]
    return torch.cat([linear, shift[..., None]], -1)


def apply(matrix: Tensor, points: Tensor) -> Tensor:
    """Map points [B, K, 2] by [B, 2, 3]."""
    return points @ matrix[..., :2].mT + matrix[..., None, :, 2]


def invert(matrix: Tensor) -> Tensor:
    """Inverse transforms of [B, 2, 3]."""
    inverse = torch.linalg.inv(matrix[..., :2])
    return torch.cat([inverse, -inverse @ matrix[..., 2:]], -1)


def scale(matrix: Tensor) -> Tensor:
    """Target pixels a source pixel [B], of similarities [B, 2, 3]."""
    return torch.linalg.det(matrix[..., :2]).abs().sqrt()


def sample(images: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw `images` [B, C, H, W] through `matrix` [B, 2, 3] (image to target pixels): float32 [B, C, height, width] of `size`.

    Bilinear; what lies outside an image is black.
    """
    width, height = size
    axes = (torch.arange(length, device=matrix.device, dtype=torch.float32) for length in (height, width))
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    pixels = torch.stack([columns, rows], -1).reshape(1, -1, 2).expand(len(matrix), -1, -1)
    there = apply(invert(matrix.float()), pixels)
    extent = torch.tensor([images.shape[-1], images.shape[-2]], device=matrix.device)
    grid = ((2 * there + 1) / extent - 1).unflatten(1, (height, width))
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
