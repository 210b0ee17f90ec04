"""The sliding window: a classifier of small windows, with the head or without it, asked everywhere.

Nothing tells it where in a window the head lies, so its box is the mean of the windows that say yes, and it costs a pass over
many times the view's pixels. It is there to be compared with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.fit.batches import Batch
from whichwhale.localize import levelling
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.found import Found
from whichwhale.localize.one_net import about
from whichwhale.nets import Backbone


class WindowsNet(nn.Module):
    """Views [B, 3, H, W] (RGB, 0..255) of a whole photo to a square box; no points."""

    def __init__(self, config: LocalizerConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone)
        self.classify = nn.Linear(self.backbone.dims, 1)
        nn.init.zeros_(self.classify.bias)
        centres, sides = places(config.view_size, config.windows.sizes, config.windows.step)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("sides", sides, persistent=False)

    @property
    def weights_from(self) -> str:
        """Where the backbone's first weights came from, in words."""
        return self.backbone.weights_from

    def forward(self, images: Tensor, centres: Tensor, sides: Tensor) -> Tensor:
        """Logits [B, N] that the windows at `centres` [B, N, 2] of `sides` [B, N] (px of the view) show the head."""
        count, pixels = centres.shape[1], self.config.windows.pixels
        flat = sides.reshape(-1, 1).expand(-1, 2)
        matrix = about(centres.reshape(-1, 2), flat, 1.0, pixels)
        windows = levelling.sample(images.float().repeat_interleave(count, 0), matrix, (pixels, pixels))
        return self.classify(self.backbone(windows)).float().unflatten(0, (-1, count))[..., 0]

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Weighted losses of a batch as `HeatmapNet` takes it. Windows are drawn from torch's own stream."""
        settings, centre = self.config.windows, batch["points"][:, :1].float()
        true = settings.field * batch["extent"].float().square().mean(-1, keepdim=True).sqrt()
        yes = centre + settings.jitter * true[..., None] * (2 * self._draw(centre, settings.positive, 2) - 1)
        large = true * (1 + settings.jitter) ** (2 * self._draw(centre, settings.positive) - 1)
        no = self._draw(centre, settings.negative, 2) * centre.new_tensor(self.config.view_size) - 0.5
        some = torch.randint(len(settings.sizes), (len(centre), settings.negative), device=centre.device)
        other = centre.new_tensor(settings.sizes)[some] * self.config.view_size[0]
        far = (no - centre).abs().amax(-1) > settings.away * torch.maximum(true, other)  # others say neither yes nor no
        logits = self(batch["image"], torch.cat([yes, no], 1), torch.cat([large, other], 1))
        known = batch["weight"][:, :1].float()
        weight = torch.cat([known.expand(-1, settings.positive), known * far], 1)
        target = (torch.arange(logits.shape[1], device=logits.device) < settings.positive).float().expand_as(logits)
        each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        halves = ((each * weight * part).sum() / (weight * part).sum().clamp(min=1e-6) for part in (target, 1 - target))
        return {"box": sum(halves)}  # as many with as without, whatever their numbers

    def find(self, images: Tensor) -> Found:
        """Views [B, 3, H, W] to the windows that say yes: their mean about the surest, weighed by how sure they are."""
        settings, count = self.config.windows, len(images)
        parts = []
        for start in range(0, len(self.centres), max(1, settings.batch_size // count)):
            stop = start + max(1, settings.batch_size // count)
            centres, sides = (each[start:stop].expand(count, *each[start:stop].shape) for each in (self.centres, self.sides))
            parts.append(torch.sigmoid(self(images, centres, sides)))
        p = torch.cat(parts, 1)
        best, index = p.max(1)
        there, side = self.centres[index], self.sides[index]
        near = (self.centres[None] - there[:, None]).norm(dim=-1) < side[:, None] / 2
        weight = p * near * (p > best[:, None] / 2)
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-9)
        centre = (weight[..., None] * self.centres).sum(1)
        mean = torch.exp((weight * self.sides.log()).sum(1)) / settings.field
        spread = torch.sqrt((weight[..., None] * (self.centres - centre[:, None]) ** 2).sum((1, 2)) / 2)
        return Found(centre[:, None], best[:, None], mean[:, None].expand(-1, 2), spread[:, None])

    def _draw(self, like: Tensor, *shape: int) -> Tensor:
        return torch.rand(len(like), *shape, device=like.device)


def places(view: tuple[int, int], sizes: list[float], step: float) -> tuple[Tensor, Tensor]:
    """Where windows of `sizes` (shares of the view's width) slide to on a view of (width, height) px: centres [N, 2], sides [N].

    They stand `step` of their side apart, as far from one edge as from the other; their centres stay within the view.
    """
    centres, sides = [], []
    for size in sizes:
        side = size * view[0]
        axes = []
        for length in view:
            count = int(length // (step * side)) + 1
            axes.append((length - 1) / 2 + step * side * (torch.arange(count) - (count - 1) / 2))
        y, x = torch.meshgrid(axes[1], axes[0], indexing="ij")
        centres.append(torch.stack([x, y], -1).reshape(-1, 2))
        sides.append(torch.full((len(centres[-1]),), side))
    return torch.cat(centres), torch.cat(sides)
