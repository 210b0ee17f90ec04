"""Backbones: which network, what of it is frozen, how its map is pooled."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal

import pydantic
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from whichwhale.config import Config, ConfigError
from whichwhale.conv_stack import CONV3X3, ConvStack
from whichwhale.kept_norms import keep_norms
from whichwhale.weights import load_weights


class BackboneConfig(Config):
    """A timm backbone, or `conv3x3`: the winners' own kind of net, a stage of `depth` 3x3 convolutions for each of `widths`, from
    random weights (conv_stack.py).

    `weights`: auto (a package that has them here, else timm's hub), package, hub, false (random), or the path of a file that
    holds a state dict (.safetensors, or a torch file that is read with weights_only), as it is or from the runs folder on: for
    example DATASET/MODEL/fold0/model.safetensors of another fit, whose backbone is taken.

    `grid` says where in the picture features are: rows and columns of cells, each pooled on its own (heads are aligned, so a cell
    is a place on the head; Sun et al. 2018, "Beyond part models", do it with stripes of a person). Before that a 1x1 convolution
    with batch norm, the same for all cells, may leave `narrow` channels: a grid of all of them makes a large head.
    """

    name: str = "tf_efficientnet_lite0"
    weights: str | bool = "auto"
    drop_path: float = pydantic.Field(0.0, ge=0, lt=1)  # stochastic depth
    frozen: float = pydantic.Field(0.0, ge=0, le=1)  # share of the parameter tensors, from the input on, that never train
    # What batch norms of frozen layers go by in training: each batch, as those of layers that train do, or the mean and variance
    # that they came with (kept), as in prediction; these are folded into the convolutions on a CPU (kept_norms.py).
    norms: Literal["batch", "kept"] = "batch"
    pooling: str = pydantic.Field("avg", pattern="^(avg|gem)$")
    grid: tuple[pydantic.PositiveInt, pydantic.PositiveInt] = (1, 1)
    narrow: int = pydantic.Field(0, ge=0)  # channels that are pooled, chosen by a 1x1 convolution; 0: all that there are
    stages: Annotated[int, pydantic.Field(ge=2)] | None = None  # of the network, the rest is cut off; None: all
    stride: Literal[32, 16, 8] = 32  # pixels of the picture a step of the last maps; less: the last strides are left out
    levels: int = pydantic.Field(1, ge=1, le=2)  # 2: features are the pooled maps of the last stage, then those of the one before
    widths: list[pydantic.PositiveInt] = pydantic.Field([32, 64, 128, 256, 256], min_length=2)  # of conv3x3 alone, as `depth`
    depth: int = pydantic.Field(2, ge=1)

    @pydantic.model_validator(mode="after")
    def _keys_of_the_network(self) -> BackboneConfig:
        fields = type(self).model_fields
        if self.name != CONV3X3:
            if (self.widths, self.depth) != (fields["widths"].default, fields["depth"].default):
                raise ValueError(f"widths and depth are of name={CONV3X3}; name={self.name} has its own: leave them out")
        elif self.drop_path:
            raise ValueError(f"drop_path is of residual networks; name={CONV3X3} is none: leave it out")
        elif self.stride != 32 or self.stages:
            raise ValueError(f"stride and stages of name={CONV3X3} come of the number of widths: leave them out")
        elif self.weights in (True, "hub", "package"):
            raise ValueError(f"weights={self.weights}: nobody has trained name={CONV3X3}; leave it out, or give a file")
        return self

    @pydantic.model_validator(mode="after")
    def _norms_of_frozen_layers(self) -> BackboneConfig:
        if self.norms == "kept" and not self.frozen:
            raise ValueError("norms=kept is of frozen layers, and frozen=0 has none; set frozen, or leave norms out")
        return self

    @pydantic.model_validator(mode="after")
    def _powers_of_what_is_not_negative(self) -> BackboneConfig:
        if self.pooling == "gem" and self.narrow:
            raise ValueError("pooling=gem takes powers, and half of the narrow channels are negative; leave one of them out")
        return self

    @property
    def bare(self) -> BackboneConfig:
        """The same network, for weights that a fit has learnt: none are looked for to start from."""
        return self.model_copy(update={"weights": False})


class GeneralizedMean(nn.Module):
    """GeM pooling, mean(x^p)^(1/p) with p trained (Radenovic et al. 2018, section 3.2), of each cell of a grid: [B, C, H, W] to
    [B, C, rows, columns]."""

    def __init__(self, grid: tuple[int, int] = (1, 1), p: float = 3.0, floor: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(p))
        self.grid, self.floor = grid, floor

    def forward(self, maps: Tensor) -> Tensor:
        powers = maps.float().clamp(min=self.floor).pow(self.p)
        return F.adaptive_avg_pool2d(powers, self.grid).pow(1 / self.p)


class Backbone(nn.Module):
    """A network without its classifier: uint8-scaled RGB [B, 3, H, W] in 0..255 to features [B, dims]."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.net = _create(config)
        self.weights_from = load_weights(self.net, config.name, config.weights)
        about = self.net.pretrained_cfg
        self.register_buffer("mean", 255 * torch.tensor(about["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(about["std"]).view(1, 3, 1, 1), persistent=False)
        self.pool = _pool(config)
        last = len(self.net.feature_info) - 1 if config.stages is None else _cut(self.net, config) - 1
        self._stage: int | None = None  # the last one, if the network goes on behind it
        channels = self.net.num_features
        if config.stages is not None:
            self._stage, channels = last, self.net.feature_info[last]["num_chs"]
        self.narrow = _narrow(channels, config)
        self.dims: int = config.narrow or channels
        self._before: int | None = None  # the stage before, if its maps count too
        if config.levels == 2:
            self._before, channels = last - 1, self.net.feature_info[last - 1]["num_chs"]
            self.pool_before, self.narrow_before = _pool(config), _narrow(channels, config)
            self.dims += config.narrow or channels
        self.dims *= config.grid[0] * config.grid[1]
        freeze(self.net, config.frozen)
        if config.norms == "kept":
            size = about.get("input_size", (3, 64, 64))
            keep_norms(self.net, lambda: self.maps(torch.zeros(1, *size)))
        depthwise_in_fp32(self.net)

    def maps(self, images: Tensor) -> Tensor:
        """The last stage's maps [B, channels, h, w]."""
        return self._maps(images, [])[0]

    def forward(self, images: Tensor) -> Tensor:
        last, before = self._maps(images, [] if self._before is None else [self._before])
        features = self.pool(self.narrow(last)).flatten(1)
        if self._before is None:
            return features
        return torch.cat([features, self.pool_before(self.narrow_before(before[0])).flatten(1)], 1)

    def _maps(self, images: Tensor, others: list[int]) -> tuple[Tensor, list[Tensor]]:
        """The last stage's maps, and those of the stages `others`."""
        images = self._standard(images)
        if self._stage is not None:
            wanted = [*others, self._stage]
            maps = self.net.forward_intermediates(images, indices=wanted, stop_early=True, intermediates_only=True)
            return maps[-1], maps[:-1]
        return self.net.forward_intermediates(images, indices=others) if others else (self.net.forward_features(images), [])

    def _standard(self, images: Tensor) -> Tensor:
        """Where channels lie innermost, row by row: three means and deviations at a time are too few for a vector unit."""
        images, mean, std = images.to(self.mean.dtype), self.mean, self.std
        count, channels, height, width = images.shape
        if images.device.type != "cpu" or not images.is_contiguous(memory_format=torch.channels_last):
            return (images - mean) / std
        rows = images.permute(0, 2, 3, 1).reshape(count, height, width * channels)
        rows = (rows - mean.flatten().repeat(width)).div_(std.flatten().repeat(width))
        return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def _pool(config: BackboneConfig) -> nn.Module:
    return GeneralizedMean(config.grid) if config.pooling == "gem" else nn.AdaptiveAvgPool2d(config.grid)


def _narrow(channels: int, config: BackboneConfig) -> nn.Module:
    if not config.narrow:
        return nn.Identity()
    norm = nn.BatchNorm2d(config.narrow)
    # Features are then about as long for many cells as for one, and a head can learn at the same rate.
    nn.init.constant_(norm.weight, (config.grid[0] * config.grid[1]) ** -0.5)
    return nn.Sequential(nn.Conv2d(channels, config.narrow, 1, bias=False), norm)


def _cut(net: nn.Module, config: BackboneConfig) -> int:
    """Drop what stands behind the first `stages` stages; returns their number. Raises ConfigError if there are no more."""
    if config.stages >= (there := len(net.feature_info)):
        raise ConfigError(f"backbone.stages={config.stages}: name={config.name} has {there}; leave it out, or take less")
    if not hasattr(net, "prune_intermediate_layers"):
        raise ConfigError(f"backbone.stages={config.stages}: name={config.name} can't be cut; leave it out")
    net.prune_intermediate_layers([config.stages - 1], prune_norm=True, prune_head=True)
    return config.stages


def freeze(net: nn.Module, share: float) -> None:
    """Stop the first `share` of the parameter tensors, from the input on, from training (1: all of them)."""
    parameters = list(net.parameters())
    for parameter in parameters[: round(share * len(parameters))]:
        parameter.requires_grad_(False)


class _Fp32OnCpu:
    """A convolution that leaves autocast on a CPU, if its weight trains. See `depthwise_in_fp32`."""

    def forward(self, maps: Tensor) -> Tensor:
        if maps.device.type != "cpu" or not self.weight.requires_grad:
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float())


def depthwise_in_fp32(net: nn.Module) -> None:
    """Keep depthwise convolutions that train in fp32 when a CPU trains in bf16; nothing changes elsewhere.

    oneDNN computes the weight gradient of a bf16 depthwise convolution as if it were a dense one of 16-channel blocks. Measured
    on 2 cores with AVX512-BF16, torch 2.14, tf_efficientnet_lite0, 160 px, training images/s: bf16 26, bf16 with this 47.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.__class__ = type(f"Fp32OnCpu{type(module).__name__}", (_Fp32OnCpu, type(module)), {})


def _create(config: BackboneConfig) -> nn.Module:
    if config.name == CONV3X3:
        return ConvStack(config.widths, config.depth)
    if ":" not in config.name and not timm.is_model(config.name):
        near = difflib.get_close_matches(config.name, timm.list_models(), 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"backbone.name={config.name}: timm has no such network{hint}")
    some = {"drop_path_rate": config.drop_path} if config.drop_path else {}  # not every network takes these
    some |= {"output_stride": config.stride} if config.stride != 32 else {}
    try:
        return timm.create_model(config.name, pretrained=False, num_classes=0, global_pool="", **some)
    except (TypeError, NotImplementedError, AssertionError) as error:
        raise ConfigError(f"backbone.name={config.name}: the network can't be made so: {error}") from error
