"""RetinaNet on a backbone of the house (Lin et al. 2017, "Focal Loss for Dense Object Detection"): torchvision's pyramid,
anchors, heads, losses and suppression of doubles; batches of pictures of one size in place of its lists."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Self

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops import FeaturePyramidNetwork

from whichwhale.config import ConfigError
from whichwhale.detect.config import DetectConfig, PyramidConfig
from whichwhale.fit.batches import Batch
from whichwhale.fit.loop import Objective
from whichwhale.nets import Backbone

GROUPS = 8  # of the group norms in pyramid and heads: they start from random numbers, and batches are too small for batch norm
CANDIDATES = 400  # a map, before doubles are suppressed


class OnBackbone:
    """What torchvision's detectors on our `backbone` have in common; stands before them among a class's bases."""

    backbone: Backbone
    config: DetectConfig

    @property
    def weights_from(self) -> str:
        """Where the backbone's first weights came from, in words."""
        return self.backbone.weights_from

    def train(self, mode: bool = True) -> Self:
        """As usual, but for the backbone's batch norm, which with `frozen_norms` never learns from a batch."""
        super().train(mode)
        if self.config.frozen_norms:
            hold_norms(self.backbone)
        return self


class PartsNet(OnBackbone, RetinaNet):
    """Views [B, 3, H, W] (RGB, 0..255) to boxes of `parts` kinds. Not torchvision's `forward`: see `losses` and `find`."""

    def __init__(self, config: DetectConfig, parts: int) -> None:
        backbone = Backbone(config.backbone)
        levels, channels = levels_of(backbone, config)
        pyramid, norm = config.pyramid, partial(nn.GroupNorm, GROUPS)
        backbone.out_channels = pyramid.width
        anchors = anchor_generator(pyramid)
        head = RetinaNetHead(pyramid.width, anchors.num_anchors_per_location()[0], parts, norm_layer=norm)
        for branch in (head.classification_head, head.regression_head):
            branch.conv = branch.conv[: pyramid.depth]
        super().__init__(
            backbone,
            parts,
            anchor_generator=anchors,
            head=head,
            score_thresh=config.least_score,
            nms_thresh=config.overlap,
            detections_per_img=config.most,
            topk_candidates=CANDIDATES,
        )
        self.transform = nn.Identity()  # the backbone knows its own mean, and all views have one size
        self.fpn = FeaturePyramidNetwork(channels, pyramid.width, norm_layer=norm)
        self.config, self._levels = config, levels

    def outputs(self, images: Tensor) -> tuple[dict[str, Tensor], list[Tensor], list[int]]:
        """Class logits [B, A, parts] and box offsets [B, A, 4] of all anchors, the anchors [A, 4] of each picture, and how many
        of them belong to each map."""
        maps = maps_of(self.backbone, images, self._levels)
        features = list(self.fpn(OrderedDict(zip(map(str, self._levels), maps, strict=True))).values())
        found = {key: value.float() for key, value in self.head(features).items()}
        anchors = anchors_of(self.anchor_generator, images, features)
        each = self.anchor_generator.num_anchors_per_location()
        counts = [one.shape[-2] * one.shape[-1] * count for one, count in zip(features, each, strict=True)]
        return found, anchors, counts

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a batch: `image` [B, 3, H, W], `boxes` [B, M, 4] (left, top, right, bottom, px from the view's edge),
        `labels` [B, M] (negative: no box)."""
        found, anchors, _ = self.outputs(batch["image"])
        losses = self.compute_loss(targets_of(batch), found, anchors)
        return {"part": losses["classification"], "box": losses["bbox_regression"]}

    def find(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What is in views [B, 3, H, W]: for each `boxes` [n, 4] (as in `losses`), `scores` [n], highest first, `labels` [n]."""
        found, anchors, counts = self.outputs(images)
        by_map = {key: list(value.split(counts, 1)) for key, value in found.items()}
        size = (images.shape[-2], images.shape[-1])
        return self.postprocess_detections(by_map, [list(one.split(counts)) for one in anchors], [size] * len(images))


class DetectObjective(Objective):
    """What a fit minimises: the network's own losses of parts and boxes. All but the backbone starts from random numbers."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.net.losses(batch)

    def fresh_parameters(self) -> list[nn.Parameter]:
        old = {id(parameter) for parameter in self.net.backbone.parameters()}
        return [parameter for parameter in self.net.parameters() if id(parameter) not in old]


def anchor_generator(config: PyramidConfig) -> AnchorGenerator:
    """Anchors of every map: `scales` sizes to an octave from `anchor` strides on, in all `ratios`."""
    octave = [2 ** (step / config.scales) for step in range(config.scales)]
    sizes = tuple(tuple(config.anchor * stride * scale for scale in octave) for stride in config.strides)
    return AnchorGenerator(sizes, (tuple(config.ratios),) * len(sizes))


def hold_norms(backbone: nn.Module) -> None:
    """Keep the backbone's batch norm as it was trained, whatever mode the rest is in."""
    for module in backbone.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def maps_of(backbone: Backbone, images: Tensor, levels: list[int]) -> list[Tensor]:
    """The backbone's maps of views [B, 3, H, W] (RGB, 0..255), of the levels asked for."""
    standard = (images.to(backbone.mean.dtype) - backbone.mean) / backbone.std
    return backbone.net.forward_intermediates(standard, indices=levels, intermediates_only=True)


def anchors_of(generator: AnchorGenerator, images: Tensor, maps: list[Tensor]) -> list[Tensor]:
    """The anchors [A, 4] of each picture."""
    shapes = [one[:, :0].float() for one in maps]  # anchors take their type from the maps, and bf16 knows no pixel 257
    size = (images.shape[-2], images.shape[-1])
    return generator(ImageList(images, [size] * len(images)), shapes)


def targets_of(batch: Batch) -> list[dict[str, Tensor]]:
    """Boxes and labels of each picture of a batch, as torchvision takes them: those that are there."""
    there = [labels >= 0 for labels in batch["labels"]]
    return [
        {"boxes": boxes[mine].float(), "labels": labels[mine]}
        for boxes, labels, mine in zip(batch["boxes"], batch["labels"], there, strict=True)
    ]


def levels_of(backbone: Backbone, config: DetectConfig) -> tuple[list[int], list[int]]:
    """Numbers and channels of the backbone's maps with the pyramid's strides; what lies behind the last one is cut off."""
    name, strides = config.backbone.name, config.pyramid.strides
    about = {one["reduction"]: (level, one["num_chs"]) for level, one in enumerate(backbone.net.feature_info)}
    if missing := [stride for stride in strides if stride not in about]:
        raise ConfigError(
            f"pyramid.strides={strides}: {name} has maps of stride {', '.join(map(str, about))}, none of {missing[0]}"
        )
    levels = [about[stride][0] for stride in strides]
    try:  # what only a classifier needs would never get a gradient
        backbone.net.prune_intermediate_layers(levels, prune_norm=True, prune_head=True)
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"backbone.name={name}: timm can't give its intermediate maps ({error})") from error
    backbone.pool = nn.Identity()
    return levels, [about[stride][1] for stride in strides]
