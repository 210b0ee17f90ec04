"""The two-looks variant: a first look finds the points at any rotation, a second one looks again at the head laid level.

What the first network must be invariant to (rotation, size, place) is taken away from the second by a similarity that brings the
first look's points to fixed places; and there d covers many more cells. Both looks belong to one fold model, so the second look
at a photo is led by a model that did not see the photo either.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.fit.batches import Batch
from whichwhale.localize import heatmap, levelling
from whichwhale.localize.config import AlignerConfig, SecondLookConfig
from whichwhale.localize.found import Found
from whichwhale.localize.heatmap_net import HeatmapNet


class TwoLooksNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) of a head crop to its points.

    The first look sees the view reduced `second.reduction` times, the second one a window of `second.width` x `second.height` px
    that is cut from the view itself, with the first two points at the places that `second.span` gives them.
    """

    def __init__(self, config: AlignerConfig) -> None:
        super().__init__()
        self.config = config
        self.first = HeatmapNet(config)
        self.second = HeatmapNet(config.model_copy(update={"heatmap": config.second.heatmap}))
        self.register_buffer("places", torch.tensor(config.second.places, dtype=torch.float32), persistent=False)

    @property
    def weights_from(self) -> str:
        """Where both backbones' first weights came from, in words."""
        return self.first.weights_from

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch as `HeatmapNet` takes it. The second look's windows are led by the true points, moved by
        errors such as a first look makes (`off_by`): its own errors on photos it learns from would be too small."""
        first = self.first.losses({**batch, "image": self._reduced(batch["image"]), "points": self._to_reduced(batch["points"])})
        led = off_by(batch["points"].float()[:, :2], self.config.second)
        matrix = levelling.similarity(led, self.places)
        window = levelling.sample(batch["image"], matrix, self.config.second.size)
        points = levelling.apply(matrix, batch["points"].float())
        inside = ((points > -0.5) & (points < points.new_tensor(self.config.second.size) - 0.5)).all(-1)
        known = (batch["weight"][:, :2] > 0).all(1, keepdim=True)  # else there is nothing to lead it by
        second = self.second.losses({"image": window, "points": points, "weight": batch["weight"] * inside * known})
        return {"first": first["points"], "second": self.config.second.weight * second["points"]}

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to their points."""
        found = self.first.find(self._reduced(images))
        points = self._from_reduced(found.points)
        for _ in range(self.config.second.times):
            matrix = levelling.similarity(points[:, :2], self.places)
            found = self.second.find(levelling.sample(images, matrix, self.config.second.size))
            points = levelling.apply(levelling.invert(matrix), found.points)
        spread = None if found.spread is None else found.spread / levelling.scale(matrix)[:, None]
        return Found(points, found.score, None, spread)

    def _reduced(self, images: Tensor) -> Tensor:
        return F.avg_pool2d(images.float(), self.config.second.reduction)

    def _to_reduced(self, points: Tensor) -> Tensor:
        return heatmap.to_cells(points, self.config.second.reduction)

    def _from_reduced(self, points: Tensor) -> Tensor:
        return heatmap.to_pixels(points, self.config.second.reduction)


def off_by(points: Tensor, config: SecondLookConfig) -> Tensor:
    """Points [B, 2, 2] with errors as a first look makes them: most are small, some are large, a few take head for tail.

    Each pair has a standard deviation of its own, log-normal about `error` d; with chance `swapped` the two change places. Draws
    come from torch's own stream, which a fit sets anew for each step.
    """
    d = (points[:, 1] - points[:, 0]).norm(dim=-1)[:, None, None]
    count, device = len(points), points.device
    spread = config.error * torch.exp(config.error_spread * torch.randn(count, 1, 1, device=device))
    swap = torch.rand(count, 1, 1, device=device) < config.swapped
    return torch.where(swap, points.flip(1), points) + d * spread * torch.randn(points.shape, device=device)
