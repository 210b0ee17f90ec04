"""A classifier that reads an embedding without changing it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CosineProbe(nn.Module):
    """Cosines to one direction a whale, times a learnt scale: logits [B, classes] of an embedding [B, dims], fp32."""

    def __init__(self, dims: int, classes: int, scale: float) -> None:
        super().__init__()
        self.directions = nn.Parameter(torch.empty(classes, dims))
        nn.init.xavier_uniform_(self.directions)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, embedding: Tensor) -> Tensor:
        with torch.autocast(embedding.device.type, enabled=False):
            cosines = F.linear(F.normalize(embedding.float()), F.normalize(self.directions.float()))
            return self.log_scale.float().exp() * cosines
