"""Networks of random weights, without classifier."""

import timm
import torch
from torch import nn

LITE0 = "tf_efficientnet_lite0"  # there is a package with its weights
SMALL = "mobilenetv3_small_050"  # and none with this one's


def bare(name: str = SMALL, seed: int = 0) -> nn.Module:
    """The network whose weights `seed` draws, in eval mode."""
    torch.manual_seed(seed)
    return timm.create_model(name, pretrained=False, num_classes=0, global_pool="").eval()


def same(one: nn.Module, other: nn.Module) -> bool:
    """Whether both have the same state, to the bit."""
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
