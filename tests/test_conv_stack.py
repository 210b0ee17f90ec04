"""The stack of 3x3 convolutions, alone and as a backbone."""

import pytest
import torch
from torch import nn

from whichwhale.config import ConfigError, load
from whichwhale.conv_stack import ConvStack
from whichwhale.nets import Backbone, BackboneConfig


def test_it_is_3x3_convolutions_with_batch_norm_and_relu_and_pooling_between_stages() -> None:
    net = ConvStack([4, 6, 8], depth=2)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert [(one.in_channels, one.out_channels) for one in convolutions] == [(3, 4), (4, 4), (4, 6), (6, 6), (6, 8), (8, 8)]
    assert {one.kernel_size for one in convolutions} == {(3, 3)} and all(one.bias is None for one in convolutions)
    kinds = [type(module).__name__ for module in net.modules() if not list(module.children())]
    stage = ["Conv2d", "BatchNorm2d", "ReLU"] * 2
    assert kinds == [*stage, "MaxPool2d", *stage, "MaxPool2d", *stage]


def test_its_maps_have_the_size_that_it_says() -> None:
    net = ConvStack([4, 6, 8], depth=1).eval()
    last, maps = net.forward_intermediates(torch.randn(2, 3, 32, 48), [0, 1, 2])
    for one, about in zip(maps, net.feature_info, strict=True):
        assert one.shape == (2, about["num_chs"], 32 // about["reduction"], 48 // about["reduction"])
    assert last is maps[-1] and net.num_features == 8
    same = torch.ones(1, 3, 16, 16)
    torch.testing.assert_close(net.forward_features(same), net.forward_intermediates(same, [])[0])


def test_signals_keep_their_size_through_many_layers() -> None:
    torch.manual_seed(0)
    maps = ConvStack([16] * 4, depth=4).forward_features(torch.randn(4, 3, 64, 64))
    assert 0.3 < maps.std().item() < 3


@pytest.mark.parametrize("levels", [1, 2])
def test_as_a_backbone(levels: int) -> None:
    backbone = Backbone(BackboneConfig(name="conv3x3", widths=[4, 6, 8], depth=1, levels=levels)).eval()  # weights: auto
    assert backbone.weights_from == "random"
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert backbone(images).shape == (2, backbone.dims) and backbone.dims == (8 if levels == 1 else 14)
    backbone.train()(images).sum().backward()
    assert all(parameter.grad is not None for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["widths=[4, 8]"], "widths and depth are of name=conv3x3; name=tf_efficientnet_lite0 has its own"),
        (["name=resnet18", "depth=3"], "name=resnet18 has its own"),
        (["name=conv3x3", "weights=hub"], "nobody has trained name=conv3x3"),
        (["name=conv3x3", "weights=true"], "nobody has trained name=conv3x3"),
        (["name=conv3x3", "drop_path=0.1"], "drop_path is of residual networks"),
        (["name=conv3x3", "widths=[4]"], "at least 2"),
    ],
)
def test_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(BackboneConfig, None, overrides)
