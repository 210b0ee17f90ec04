"""Batch norms of frozen layers that keep the mean and variance they came with, and what that saves on a CPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from timm.layers import BatchNormAct2d, Conv2dSame
from timm.layers.conv2d_same import conv2d_same
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def keep_norms(net: nn.Module, run: Callable[[], object]) -> None:
    """Let those batch norms of `net` whose weights are frozen stay in evaluation, whatever mode the network is in.

    On a CPU each is from then on a part of the convolution before it (Jacob et al. 2018, section 3.2), whose weights are
    multiplied out anew in every step: parameters and buffers, their names and their values stay as they are. `run` sends a
    picture through the network, which tells what is before what.
    """
    for module in net.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, _BatchNorm) and own and not any(parameter.requires_grad for parameter in own):
            module.__class__ = type(f"Kept{type(module).__name__}", (_Kept, type(module)), {})
            module.eval()
    for convolution, norm in _pairs(net, run):
        convolution.norm = (norm,)  # no module of the convolution's own
        convolution.__class__ = type(f"Folding{type(convolution).__name__}", (_Folding, type(convolution)), {})
        norm.folded = True


class _Kept:
    """A batch norm that stays in evaluation; if it is folded, only its activation is left to do."""

    folded = False

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)

    def forward(self, maps: Tensor) -> Tensor:
        if not self.folded or maps.device.type != "cpu":
            return super().forward(maps)
        return self.act(self.drop(maps)) if isinstance(self, BatchNormAct2d) else maps


class _Folding:
    """A convolution that does what its batch norm would do to each channel: times a gain, plus a shift."""

    def forward(self, maps: Tensor) -> Tensor:
        if maps.device.type != "cpu":
            return super().forward(maps)
        (norm,) = self.norm
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        before = -norm.running_mean if self.bias is None else self.bias - norm.running_mean
        weight, shift = self.weight * gain[:, None, None, None], norm.bias + gain * before
        if isinstance(self, Conv2dSame):
            return conv2d_same(maps, weight, shift, self.stride, self.padding, self.dilation, self.groups)
        return self._conv_forward(maps, weight, shift)


def _pairs(net: nn.Module, run: Callable[[], object]) -> list[tuple[nn.Conv2d, nn.Module]]:
    """Each convolution whose output a kept batch norm takes as it is, with that norm; none that is used twice."""
    made: list[tuple[Tensor, nn.Conv2d]] = []
    found: list[tuple[nn.Conv2d, nn.Module]] = []

    def after(convolution: nn.Conv2d, _: object, maps: Tensor) -> None:
        made.append((maps, convolution))

    def before(norm: nn.Module, given: tuple[Tensor]) -> None:
        found.extend((convolution, norm) for maps, convolution in made if maps is given[0])

    hooks = [module.register_forward_hook(after) for module in net.modules() if type(module) in (nn.Conv2d, Conv2dSame)]
    kinds = nn.BatchNorm2d, BatchNormAct2d
    kept = [module for module in net.modules() if isinstance(module, _Kept) and type(module).__mro__[2] in kinds]
    hooks += [module.register_forward_pre_hook(before) for module in kept]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()
            run()
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    times = Counter(id(module) for pair in found for module in pair)
    return [pair for pair in found if all(times[id(module)] == 1 for module in pair)]
