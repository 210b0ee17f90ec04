"""Backbones: what is frozen, pooling, and the fp32 depthwise convolutions."""

import pytest
import torch
from torch import nn

from tests.bare_network import LITE0, SMALL, bare, same
from whichwhale.config import ConfigError
from whichwhale.nets import Backbone, BackboneConfig, GeneralizedMean, depthwise_in_fp32, freeze


def test_an_unknown_network_is_refused_by_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="backbone.name=resnet81: timm has no such network; did you mean 'resnet18'"):
        Backbone(BackboneConfig(name="resnet81", weights=False))


@pytest.mark.parametrize("like", [torch.uint8, torch.float32])
def test_pictures_are_standardised_alike_however_they_lie_in_memory(like: torch.dtype) -> None:
    """As mean and deviation say, to the bit; what lay channels-last still does, and the pictures stay as they are."""
    backbone = Backbone(BackboneConfig(name=SMALL, weights=False))
    images = (torch.arange(2 * 3 * 4 * 5) * 2 % 256).view(2, 3, 4, 5).to(like)
    mean, std = (255 * torch.tensor(backbone.net.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    for memory in (torch.contiguous_format, torch.channels_last):
        given = images.contiguous(memory_format=memory)
        found = backbone._standard(given)
        assert torch.equal(found, (images.float() - mean) / std) and torch.equal(given, images)
        assert found.is_contiguous(memory_format=memory)


def test_stochastic_depth_only_where_the_network_has_it() -> None:
    Backbone(BackboneConfig(name="densenet121", weights=False))
    with pytest.raises(ConfigError, match="backbone.name=densenet121.*drop_path_rate"):
        Backbone(BackboneConfig(name="densenet121", weights=False, drop_path=0.1))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_freezing_a_share_from_the_input_on(share: float) -> None:
    net = bare()
    freeze(net, share)
    trains = [parameter.requires_grad for parameter in net.parameters()]
    frozen = round(share * len(trains))
    assert trains == [False] * frozen + [True] * (len(trains) - frozen)
    assert trains[0] is (share == 0)  # the stem comes first


def test_generalized_mean_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 8.0]]]])  # [1, 2, 2, 2]
    pooled = GeneralizedMean(p=3.0)(maps).flatten(1)
    torch.testing.assert_close(pooled, torch.tensor([[25 ** (1 / 3), 128 ** (1 / 3)]]))  # (1+8+27+64)/4 and 512/4
    torch.testing.assert_close(GeneralizedMean(p=1.0)(maps).flatten(1), torch.tensor([[2.5, 2.0]]))
    largest = GeneralizedMean(p=60.0)(maps[:, :1]).flatten(1)
    torch.testing.assert_close(largest, torch.tensor([[4.0]]), rtol=0.03, atol=0)


def test_generalized_mean_trains_its_power_and_survives_zeros() -> None:
    pool = GeneralizedMean()
    maps = torch.zeros(2, 3, 4, 4, requires_grad=True)
    pool(maps - 1).sum().backward()  # negative values are floored
    assert torch.isfinite(pool.p.grad) and torch.isfinite(maps.grad).all()


def test_pooling_of_a_backbone() -> None:
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    for pooling in ("avg", "gem"):
        backbone = Backbone(BackboneConfig(name=SMALL, weights=False, pooling=pooling)).eval()
        with torch.inference_mode():
            maps = backbone.maps(images)
            expected = maps.mean((-2, -1)) if pooling == "avg" else maps.clamp(min=1e-6).pow(3).mean((-2, -1)).pow(1 / 3)
            assert maps.shape[:2] == (2, backbone.dims)
            torch.testing.assert_close(backbone(images), expected)


@pytest.mark.parametrize("pooling", ["avg", "gem"])
def test_a_grid_pools_each_cell_on_its_own(pooling: str) -> None:
    images = torch.randint(0, 256, (2, 3, 64, 128), dtype=torch.uint8)
    backbone = Backbone(BackboneConfig(name=SMALL, weights=False, pooling=pooling, grid=(1, 2))).eval()
    with torch.inference_mode():
        maps = backbone.maps(images)  # [2, dims, 2, 4]: two cells of 2 x 2
        power = 3 if pooling == "gem" else 1
        halves = [half.clamp(min=1e-6) if pooling == "gem" else half for half in maps.split(2, dim=3)]
        cells = [half.pow(power).mean((-2, -1)).pow(1 / power) for half in halves]
        features = backbone(images)
        assert features.shape == (2, backbone.dims) == (2, 2 * maps.shape[1])
        torch.testing.assert_close(features, torch.stack(cells, 2).flatten(1))
    both = Backbone(BackboneConfig(name=SMALL, weights=False, pooling=pooling, grid=(2, 2), levels=2)).eval()
    assert both(images).shape == (2, both.dims)


