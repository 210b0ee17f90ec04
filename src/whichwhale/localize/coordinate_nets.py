"""Variants that say coordinates, not maps: direct regression, and coordinates as bins."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.config import ConfigError
from whichwhale.fit.batches import Batch
from whichwhale.localize import bins
from whichwhale.localize.config import CoordinatesConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.found import Found
from whichwhale.localize.heatmap_net import USUAL_SIZE
from whichwhale.nets import Backbone


class _CoordinateNet(nn.Module):
    """A backbone, whose last maps are narrowed and then read cell by cell: a mean over cells would forget where they are."""

    def __init__(self, config: LocateConfig, head: CoordinatesConfig) -> None:
        super().__init__()
        self.config = config
        for key, usual in (("levels", 1), ("grid", (1, 1)), ("narrow", 0)):
            if getattr(config.backbone, key) != usual:
                raise ConfigError(f"backbone.{key}: variant={config.variant} reads every cell itself; leave it out")
        self.backbone = Backbone(config.backbone)
        self.backbone.pool = nn.Identity()
        self.boxes = isinstance(config, LocalizerConfig)
        self.narrow = nn.Sequential(
            nn.Conv2d(self.backbone.dims, head.width, 1, bias=False), nn.BatchNorm2d(head.width), nn.ReLU()
        )
        with torch.no_grad():
            view = torch.zeros(1, 3, config.view_size[1], config.view_size[0])
            cells = self.backbone.eval().maps(view)[0, 0].numel()
            self.backbone.train()
        self.wide = nn.Sequential(nn.Flatten(), nn.Dropout(head.dropout), nn.Linear(cells * head.width, head.hidden), nn.ReLU())
        self.size = nn.Linear(head.hidden, 2) if self.boxes else None
        if self.size is not None:
            nn.init.zeros_(self.size.weight)
            nn.init.zeros_(self.size.bias)

    @property
    def weights_from(self) -> str:
        """Where the backbone's first weights came from, in words."""
        return self.backbone.weights_from

    def features(self, images: Tensor) -> Tensor:
        """Views [B, 3, H, W] (RGB, 0..255) to [B, hidden]."""
        return self.wide(self.narrow(self.backbone.maps(images)))

    def _losses_by_channel(self, off: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """Means by weight of losses [B, K]: of the box's centre, and of the points."""
        first, losses = int(self.boxes), {}
        if self.boxes:
            losses["box"] = _mean(off[:, :1], weight[:, :1])
        if off.shape[1] > first:
            losses["points"] = self.config.point_weight * _mean(off[:, first:], weight[:, first:])
        return losses

    def _size_loss(self, features: Tensor, batch: Batch) -> dict[str, Tensor]:
        if self.size is None:
            return {}
        wanted = torch.log(batch["extent"].float() / self._usual()).clamp(-4, 4)
        off = F.smooth_l1_loss(_exactly(self.size, features), wanted, reduction="none", beta=0.1).sum(1)
        return {"size": self.config.size_weight * _mean(off, batch["weight"][:, 0].float())}

    def _sizes(self, features: Tensor) -> Tensor | None:
        return None if self.size is None else _exactly(self.size, features)

    def _extent(self, sizes: Tensor | None) -> Tensor | None:
        return None if sizes is None else torch.exp(sizes) * self._usual()

    def _usual(self) -> float:
        return USUAL_SIZE * self.config.view_size[0]


class RegressionNet(_CoordinateNet):
    """Views [B, 3, H, W] to coordinates, learnt by a smooth L1 loss, and to how far off they will be.

    The unit is the view's width, from its middle. `spread` is the scale of a Laplace distribution about each point, learnt from
    the points' own errors by its log likelihood (Kendall & Gal 2017, section 3), but as a probe: neither the points nor the
    features under them learn from it, or hard photos would be given up for their large scale.
    """

    def __init__(self, config: LocateConfig) -> None:
        super().__init__(config, config.regression)
        count = len(config.channels)
        self.places = nn.Linear(config.regression.hidden, 2 * count)
        self.scales = nn.Linear(config.regression.hidden, count)
        for layer in (self.places, self.scales):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.scales.bias, -2.0)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch as `HeatmapNet` takes it."""
        features = self.features(batch["image"])
        places = _exactly(self.places, features).unflatten(1, (-1, 2))
        off = places - self._to_units(batch["points"].float())
        weight = batch["weight"].float()
        each = F.smooth_l1_loss(off, torch.zeros_like(off), reduction="none", beta=self.config.regression.beta).sum(-1)
        losses = self._losses_by_channel(each / self.config.regression.beta, weight) | self._size_loss(features, batch)
        scales = self._scales(features.detach())
        likely = off.detach().abs().sum(-1) * torch.exp(-scales) + 2 * scales  # both axes share a scale
        return losses | {"spread": self.config.regression.spread_weight * _mean(likely, weight)}

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Places [B, K, 2] in units of the view's width, logarithms of their scales [B, K], and of the box's width and height
        over the usual size [B, 2]."""
        features = self.features(images)
        return _exactly(self.places, features).unflatten(1, (-1, 2)), self._scales(features), self._sizes(features)

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to what is in them; a spread of the usual box size has a score of 1 / e."""
        places, scales, sizes = self(images)
        spread = 2**0.5 * torch.exp(scales) * self.config.view_size[0]  # a Laplace's standard deviation
        return Found(self._to_pixels(places), torch.exp(-spread / self._usual()), self._extent(sizes), spread)

    def _scales(self, features: Tensor) -> Tensor:
        return _exactly(self.scales, features).clamp(-8, 2)

    def _to_units(self, points: Tensor) -> Tensor:
        return (points - self._middle(points)) / self.config.view_size[0]

    def _to_pixels(self, places: Tensor) -> Tensor:
        return places * self.config.view_size[0] + self._middle(places)

    def _middle(self, like: Tensor) -> Tensor:
        return (like.new_tensor(self.config.view_size) - 1) / 2


class BinsNet(_CoordinateNet):
    """Views [B, 3, H, W] to distributions over the bins of both axes, one pair for each count of bins and each channel."""

    def __init__(self, config: LocateConfig) -> None:
        super().__init__(config, config.bins)
        count = len(config.channels)
        self.heads = nn.ModuleList(nn.Linear(config.bins.hidden, 2 * count * number) for number in config.bins.counts)
        for layer in self.heads:
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch as `HeatmapNet` takes it: divergences from the target, mean over counts and axes."""
        features, settings = self.features(batch["image"]), self.config.bins
        points, weight = batch["points"].float(), batch["weight"].float()
        losses: dict[str, Tensor] = {}
        for logits, count in zip(self._logits(features), settings.counts, strict=True):
            for axis, length in enumerate(self.config.view_size):
                target = bins.encode(points[..., axis], count, length, settings.target)
                each = F.kl_div(F.log_softmax(logits[axis], -1), target, reduction="none").sum(-1)
                share = 1 / (2 * len(settings.counts))
                for key, loss in self._losses_by_channel(each, weight).items():
                    losses[key] = losses.get(key, 0.0) + share * loss
        return losses | self._size_loss(features, batch)

    def forward(self, images: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor | None]:
        """For each count of bins the logits [B, K, count] of x and of y; and logarithms of the box's width and height over the
        usual size [B, 2]."""
        features = self.features(images)
        return self._logits(features), self._sizes(features)

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to what is in them."""
        (by_count, sizes), settings = self(images), self.config.bins
        by_count = [[torch.softmax(axis, -1) for axis in logits] for logits in by_count]
        x, y = (
            bins.decode([both[axis] for both in by_count], length, settings.target, settings.window)
            for axis, length in enumerate(self.config.view_size)
        )
        places, score = torch.stack([x[0], y[0]], -1), (x[1] * y[1]).clamp(max=1)
        spread = torch.sqrt((x[2] ** 2 + y[2] ** 2) / 2)
        return Found(places, score, self._extent(sizes), spread)

    def _logits(self, features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """For each count: logits [B, K, count] of x and of y."""
        shape = (2, len(self.config.channels), -1)
        return [tuple(_exactly(head, features).unflatten(1, shape).unbind(1)) for head in self.heads]


def _exactly(layer: nn.Module, features: Tensor) -> Tensor:
    """A last layer in fp32: eight bits of a bf16 coordinate are half a pixel of a view."""
    with torch.autocast(features.device.type, enabled=False):
        return layer(features.float())


def _mean(off: Tensor, weight: Tensor) -> Tensor:
    return (off * weight).sum() / weight.sum().clamp(min=1e-6)
