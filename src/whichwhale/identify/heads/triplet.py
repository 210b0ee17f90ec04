"""The triplet loss: a photo shall lie nearer to its own whale's than to any other's."""

from __future__ import annotations

import math

import torch
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import mining
from whichwhale.identify.heads.metric import MetricHead


class TripletHead(MetricHead):
    """Mean over mined triplets of [margin + x]+, or of ln(1 + e^x) with `soft_margin`; x is the distance from the anchor to the
    positive less that to the negative.

    `mining: hard` takes each photo's farthest positive and nearest negative (Hermans et al. 2017, "In Defense of the Triplet
    Loss", equation 5); all triplets count in the mean, the solved ones as 0, as there. `mining: semihard` takes all whose
    negative is farther than the positive, by the margin at most (Schroff et al. 2015, "FaceNet", section 3.2), also with a soft
    margin.
    """

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__(features, classes, config)
        self.mining, self.soft = config.mining, config.soft_margin
        self.metric = TripletMarginLoss(margin=config.margin, smooth_loss=config.soft_margin, reducer=MeanReducer())

    def compare(self, unit: Tensor, target: Tensor, relation: mining.Relation) -> Tensor:
        margin = self.margin_share() * self.margin
        self.metric.margin = 0.0 if self.soft else margin
        same, other = relation
        with torch.no_grad():
            distances = self.metric.distance(unit)
            if self.mining == "hard":
                triplets = mining.batch_hard(distances, same, other)
            else:
                triplets = mining.semi_hard(distances, same, other, margin)
        return self.metric(unit, target, triplets)

    def constant_loss(self, share: float) -> float:
        return math.log(2) if self.soft else super().constant_loss(share)

    def advice(self) -> str:
        easier = "" if self.mining == "semihard" else "take head.mining=semihard, "
        held = "" if self.neck is not None else "set head.bn_neck=true, whose softmax holds the embeddings apart, "
        return (
            f"lower fit.lr, warm up longer (fit.warmup), {held}{easier}let the margin grow over more steps (head.margin_steps), "
            "or let more of the backbone train (backbone.frozen)"
        )
