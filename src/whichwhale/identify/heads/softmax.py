"""The plain classifier."""

from __future__ import annotations

from torch import Tensor, nn

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads.cross_entropy import cross_entropy
from whichwhale.identify.heads.head import Head


class SoftmaxHead(Head):
    """Dropout and a linear layer; the embedding is the features themselves."""

    mixes = True

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.dims = features
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(features, classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)
        self.smoothing = config.smoothing

    def embed(self, features: Tensor) -> Tensor:
        return features

    def logits(self, embedding: Tensor) -> Tensor:
        return self.linear(self.dropout(embedding))

    def loss(self, embedding: Tensor, target: Tensor, masked: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        return cross_entropy(self.logits(embedding).float(), target, self.smoothing, masked, weight)
