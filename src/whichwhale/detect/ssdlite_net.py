"""SSDLite on a backbone of the house: Liu et al. 2016, "SSD: Single Shot MultiBox Detector", with the depthwise heads of Sandler
et al. 2018, "MobileNetV2", section 6.2. torchvision's heads, matching, loss with hard negatives and suppression of doubles;
anchors as RetinaNet has them here, in pixels, since heads are small."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops import box_iou

from whichwhale.detect.config import DetectConfig
from whichwhale.detect.net import (
    CANDIDATES,
    GROUPS,
    OnBackbone,
    anchor_generator,
    anchors_of,
    levels_of,
    maps_of,
    targets_of,
)
from whichwhale.fit.batches import Batch
from whichwhale.nets import Backbone


class SsdLiteNet(OnBackbone, SSD):
    """Views [B, 3, H, W] (RGB, 0..255) to boxes of `parts` kinds. Not torchvision's `forward`: see `losses` and `find`.

    A part's class is its number + 1, 0 is the background. Its negatives are three for each positive of the same picture, so that
    a picture without parts teaches nothing.
    """

    def __init__(self, config: DetectConfig, parts: int) -> None:
        backbone = Backbone(config.backbone)
        levels, channels = levels_of(backbone, config)
        anchors = anchor_generator(config.pyramid)
        head = SSDLiteHead(channels, anchors.num_anchors_per_location(), parts + 1, norm_layer=_norm)
        super().__init__(
            backbone,
            anchors,
            (config.height, config.width),
            parts + 1,
            head=head,
            score_thresh=config.least_score,
            nms_thresh=config.overlap,
            detections_per_img=config.most,
            topk_candidates=CANDIDATES,
        )
        self.transform = nn.Identity()  # the backbone knows its own mean, and all views have one size
        self.config, self._levels = config, levels

    def outputs(self, images: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Class logits [B, A, 1 + parts] and box offsets [B, A, 4] of all anchors, and the anchors [A, 4] of each picture."""
        maps = maps_of(self.backbone, images, self._levels)
        found = {key: value.float() for key, value in self.head(maps).items()}
        return found, anchors_of(self.anchor_generator, images, maps)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of a batch as `PartsNet` takes it."""
        found, anchors = self.outputs(batch["image"])
        targets = [{**one, "labels": one["labels"] + 1} for one in targets_of(batch)]
        matched = [
            self.proposal_matcher(box_iou(one["boxes"], there))
            if len(one["boxes"])
            else torch.full((len(there),), -1, dtype=torch.int64, device=there.device)
            for one, there in zip(targets, anchors, strict=True)
        ]
        losses = self.compute_loss(targets, found, anchors, matched)
        return {"part": losses["classification"], "box": losses["bbox_regression"]}

    def find(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What is in views [B, 3, H, W], as `PartsNet` says it."""
        found, anchors = self.outputs(images)
        size = (images.shape[-2], images.shape[-1])
        told = self.postprocess_detections(found, anchors, [size] * len(images))
        return [{**one, "labels": one["labels"] - 1} for one in told]


def _norm(channels: int) -> nn.GroupNorm:
    """A group norm, for batches are too small for batch norm."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
