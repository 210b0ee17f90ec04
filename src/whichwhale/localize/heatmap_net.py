"""The heat-map variant: a backbone, a neck that brings its maps to one stride, and a map for each thing to be found."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.config import ConfigError
from whichwhale.fit.batches import Batch
from whichwhale.localize import heatmap
from whichwhale.localize.config import LocalizerConfig, LocateConfig
from whichwhale.localize.found import Found
from whichwhale.nets import Backbone

USUAL_SIZE = 0.1  # of the view's width: what sizes are measured by, so that a fresh network is not far off


class Neck(nn.Module):
    """Feature maps of falling resolution to one map of the finest: 1 x 1 to `width`, enlarged, added, smoothed.

    Lin et al. 2017, "Feature Pyramid Networks", figure 3, with depthwise smoothing: a CPU trains it too.
    """

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(count, width, 1, bias=False) for count in channels)
        self.smooth = nn.ModuleList(_block(width, width) for _ in channels)
        self.last = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps from fine to coarse, [B, C, h, w] each, to [B, width, h, w] of the finest."""
        merged = self.smooth[-1](self.lateral[-1](maps[-1]))
        for level in range(len(maps) - 2, -1, -1):
            fine = self.lateral[level](maps[level])
            merged = self.smooth[level](fine + F.interpolate(merged, size=fine.shape[-2:], mode="nearest"))
        return self.last(merged)


def _block(inside: int, outside: int) -> nn.Sequential:
    depthwise = nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(inside, outside, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU())


class HeatmapNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) to a heat map for each channel of the config and, if it has a box, its size."""

    def __init__(self, config: LocateConfig) -> None:
        super().__init__()
        self.config = config
        for key, usual in (("levels", 1), ("narrow", 0), ("stages", None)):
            if getattr(config.backbone, key) != usual:
                raise ConfigError(f"backbone.{key} is of pooled features, a heat map has its own (heatmap.stride); leave it out")
        self.backbone = Backbone(config.backbone)
        about = self.backbone.net.feature_info
        fine, coarse = config.heatmap.stride, config.heatmap.coarsest
        levels = [level for level, one in enumerate(about) if fine <= one["reduction"] <= coarse]
        channels = [about[level]["num_chs"] for level in levels]
        if not levels or about[levels[0]]["reduction"] != fine:
            known = ", ".join(str(one["reduction"]) for one in about)
            raise ConfigError(f"heatmap.stride={fine}: {config.backbone.name} has maps of stride {known}")
        try:  # what only a classifier needs would never get a gradient
            self.backbone.net.prune_intermediate_layers(levels, prune_norm=True, prune_head=True)
        except (AttributeError, TypeError) as error:
            raise ConfigError(f"backbone.name={config.backbone.name}: timm can't give its intermediate maps ({error})") from error
        self.backbone.pool = nn.Identity()
        self._levels = levels
        self.neck = Neck(channels, config.heatmap.width)
        self.boxes = isinstance(config, LocalizerConfig)
        self._size_weight = config.size_weight if self.boxes else 0.0
        self.maps = nn.Conv2d(config.heatmap.width, len(config.channels) + 2 * self.boxes, 1)
        nn.init.normal_(self.maps.weight, std=0.01)
        nn.init.zeros_(self.maps.bias)

    @property
    def weights_from(self) -> str:
        """Where the backbone's first weights came from, in words."""
        return self.backbone.weights_from

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits [B, K, h, w] of the heat maps and, in every cell, log of width and height over the usual size [B, 2, h, w]."""
        standard = (images.to(self.backbone.mean.dtype) - self.backbone.mean) / self.backbone.std
        features = self.backbone.net.forward_intermediates(standard, indices=self._levels, intermediates_only=True)
        maps = self.maps(self.neck(features)).float()
        split = len(self.config.channels)
        return maps[:, :split], maps[:, split:] if self.boxes else None

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch: `image` [B, 3, H, W], `points` [B, K, 2] (px of the view), `weight` [B, K] (0: not there),
        and `extent` [B, 2] (px) where the config has a box."""
        logits, sizes = self(batch["image"])
        shape, heat = (logits.shape[-1], logits.shape[-2]), self.config.heatmap
        target = heatmap.gaussians(heatmap.to_cells(batch["points"].float(), heat.stride), shape, heat.sigma)
        weight, first = batch["weight"].float(), int(self.boxes)
        losses = {}
        if sizes is not None:
            losses["box"] = heatmap.divergence(logits[:, :1], target[:, :1], weight[:, :1])
            wanted = torch.log(batch["extent"].float() / self._usual()).clamp(-4, 4)[..., None, None]
            # In every cell near the centre, so that a peak that is a little off reads the right size as well.
            off = (F.smooth_l1_loss(sizes, wanted.expand_as(sizes), reduction="none", beta=0.1) * target[:, :1]).sum((1, 2, 3))
            losses["size"] = self._size_weight * (off * weight[:, 0]).sum() / weight[:, 0].sum().clamp(min=1e-6)
        if logits.shape[1] > first:
            off = heatmap.divergence(logits[:, first:], target[:, first:], weight[:, first:])
            losses["points"] = self.config.point_weight * off
        return losses

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to what is in them."""
        logits, sizes = self(images)
        heat = self.config.heatmap
        cells, score, attention = heatmap.decode(logits, heat.sigma, heat.window)
        extent = None if sizes is None else torch.exp((sizes * attention[:, :1]).sum((-2, -1))) * self._usual()
        spread = heatmap.spread(logits, cells) * heat.stride
        return Found(heatmap.to_pixels(cells, heat.stride), score, extent, spread)

    def _usual(self) -> float:
        return USUAL_SIZE * self.config.view_size[0]
