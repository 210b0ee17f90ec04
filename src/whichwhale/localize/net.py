"""What can be fitted: the variants by name, and what a fit of one minimises.

A variant is an nn.Module made from (config) with `losses(batch)`, `find(images)` and `weights_from`; its backbones are called
`backbone`, everything else in it starts from random numbers.
"""

from __future__ import annotations

from torch import Tensor, nn

from whichwhale.fit.batches import Batch
from whichwhale.fit.loop import Objective
from whichwhale.localize.heatmap_net import Found, HeatmapNet
from whichwhale.localize.two_looks import TwoLooksNet

__all__ = ["VARIANTS", "Found", "HeatmapNet", "LocateObjective", "TwoLooksNet"]

VARIANTS = {"heatmap": HeatmapNet, "two_looks": TwoLooksNet}


class LocateObjective(Objective):
    """What a fit of a variant minimises: its own losses. Everything but the backbone starts from random numbers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.net.losses(batch)

    def fresh_parameters(self) -> list[nn.Parameter]:
        return [parameter for name, parameter in self.net.named_parameters() if "backbone" not in name.split(".")]
