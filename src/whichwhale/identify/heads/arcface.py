"""ArcFace: cosines with an additive angular margin."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads.cross_entropy import cross_entropy
from whichwhale.identify.heads.head import MarginHead, Pulse, spread_of


class ArcFaceHead(MarginHead):
    """A linear layer to `dims` with batch norm, and cosines to one direction a whale with an additive angular margin.

    Deng et al. 2019, "ArcFace: Additive Angular Margin Loss", equation 3. Cosines are fp32 even under autocast: at scale 24 the
    8 bits of a bf16 cosine are a tenth of a nat. Beyond pi - margin the target's cosine is shifted instead of turned, so that
    the loss keeps falling with the angle.
    """

    mixes = True
    worse_is_stuck = True

    def __init__(self, features: int, classes: int, config: HeadConfig, centres: int = 1) -> None:
        super().__init__(config)
        self.dims, self.classes, self.scale = config.dims, classes, config.scale
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(features, config.dims, bias=False)
        self.norm = nn.BatchNorm1d(config.dims)
        self.directions = nn.Parameter(torch.empty(classes * centres, config.dims))
        nn.init.xavier_uniform_(self.directions)
        # Nats, of the whales of the training photos, and if each is known not to be one other that is as frequent (its twin);
        # the largest there is until `know`.
        self.entropy = math.log(classes)
        self.entropy_masked = math.log(max(classes - 1, 1))

    def know(self, counts: Tensor) -> None:
        share = counts.double() / counts.sum()
        self.entropy = float(-torch.special.xlogy(share, share).sum())
        self.entropy_masked = self.entropy + float(torch.special.xlog1py(share, -share).sum())

    def embed(self, features: Tensor) -> Tensor:
        self.count_step()
        return self.norm(self.linear(self.dropout(features)))

    def cosines(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to cosines [B, classes], fp32."""
        with torch.autocast(embedding.device.type, enabled=False):
            return F.linear(F.normalize(embedding.float()), F.normalize(self.directions.float()))

    def logits(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to logits [B, classes]: cosines times the scale, no margin."""
        return self.scale * self.cosines(embedding)

    def margin_of(self, target: Tensor) -> float | Tensor:
        """The margin in radians of whales int64 [B]: one for all, or [B, 1]."""
        return self.margin

    def loss(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """Mean cross entropy of `target` int64 [B] after the margin, as if row b had no class masked[b]; row b counts weight[b]
        times."""
        cosines = self.cosines(embedding)
        margin = self.margin_share() * self.margin_of(target)
        right = cosines.gather(1, target[:, None])
        # acos has an infinite slope at -1 and 1, so the angle stays a little inside.
        angle = torch.acos(right.clamp(-1 + 1e-6, 1 - 1e-6))
        turned = torch.cos(angle + margin)
        sine = margin.sin() if isinstance(margin, Tensor) else math.sin(margin)
        moved = torch.where(angle <= math.pi - margin, turned, right - margin * sine)
        with_margin = cosines.scatter(1, target[:, None], moved)
        return cross_entropy(self.scale * with_margin, target, self.smoothing, masked, weight)

    def pulse(
        self, features: Tensor, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None
    ) -> Pulse:
        """The cross entropy without the margin: with it, a fit that learns well stays above ln(classes) for epochs. The spread is
        that before batch norm, and without dropout, which scatters even the embeddings of one and the same photo.

        A network that says the same of every photo can still say how often each whale is photographed, so its loss is the entropy
        of the whales, at most ln(classes), or more; less where twins are masked.
        """
        with torch.no_grad():
            with torch.autocast(features.device.type, enabled=False):
                spread = spread_of(self.linear(features.float()))
            without_margin = cross_entropy(self.logits(embedding), target, 0.0, masked, weight)
        constant = self.entropy if masked is None else self.entropy_masked
        return Pulse(without_margin / constant - 1 if constant else None, spread)

    def advice(self) -> str:
        return (
            "lower fit.lr, warm up longer (fit.warmup), take a smaller head.margin or let it grow over more steps "
            "(head.margin_steps), or let more of the backbone train (backbone.frozen)"
        )
