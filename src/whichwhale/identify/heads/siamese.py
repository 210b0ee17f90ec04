"""The contrastive loss of a Siamese network."""

from __future__ import annotations

from pytorch_metric_learning.losses import ContrastiveLoss
from torch import Tensor

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import mining
from whichwhale.identify.heads.metric import MetricHead


class SiameseHead(MetricHead):
    """Photos of a whale shall lie together, of two whales at least `margin` apart (Hadsell et al. 2006, "Dimensionality Reduction
    by Learning an Invariant Mapping", section 2.1, with the distance itself in place of its square).

    Both sides of a Siamese network have the same weights, so one pass over a batch gives all of its pairs: the loss is the mean
    of d over those of a whale plus the mean of [margin - d]+ over those of two, each mean over the pairs that still have a loss.
    """

    def __init__(self, features: int, classes: int, config: HeadConfig) -> None:
        super().__init__(features, classes, config)
        self.metric = ContrastiveLoss(pos_margin=0.0, neg_margin=config.margin)

    def compare(self, unit: Tensor, target: Tensor, relation: mining.Relation) -> Tensor:
        self.metric.neg_margin = self.margin_share() * self.margin
        return self.metric(unit, target, mining.all_pairs(*relation))

    def advice(self) -> str:
        return (
            "lower fit.lr, warm up longer (fit.warmup), let the margin grow over more steps (head.margin_steps), "
            "or let more of the backbone train (backbone.frozen)"
        )