def test_a_narrow_grid_is_a_convolution_of_all_cells() -> None:
    images = torch.randint(0, 256, (2, 3, 64, 128), dtype=torch.uint8)
    backbone = Backbone(BackboneConfig(name=SMALL, weights=False, grid=(2, 4), narrow=3)).eval()
    with torch.inference_mode():
        maps, (convolution, norm) = backbone.maps(images), backbone.narrow
        norm.running_mean.uniform_(-1, 1), norm.running_var.uniform_(1, 2)
        mixed = torch.einsum("bchw,dc->bdhw", maps, convolution.weight[:, :, 0, 0])
        expected = (mixed - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt() / 8**0.5
        assert maps.shape[2:] == (2, 4) and backbone.dims == 3 * 2 * 4
        torch.testing.assert_close(backbone(images), expected.flatten(1), rtol=1e-4, atol=1e-5)
    both = Backbone(BackboneConfig(name=SMALL, weights=False, grid=(2, 2), narrow=3, levels=2)).eval()
    assert both(images).shape == (2, both.dims) == (2, 2 * 3 * 4)
    with pytest.raises(ValueError, match="pooling=gem takes powers"):
        BackboneConfig(pooling="gem", narrow=3)


def test_a_network_of_fewer_stages_is_the_front_of_the_whole() -> None:
    images = torch.randint(0, 256, (2, 3, 64, 128), dtype=torch.uint8)
    whole = Backbone(BackboneConfig(name=LITE0)).eval()
    front, two = (Backbone(BackboneConfig(name=LITE0, stages=4, levels=levels)).eval() for levels in (1, 2))
    with torch.inference_mode():
        at = [whole.net.feature_info[stage]["num_chs"] for stage in (2, 3)]
        before, last = whole.net.forward_intermediates(whole._standard(images), indices=[2, 3], intermediates_only=True)
        assert last.shape == (2, at[1], 4, 8)
        torch.testing.assert_close(front.maps(images), last)
        torch.testing.assert_close(front(images), last.mean((2, 3)))
        torch.testing.assert_close(two(images), torch.cat([last.mean((2, 3)), before.mean((2, 3))], 1))
    assert front.dims == at[1] and two.dims == sum(at)
    assert len(list(front.parameters())) < len(list(whole.parameters())) / 1.4
    with pytest.raises(ConfigError, match="backbone.stages=5: name=tf_efficientnet_lite0 has 5"):
        Backbone(BackboneConfig(name=LITE0, weights=False, stages=5))
    with pytest.raises(ValueError, match="stride and stages of name=conv3x3"):
        BackboneConfig(name="conv3x3", stages=3)


def test_a_smaller_stride_keeps_more_places_and_the_same_weights() -> None:
    images = torch.randint(0, 256, (1, 3, 64, 128), dtype=torch.uint8)
    coarse, fine = (Backbone(BackboneConfig(name=LITE0, weights=False, stride=stride)).eval() for stride in (32, 16))
    assert coarse.maps(images).shape[2:] == (2, 4) and fine.maps(images).shape[2:] == (4, 8)
    fine.load_state_dict(coarse.state_dict())
    with pytest.raises(ConfigError, match=f"backbone.name={SMALL}.*output_stride"):
        Backbone(BackboneConfig(name=SMALL, weights=False, stride=16))
    with pytest.raises(ValueError, match="stride and stages of name=conv3x3"):
        BackboneConfig(name="conv3x3", stride=16)


@pytest.mark.parametrize("pooling", ["avg", "gem"])
@pytest.mark.parametrize(("name", "before"), [(LITE0, 112), (SMALL, 24), ("test_resnet", None)])
def test_two_feature_levels(name: str, before: int | None, pooling: str) -> None:
    """The features of one level, then the pooled maps of the stage before."""
    torch.manual_seed(0)
    both = Backbone(BackboneConfig(name=name, weights=False, pooling=pooling, levels=2)).eval()
    one = Backbone(BackboneConfig(name=name, weights=False, pooling=pooling)).eval()
    one.load_state_dict({key: value for key, value in both.state_dict().items() if not key.startswith("pool_before")})
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        features = both(images)
        assert features.shape == (2, both.dims)
        torch.testing.assert_close(features[:, : one.dims], one(images))
        standard = (images - both.mean) / both.std
        maps = both.net.forward_intermediates(standard, indices=2, intermediates_only=True)[0]  # of the last two
        assert before in (None, maps.shape[1]) and maps.shape[1] == both.dims - one.dims
        torch.testing.assert_close(features[:, one.dims :], both.pool_before(maps).flatten(1))


def test_depthwise_in_fp32_changes_neither_outputs_nor_names() -> None:
    plain, changed = bare(LITE0), bare(LITE0)
    assert same(plain, changed)
    depthwise_in_fp32(changed)
    assert list(plain.state_dict()) == list(changed.state_dict())
    names = [name for name, module in changed.named_modules() if type(module).__name__.startswith("Fp32OnCpu")]
    assert names and all("conv_dw" in name for name in names)
    assert len(names) == sum("conv_dw" in name for name, _ in plain.named_modules())
    images = torch.randn(1, 3, 48, 48)
    with torch.inference_mode():
        assert torch.equal(plain(images), changed(images))


def test_depthwise_in_fp32_leaves_autocast_and_nothing_else_does() -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 6, 1))
    depthwise_in_fp32(net)
    with torch.autocast("cpu", torch.bfloat16):
        maps = net[0](torch.randn(1, 4, 5, 5).bfloat16())
        assert maps.dtype == torch.float32
        assert net[1](maps).dtype == torch.bfloat16
        net[0].weight.requires_grad_(False)
        assert net[0](torch.randn(1, 4, 5, 5).bfloat16()).dtype == torch.bfloat16
