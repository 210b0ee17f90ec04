"""Sub-centre ArcFace with a margin that depends on how many photos a whale has."""

from __future__ import annotations

import torch
from torch import Tensor

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads.arcface import ArcFaceHead


class SubcentreHead(ArcFaceHead):
    """ArcFace with `subcentres` directions a whale, of which the nearest counts (Deng et al. 2020, "Sub-center ArcFace: Boosting
    Face Recognition by Large-scale Noisy Web Faces"): a whale may look in several ways, wet or dry, or carry a wrong label,
    without one direction having to serve them all.

    With `dynamic_margin` a whale of n training photos has the margin m = a n^-b + c radians (Ha et al. 2020, "Google Landmark
    Recognition 2020 Competition Third Place Solution"): the fewer photos, the wider.
    """

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__(features, classes, config, centres=config.subcentres)
        self.dynamic = config.dynamic_margin
        self.register_buffer("margins", torch.full((classes,), config.margin))  # radians

    def know(self, counts: Tensor) -> None:
        """Set each whale's margin from its number of training photos. Raises ValueError for a whale with none."""
        super().know(counts)
        if self.dynamic is not None:
            if (counts < 1).any():
                raise ValueError(f"class {int((counts < 1).nonzero()[0])} has no training photo, so no margin follows from it")
            law = self.dynamic
            self.margins.copy_(law.a * counts.double() ** -law.b + law.c)

    def cosines(self, embedding: Tensor) -> Tensor:
        """Embedding [B, dims] to the cosine to each whale's nearest sub-centre [B, classes], fp32."""
        return super().cosines(embedding).unflatten(1, (self.classes, -1)).max(-1).values

    def margin_of(self, target: Tensor) -> Tensor:
        return self.margins[target][:, None]
