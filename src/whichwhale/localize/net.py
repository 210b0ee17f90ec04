"""What can be fitted: the variants by name, and what a fit of one minimises.

A variant is an nn.Module made from (config) with `losses(batch)`, `find(images)` and `weights_from`; its backbones are called
`backbone`, everything else in it starts from random numbers. One without parameters has no losses and is never fitted. Nothing
outside knows more of it, so another kind (a detector, say) is a file beside these, a name here and in `config.py`, and a YAML.
"""

from __future__ import annotations

from torch import Tensor, nn

from whichwhale.fit.batches import Batch
from whichwhale.fit.loop import Objective
from whichwhale.localize.coordinate_nets import BinsNet, RegressionNet
from whichwhale.localize.edges import EdgesNet
from whichwhale.localize.found import Found
from whichwhale.localize.heatmap_net import HeatmapNet
from whichwhale.localize.one_net import OneNet
from whichwhale.localize.transformer import TransformerNet
from whichwhale.localize.two_looks import TwoLooksNet
from whichwhale.localize.windows import WindowsNet

__all__ = ["VARIANTS", "Found", "HeatmapNet", "LocateObjective", "TwoLooksNet"]

VARIANTS = {
    "heatmap": HeatmapNet,
    "regression": RegressionNet,
    "bins": BinsNet,
    "two_looks": TwoLooksNet,  # aligners
    "windows": WindowsNet,  # localizers, from here on
    "edges": EdgesNet,
    "one_net": OneNet,
    "transformer": TransformerNet,
}


class LocateObjective(Objective):
    """What a fit of a variant minimises: its own losses. Everything but the backbone starts from random numbers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.net.losses(batch)

    def fresh_parameters(self) -> list[nn.Parameter]:
        return [parameter for name, parameter in self.net.named_parameters() if "backbone" not in name.split(".")]
