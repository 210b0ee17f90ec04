"""One network that localizes and aligns at once: one fit, one forward pass from the whole photo to the points.

A first look at the reduced view finds the box (and, as auxiliary targets, the points); what aligns looks at the view itself about
that box. Both learn together from the same photos. While they learn the crop lies about the true box with drawn errors, so that
no gradient runs through where it lies, and the second part needs no box of the first's before the first has learnt any.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.fit.batches import Batch
from whichwhale.localize import heatmap, levelling
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.found import Found
from whichwhale.localize.heatmap_net import HeatmapNet
from whichwhale.localize.two_looks import TwoLooksNet


class OneNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) of a whole photo to its head box and points."""

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        self.config = config
        self.first = HeatmapNet(config.first_look())
        inner = config.inner_aligner()
        self.align = (TwoLooksNet if inner.variant == "two_looks" else HeatmapNet)(inner)

    @property
    def weights_from(self) -> str:
        """Where the backbones' first weights came from, in words."""
        return self.first.weights_from

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch as `HeatmapNet` takes it."""
        one, points, weight = self.config.one_net, batch["points"].float(), batch["weight"].float()
        reduced = {"points": heatmap.to_cells(points, one.reduction), "extent": batch["extent"] / one.reduction}
        losses = self.first.losses({**batch, "image": self._reduced(batch["image"]), **reduced})
        matrix = about(*off_by(points[:, 0], batch["extent"].float(), one.field, one.shift, one.zoom), one.field, one.size)
        crop = levelling.sample(batch["image"], matrix, (one.size, one.size))
        there = levelling.apply(matrix, points[:, 1:])
        inside = ((there > -0.5) & (there < one.size - 0.5)).all(-1)
        known = weight[:, :1] > 0  # else there is no box to crop by
        inner = self.align.losses({"image": crop, "points": there, "weight": weight[:, 1:] * inside * known})
        return losses | {f"align_{name}": one.weight * loss for name, loss in inner.items()}

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to box and points."""
        one, first = self.config.one_net, self.first.find(self._reduced(images))
        centre, extent = heatmap.to_pixels(first.points[:, 0], one.reduction), first.extent * one.reduction
        matrix = about(centre, extent, one.field, one.size)
        inner = self.align.find(levelling.sample(images, matrix, (one.size, one.size)))
        points = levelling.apply(levelling.invert(matrix), inner.points)
        spread = torch.cat([first.spread[:, :1] * one.reduction, inner.spread / levelling.scale(matrix)[:, None]], 1)
        score = torch.cat([first.score[:, :1], inner.score], 1)
        return Found(torch.cat([centre[:, None], points], 1), score, extent, spread)

    def _reduced(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(images.float(), self.config.one_net.reduction)


def about(centre: Tensor, extent: Tensor, field: float, size: int) -> Tensor:
    """View-to-crop transforms [B, 2, 3]: squares of `field` box sizes about boxes of `centre` and `extent` [B, 2], `size` px
    wide.

    The same square as an aligner's crop (`frames.square_about`).
    """
    scale = size / (field * extent.square().mean(-1).sqrt()).clamp(min=levelling.LEAST)
    linear = scale[:, None, None] * torch.eye(2, device=centre.device, dtype=centre.dtype)
    shift = (size - 1) / 2 - scale[:, None] * centre
    return torch.cat([linear, shift[..., None]], -1)


def off_by(centre: Tensor, extent: Tensor, field: float, shift: float, zoom: float) -> tuple[Tensor, Tensor]:
    """Boxes [B, 2], [B, 2] off by uniform draws: their centre by up to `shift` of the crop's side along each axis, their size by
    a factor of up to 1 + `zoom`, either way. From torch's own stream, which a fit sets anew for each step."""
    draw = 2 * torch.rand(len(centre), 3, device=centre.device) - 1
    side = field * extent.square().mean(-1, keepdim=True).sqrt()
    return centre + shift * side * draw[:, :2], extent * (1 + zoom) ** draw[:, 2:]
