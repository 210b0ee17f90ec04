"""Batch norms that keep what they know: always in evaluation, folded into convolutions to rounding, nothing else changed."""

import copy

import pytest
import timm
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from whichwhale.conv_stack import ConvStack
from whichwhale.fit.processes import shared_norms
from whichwhale.kept_norms import keep_norms
from whichwhale.nets import Backbone, BackboneConfig, freeze

SMALL = "mobilenetv3_small_050"
# Activations within the norm, SAME padding, depthwise, squeeze and excitation, residual, concatenated, no batch norm at all.
NETS = ["tf_efficientnet_lite0", SMALL, "resnet18", "test_resnet", "densenet121", "regnetx_002", "test_convnext"]


def lively(net: nn.Module) -> nn.Module:
    """Norms that do something: statistics and weights that are not those of a new network."""
    draw = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            for tensor, low, high in [(module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0)]:
                tensor.copy_(torch.rand(tensor.shape, generator=draw) * (high - low) + low)
            with torch.no_grad():
                module.weight.copy_(torch.rand(module.weight.shape, generator=draw) + 0.5)
                module.bias.copy_(torch.rand(module.bias.shape, generator=draw) - 0.5)
    return net


def make(name: str, share: float = 0.5) -> tuple[nn.Module, nn.Module]:
    """A network with the first share frozen, as it is, and with kept norms."""
    torch.manual_seed(0)
    net = ConvStack([8, 16, 24], 2) if name == "conv3x3" else timm.create_model(name, num_classes=0, global_pool="")
    freeze(lively(net), share)
    kept = copy.deepcopy(net)
    keep_norms(kept, lambda: kept.forward_features(torch.zeros(1, 3, 64, 64)))
    return net, kept


def frozen_norms(net: nn.Module) -> list[nn.Module]:
    every = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    return [module for module in every if not any(parameter.requires_grad for parameter in module.parameters(recurse=False))]


@pytest.mark.parametrize("name", [*NETS, "conv3x3"])
def test_a_network_says_what_it_said_to_rounding(name: str) -> None:
    net, kept = make(name)
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    assert list(net.state_dict()) == list(kept.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), kept.state_dict().values(), strict=True))
    folding = [module for module in kept.modules() if type(module).__name__.startswith("Folding")]
    assert len(folding) > 1 or name == "test_convnext"
    assert all(type(module).__name__.startswith("Kept") for module in frozen_norms(kept))
    with torch.no_grad():
        expected = net.eval().forward_features(images)
        torch.testing.assert_close(kept.eval().forward_features(images), expected, rtol=1e-3, atol=1e-4 * expected.abs().max())
        fine, finer = copy.deepcopy(net).double(), copy.deepcopy(kept).double()
        torch.testing.assert_close(finer.forward_features(images.double()), fine.forward_features(images.double()))


def test_in_training_frozen_norms_stay_and_the_others_go_by_the_batch() -> None:
    net, kept = make(SMALL)
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before = {name: tensor.clone() for name, tensor in kept.state_dict().items()}
    still = {id(module) for module in frozen_norms(kept)}
    kept.train()
    norms = [module for module in kept.modules() if isinstance(module, _BatchNorm)]
    assert {id(module) for module in norms if not module.training} == still and 0 < len(still) < len(norms)
    kept.forward_features(images).square().mean().backward()
    moved = {name for name, tensor in kept.state_dict().items() if not torch.equal(tensor, before[name])}
    names = {f"{name}.running_mean" for name, module in kept.named_modules() if id(module) in still}
    assert names and not moved & names and any("running_mean" in name for name in moved)


def test_what_trains_gets_the_gradients_that_it_would_get_from_norms_in_evaluation() -> None:
    net, kept = (one.double().train() for one in make(SMALL))
    for module in frozen_norms(net):
        module.eval()
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    for one in (net, kept):
        one.forward_features(images).square().mean().backward()
    for ours, theirs in zip(kept.parameters(), net.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None)
        if ours.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-6, atol=1e-10)


def test_weights_that_are_loaded_later_count() -> None:
    """Nothing is multiplied out once and for all."""
    net, kept = make(SMALL)
    other = {name: tensor + 0.1 if "running" in name else tensor for name, tensor in net.state_dict().items()}
    net.load_state_dict(other)
    kept.load_state_dict(other)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net.eval().forward_features(images)
        torch.testing.assert_close(kept.eval().forward_features(images), expected, rtol=1e-3, atol=1e-4 * expected.abs().max())
        again = copy.deepcopy(kept)
        lively(kept)  # a copy has norms of its own
        torch.testing.assert_close(again.forward_features(images), expected, rtol=1e-3, atol=1e-4 * expected.abs().max())


@pytest.mark.parametrize("levels", [1, 2])
def test_a_backbone_keeps_the_norms_of_its_frozen_share(levels: int) -> None:
    said = {"name": SMALL, "weights": False, "frozen": 0.4, "levels": levels}
    plain, kept = (Backbone(BackboneConfig.model_validate(said | {"norms": norms})) for norms in ("batch", "kept"))
    kept.load_state_dict(lively(plain).state_dict())
    assert plain.train().net.bn1.training and not kept.train().net.bn1.training
    assert sum("Folding" in type(module).__name__ for module in kept.modules()) > 3
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(kept.eval()(images), plain.eval()(images), rtol=1e-3, atol=1e-3)
        with torch.autocast("cpu", torch.bfloat16):
            near, exact = kept(images).float(), plain(images).float()
        assert (near - exact).abs().max() < 0.05 * exact.abs().max()


def test_a_convolution_whose_norm_is_used_twice_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.norm = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

        def forward(self, maps: torch.Tensor) -> torch.Tensor:
            return self.norm(self.two(self.norm(self.one(maps))))

    net = lively(Twice())
    freeze(net, 1.0)
    images, kept = torch.randn(1, 3, 4, 4), copy.deepcopy(net)
    keep_norms(kept, lambda: kept(torch.zeros(1, 3, 4, 4)))
    assert not any("Folding" in type(module).__name__ for module in kept.modules())
    torch.testing.assert_close(kept(images), net.eval()(images))


def test_norms_that_processes_share_are_not_the_kept_ones() -> None:
    """In evaluation, where they need no other process."""
    _, net = make("tf_efficientnet_lite0")
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = net.eval().forward_features(images)
        shared = shared_norms(net)
        assert torch.equal(shared.eval().forward_features(images), expected)
    kept = frozen_norms(shared)
    assert not any(isinstance(module, nn.SyncBatchNorm) or module.training for module in [*kept, *frozen_norms(shared.train())])
    assert any(isinstance(module, nn.SyncBatchNorm) for module in shared.modules())
