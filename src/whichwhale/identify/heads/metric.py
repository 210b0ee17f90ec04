"""Heads whose loss compares photos with one another, and how they still tell whales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import mining
from whichwhale.identify.heads.cross_entropy import cross_entropy
from whichwhale.identify.heads.head import MarginHead, Pulse, spread_of
from whichwhale.identify.heads.probe import CosineProbe


class MetricHead(MarginHead):
    """A linear layer to `dims`, whose unit-length output photos are compared by; subclasses say how.

    Such a loss has no logits, so the head learns them beside it. By default a cosine probe, one direction a whale and a scale, is
    trained by cross entropy on the *detached* embedding (loss key `probe`): it reads what the metric loss has made and changes
    nothing of it. With `bn_neck` (Luo et al. 2019, "Bag of Tricks and a Strong Baseline for Deep Person Re-identification") the
    embedding goes through batch norm and a linear layer without bias; their cross entropy (key `softmax`) trains the backbone
    too, the metric loss stays before the norm, and whales are searched for behind it.

    Distances are between unit vectors (0 to 2), in fp32 even under autocast.
    """

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__(config)
        self.dims = config.dims
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(features, config.dims, bias=False)
        self.neck: nn.Module | None = None
        if config.bn_neck:
            self.neck = nn.BatchNorm1d(config.dims)
            self.neck.bias.requires_grad_(False)  # classes then lie about the origin, where angles tell them apart
            self.classifier: nn.Module = nn.Linear(config.dims, classes, bias=False)
            nn.init.normal_(self.classifier.weight, std=0.001)
        else:
            self.classifier = CosineProbe(config.dims, classes, config.scale)

    def embed(self, features: Tensor) -> Tensor:
        self.count_step()
        return self.linear(self.dropout(features))

    def unit(self, embedding: Tensor) -> Tensor:
        return F.normalize((embedding if self.neck is None else self.neck(embedding)).float())

    def logits(self, embedding: Tensor) -> Tensor:
        return self.classifier(embedding if self.neck is None else self.neck(embedding))

    def loss(
        self,
        embedding: Tensor,
        target: Tensor,
        masked: Tensor | None = None,
        weight: Tensor | None = None,
        relation: mining.Relation | None = None,
    ) -> Tensor:
        """The metric loss of the batch; row b's class masked[b] is no negative of it. `relation` says who shows one animal and
        who shows two, in place of targets and masked classes. Weighted rows are refused (`mixes`)."""
        if weight is not None:
            raise ValueError(f"{type(self).__name__}: a photo with a share of two whales has no place in a pair or triplet")
        with torch.autocast(embedding.device.type, enabled=False):
            return self.compare(F.normalize(embedding.float()), target, relation or mining.relations(target, masked))

    def compare(self, unit: Tensor, target: Tensor, relation: mining.Relation) -> Tensor:
        """The metric loss of unit-length embeddings, float32 [B, dims]."""
        raise NotImplementedError

    def more_losses(
        self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, labelled: Tensor | None = None
    ) -> dict[str, Tensor]:
        """`labelled` bool [B] (None: all): the rows whose target counts. Without any the loss is 0."""
        seen = embedding.detach() if self.neck is None else embedding
        weight = None
        if labelled is not None:  # no row is taken out: how many there are would have to be read from the device
            target = torch.where(labelled, target, 0)
            masked = None if masked is None else torch.where(labelled, masked, 1)  # another class than the target
            weight = labelled.float()
        loss = cross_entropy(self.logits(seen).float(), target, self.smoothing, masked, weight)
        return {"probe" if self.neck is None else "softmax": loss}

    def constant_loss(self, share: float) -> float:
        """The metric loss of a network that gives every photo the same embedding, with `share` of the margin."""
        return share * self.margin

    def pulse(
        self,
        features: Tensor,
        embedding: Tensor,
        target: Tensor,
        masked: Tensor | None = None,
        weight: Tensor | None = None,
        relation: mining.Relation | None = None,
    ) -> Pulse:
        """The loss against a constant network's, once half of the margin is there, and the spread of the embeddings; both without
        dropout, which scatters even the embeddings of one and the same photo."""
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            plain = self.linear(features.float())
            unit, spread = F.normalize(plain), spread_of(plain)
            share = self.margin_share()
            relation = relation or mining.relations(target, masked)
            excess = self.compare(unit, target, relation) / self.constant_loss(share) - 1 if share >= 0.5 else None
        return Pulse(excess, spread)
