"""A spatial transformer: the crop by which whales are told apart best, learnt from who is in the photo and nothing else.

Jaderberg et al. 2015, "Spatial Transformer Networks", with an attention over cells in place of the paper's regression: a mean of
places moves by every cell's gradient. A square, not turned, for the head's direction is the aligner's business. It never sees a
box or a point, and is there to be compared with.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.config import ConfigError
from whichwhale.fit.batches import Batch
from whichwhale.localize import levelling
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.found import Found
from whichwhale.localize.one_net import about
from whichwhale.nets import Backbone

WIDE = 2.0  # logit of the first crops' size: what they don't show can't teach where to look


class Where(nn.Module):
    """Views [B, 3, h, w] to where to look: attention over the last maps' cells, and how much of the width to see."""

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        self.backbone = Backbone(config.backbone)
        self.backbone.pool = nn.Identity()
        self.attend = nn.Conv2d(self.backbone.dims, 1, 1)
        self.zoom = nn.Linear(self.backbone.dims, 1)
        for layer, bias in ((self.attend, 0.0), (self.zoom, WIDE)):  # at first nearly everything is seen, about the middle
            nn.init.zeros_(layer.weight)
            nn.init.constant_(layer.bias, bias)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Attention [B, h', w'], which sums to 1, and the size [B] as the logit of its place between smallest and largest."""
        maps = self.backbone.maps(images)
        with torch.autocast(maps.device.type, enabled=False):
            maps = maps.float()
            logits = self.attend(maps)[:, 0]
            attention = torch.softmax(logits.flatten(1), 1).view_as(logits)
            seen = torch.einsum("bchw,bhw->bc", maps, attention)
            return attention, self.zoom(seen)[:, 0]


class TransformerNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) of a whole photo to a square box; no points."""

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        settings = config.transformer
        if not settings.whales:
            raise ConfigError("transformer.whales=0: who is to be told apart is known once the training table is read")
        for key, usual in (("levels", 1), ("grid", (1, 1)), ("narrow", 0)):
            if getattr(config.backbone, key) != usual:
                raise ConfigError(f"backbone.{key} is of pooled features, a transformer attends to cells; leave it out")
        self.config = config
        self.where = Where(config)
        self.backbone = Backbone(config.backbone)
        self.classify = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(self.backbone.dims, settings.whales))

    @property
    def weights_from(self) -> str:
        """Where both backbones' first weights came from, in words."""
        return self.backbone.weights_from

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy of the whales `whale` [B] (negative: unknown) in a batch's `image` [B, 3, H, W]."""
        whale = batch["whale"]
        logits = self(batch["image"])
        each = F.cross_entropy(logits, whale.clamp(min=0), reduction="none")
        known = (whale >= 0).float()
        return {"whale": (each * known).sum() / known.sum().clamp(min=1)}

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, whales] of what the crops show."""
        centre, side, _ = self.crops(images)
        pixels = self.config.transformer.pixels
        matrix = about(centre, side[:, None].expand(-1, 2), 1.0, pixels)
        return self.classify(self.backbone(levelling.sample(images, matrix, (pixels, pixels)))).float()

    def crops(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where views are looked at: centres [B, 2] and sides [B] of the squares, px of the view, and how far the attention
        reaches about the centre [B], px along one axis."""
        settings, width = self.config.transformer, self.config.view_size[0]
        attention, zoom = self.where(F.avg_pool2d(images.float(), settings.reduction))
        rows, columns = attention.shape[1:]
        cell = images.shape[-1] / columns, images.shape[-2] / rows
        x = (torch.arange(columns, device=images.device) + 0.5) * cell[0] - 0.5
        y = (torch.arange(rows, device=images.device) + 0.5) * cell[1] - 0.5
        across, down = attention.sum(1), attention.sum(2)
        centre = torch.stack([across @ x, down @ y], -1)
        variance = across @ x.square() + down @ y.square() - centre.square().sum(-1)
        small, large = (math.log(size * width) for size in settings.sizes)
        side = torch.exp(small + (large - small) * torch.sigmoid(zoom))
        return centre, side, (variance.clamp(min=0) / 2).sqrt()

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to what is in them; an attention that reaches over a crop's side has a score of 1 / e."""
        centre, side, spread = self.crops(images)
        extent = (side / self.config.transformer.field)[:, None].expand(-1, 2)
        return Found(centre[:, None], torch.exp(-spread / side)[:, None], extent, spread[:, None])
