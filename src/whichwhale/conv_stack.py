"""A network of 3x3 convolutions alone, trained from random weights: what the winners of the right-whale competition built."""

from __future__ import annotations

from collections.abc import Sequence

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

CONV3X3 = "conv3x3"  # its name in configs


class ConvStack(nn.Module):
    """Stages of `depth` 3x3 convolutions, each with batch norm and ReLU, and a 3x3 max pooling of stride 2 between two stages.

    The kind of net with which deepsense.ai won the right-whale competition in 2016, trained on whale and callosity at once. It
    can be asked what a timm network without classifier is asked: `forward_features`, `forward_intermediates`, `num_features`,
    `feature_info`, `pretrained_cfg`.
    """

    def __init__(self, widths: Sequence[int], depth: int) -> None:
        super().__init__()
        self.num_features = widths[-1]
        self.pretrained_cfg = {"mean": IMAGENET_DEFAULT_MEAN, "std": IMAGENET_DEFAULT_STD}
        self.feature_info = [
            {"num_chs": width, "reduction": 2**stage, "module": f"stages.{stage}"} for stage, width in enumerate(widths)
        ]
        self.stages = nn.ModuleList()
        before = 3
        for stage, width in enumerate(widths):
            layers: list[nn.Module] = [nn.MaxPool2d(3, stride=2, padding=1)] if stage else []
            for _ in range(depth):
                convolution = nn.Conv2d(before, width, 3, padding=1, bias=False)
                nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
                layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                before = width
            self.stages.append(nn.Sequential(*layers))

    def forward_features(self, images: Tensor) -> Tensor:
        """Standardised images [B, 3, H, W] to the last stage's maps [B, num_features, h, w]."""
        return self.forward_intermediates(images, [])[0]

    def forward_intermediates(self, images: Tensor, indices: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """The last stage's maps, and those of the stages `indices`."""
        maps, wanted = images, []
        for number, stage in enumerate(self.stages):
            maps = stage(maps)
            if number in indices:
                wanted.append(maps)
        return maps, wanted
