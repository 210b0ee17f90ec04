"""The bare passes of a localizer's or aligner's networks: recorded while it looks at photos, to be repeated on their own.

What lies between two networks, or behind the last one, is no pass of a network: reading a map's peak, laying a head level,
cutting windows out of a view.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from whichwhale.detect.net import PartsNet
from whichwhale.detect.ssdlite_net import SsdLiteNet
from whichwhale.localize.coordinate_nets import BinsNet, RegressionNet
from whichwhale.localize.heatmap_net import HeatmapNet
from whichwhale.localize.transformer import Where
from whichwhale.nets import Backbone

# Which method of a network takes views [B, 3, H, W] to its raw maps or numbers. A sliding window's is its backbone's.
BARE: dict[type[nn.Module], str] = {
    HeatmapNet: "forward",
    RegressionNet: "forward",
    BinsNet: "forward",
    Where: "forward",
    Backbone: "forward",
    PartsNet: "outputs",
    SsdLiteNet: "outputs",
}
Pass = tuple[Callable[[Tensor], object], Tensor]  # a network, and what it was shown


@contextmanager
def recorded(net: nn.Module) -> Iterator[list[Pass]]:
    """Inside, what the networks in `net` are shown is copied, in order, into the list that is yielded; of one within another the
    outer one counts. Raises ValueError if `net` learns and has none that is known."""
    mine = [(module, BARE[type(module)]) for module in net.modules() if type(module) in BARE]
    if not mine and any(True for _ in net.parameters()):
        raise ValueError(f"{type(net).__name__}: which of its methods is the bare network is not known; add it to BARE")
    passes: list[Pass] = []
    within = [0]

    def keeping(own: Callable[[Tensor], object]) -> Callable[[Tensor], object]:
        def call(images: Tensor) -> object:
            if not within[0]:
                passes.append((own, images.clone()))
            within[0] += 1
            try:
                return own(images)
            finally:
                within[0] -= 1

        return call

    for module, name in mine:
        setattr(module, name, keeping(getattr(module, name)))
    try:
        yield passes
    finally:
        for module, name in mine:
            delattr(module, name)  # the class's own is there again
