"""The detectors that can be fitted, by name.

A variant is an nn.Module made from (config, number of parts) with `losses(batch)`, `find(images)` and `weights_from`; its
backbone is called `backbone`, everything else in it starts from random numbers. Nothing outside knows more of it.
"""

from __future__ import annotations

from torch import nn

from whichwhale.detect.config import DetectConfig
from whichwhale.detect.net import PartsNet
from whichwhale.detect.ssdlite_net import SsdLiteNet

VARIANTS = {"retinanet": PartsNet, "ssdlite": SsdLiteNet}


def make_net(config: DetectConfig, parts: int) -> nn.Module:
    """The network of the config's variant, for `parts` kinds of boxes."""
    return VARIANTS[config.variant](config, parts)
