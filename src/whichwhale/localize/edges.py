"""An unsupervised crop: the square whose edges stand out most from what is around it. No labels, no training.

A whale on a sea is the place with the strong edges: callosities, the wash, the water line. What the sea itself shows everywhere
is taken off first, by a quantile of the view's own gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.fit.batches import Batch
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.found import Found

GREY = (0.299, 0.587, 0.114)  # of R, G, B (ITU-R BT.601)


class EdgesNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) to a square box; no points."""

    weights_from = "no weights: edge energy"

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        self.config = config

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """There are none to minimise."""
        raise NotImplementedError("variant=edges learns nothing")

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to the best square; its centre is the mean of the edge energy in it."""
        settings, energy = self.config.edges, edge_energy(images, self.config.edges.blur, self.config.edges.floor)
        width = self.config.view_size[0]
        columns, rows = (
            torch.arange(length, device=energy.device, dtype=energy.dtype) for length in (energy.shape[-1], energy.shape[-2])
        )
        found = []
        for size in settings.sizes:
            side = max(3, round(size * width) // 2 * 2 + 1)
            inner, outer = box_sum(energy, side), box_sum(energy, 2 * side + 1)
            ring = (outer - inner) / ((2 * side + 1) ** 2 - side**2)
            # Divided by the side, not its square: a square that is too small would have the brightest mean.
            stands_out = (inner - ring * side**2) / side
            best = stands_out.flatten(1).argmax(1)
            x, y = (best % energy.shape[-1]).to(energy.dtype), (best // energy.shape[-1]).to(energy.dtype)
            near = (columns - x[:, None]).abs()[:, None, :] <= side // 2
            near = energy[:, 0] * (near & ((rows - y[:, None]).abs()[:, :, None] <= side // 2))
            mass = near.sum((1, 2)).clamp(min=1e-9)
            centre = torch.stack([(near.sum(1) * columns).sum(1), (near.sum(2) * rows).sum(1)], -1) / mass[:, None]
            empty = (near.sum((1, 2)) <= 0)[:, None]
            centre = torch.where(empty, torch.stack([x, y], -1), centre)
            height = stands_out.flatten(1).amax(1)
            share = (mass / energy.sum((1, 2, 3)).clamp(min=1e-9)).clamp(max=1)
            found.append((height, centre, torch.full_like(height, side), share))
        heights, centres, sides, shares = (torch.stack(each, 1) for each in zip(*found, strict=True))
        best = heights.argmax(1)
        pick = torch.arange(len(best), device=best.device)
        extent = sides[pick, best][:, None].expand(-1, 2)
        return Found(centres[pick, best][:, None], shares[pick, best][:, None], extent, None)


def edge_energy(images: Tensor, blur: float, floor: float) -> Tensor:
    """Gradients' magnitude [B, 1, H, W] above their `floor` quantile, of grey views [B, 3, H, W] smoothed by `blur` px.

    None where the frame is black: a letterbox has edges of its own.
    """
    images = images.float()
    grey = (images * images.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True) / 255
    reach = int(4 * blur) + 1  # px that the smoothed view is changed by
    far = reach + 2
    inside = F.max_pool2d((images.amax(1, keepdim=True) <= 2).float(), 2 * far + 1, 1, far) == 0
    if blur:
        kernel = torch.exp(-(torch.arange(-reach, reach + 1, device=grey.device) ** 2) / (2 * blur**2))
        kernel = kernel / kernel.sum()
        grey = F.conv2d(F.pad(grey, (reach, reach, 0, 0), "replicate"), kernel[None, None, None, :])
        grey = F.conv2d(F.pad(grey, (0, 0, reach, reach), "replicate"), kernel[None, None, :, None])
    padded = F.pad(grey, (1, 1, 1, 1), "replicate")
    across, down = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2], padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    size = torch.sqrt(across**2 + down**2) * inside
    usual = torch.stack(
        [torch.quantile(one[here], floor) if here.any() else one.new_zeros(()) for one, here in zip(size, inside, strict=True)]
    )
    return (size - usual[:, None, None, None]).clamp(min=0) * inside


def box_sum(maps: Tensor, side: int) -> Tensor:
    """Sum of [B, 1, H, W] over the square of odd `side` about each cell; outside there is nothing."""
    return F.avg_pool2d(maps, side, 1, side // 2, count_include_pad=True) * side**2
