"""The network: backbone, a head for the whale, and one for the auxiliary target; and what a fit of it minimises."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whichwhale.augment.mixing import mixed, partner
from whichwhale.fit.batches import Batch
from whichwhale.fit.loop import Objective
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.heads import HEADS, MarginHead, mining
from whichwhale.nets import Backbone

NO_LABEL = -1


@dataclass(frozen=True)
class Output:
    """What the network says of a batch: `logits` [B, classes], scaled and margin-free, and `embedding` [B, dims], unit length."""

    logits: Tensor
    embedding: Tensor


class Identifier(nn.Module):
    """Passports [B, 3, H, W] (RGB, 0..255) to whales.

    Where a mirror image is another class (`mirrored: twin`), the head has twice the classes: the whales, then their twins.
    """

    def __init__(self, config: IdentifyConfig, classes: int, auxiliary_classes: int) -> None:
        super().__init__()
        self.backbone = Backbone(config.backbone)
        self.twins = config.mirrored == "twin"
        self.classes = classes
        self.head = HEADS[config.head.kind](self.backbone.dims, classes * (1 + self.twins), config.head)
        self.auxiliary = nn.Linear(self.backbone.dims, auxiliary_classes) if auxiliary_classes else None

    def know(self, counts: Tensor) -> None:
        """Take in how many training photos each whale has, int64 [classes]; a fit does so before it starts."""
        self.head.know(counts.repeat(1 + self.twins))

    def forward(self, images: Tensor, mirrored: bool = False) -> Output:
        """What is in the passports; `mirrored` says that all of them are mirror images, whose whales the twins then tell."""
        return self.answer(self.backbone(images), mirrored)

    def answer(self, features: Tensor, mirrored: bool = False) -> Output:
        """As `forward`, of the backbone's features [B, dims]."""
        embedding = self.head.embed(features)
        logits = self.head.logits(embedding).float()
        if self.twins:
            logits = logits[:, self.classes :] if mirrored else logits[:, : self.classes]
        return Output(logits, self.head.unit(embedding))


class LinkedGroups(nn.Module):
    """What links know of groups of photos (links.Groups), on the device of the fit; no state, so no part of a checkpoint."""

    def __init__(self, whale: Tensor, rivals: Tensor) -> None:
        """`whale` int64 [G], of each group, -1 unknown; `rivals` int64 [R, 2], pairs of groups that show two animals."""
        super().__init__()
        both = torch.cat([rivals, rivals.flip(1)])
        self.register_buffer("whale", whale, persistent=False)
        self.register_buffer("rivals", (both[:, 0] * len(whale) + both[:, 1]).sort().values, persistent=False)

    def forward(self, group: Tensor, mirrored: Tensor | None = None) -> mining.Relation:
        """Of photos of the groups int64 [B]: who shows one animal, and who is known to show two (heads/mining.py, `linked`)."""
        return mining.linked(group, self.whale, self.rivals, mirrored)


class IdentifyObjective(Objective):
    """The head's losses of the whale, and `weight` times the cross entropy of the auxiliary target where the photo has one.

    A batch holds `image` [B, 3, H, W], or in its place the `features` [B, dims] of a backbone that stands still, `whale` int64
    [B], `mirrored` bool [B] and `auxiliary` int64 [B] (-1: no label). Where a mirror image is another class, a whale's own twin
    is left out of its loss: some heads are nearly symmetrical.

    With `mix` [B, 5] the pictures are mixed, and every loss is the mean over both whales (types of callosity) of each picture by
    their shares in it, each without its own twin.

    With `links` the batch has `group` int64 [B] as well, the photos' groups there, and `whale` is -1 where nobody knows it: what
    the metric loss takes for one animal and for two is then what the links know.

    With an `alarm` training stops (Collapsed) once the embedding has collapsed.
    """

    def __init__(
        self, net: Identifier, auxiliary_weight: float, alarm: CollapseAlarm | None = None, links: LinkedGroups | None = None
    ) -> None:
        super().__init__()
        self.net, self.auxiliary_weight, self.alarm, self.links = net, auxiliary_weight, alarm, links

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        if self.alarm is not None and self.training:
            self.alarm.check()
        images, share = (batch.get("image"), None) if "mix" not in batch else mixed(batch["image"], batch["mix"])
        features = self.net.backbone(images) if "features" not in batch else batch["features"]
        target, twin = batch["whale"], None
        if self.net.twins:
            shift = self.net.classes * batch["mirrored"]
            target, twin = target + shift, target + self.net.classes - shift
        head = self.net.head
        given = head.embed(features), target, twin
        if share is not None:
            given = *_of_both(*given), _shares(share)
        known, labelled = {}, {}
        if self.links is not None:
            known["relation"] = self.links(batch["group"], batch["mirrored"] if self.net.twins else None)
            labelled["labelled"] = batch["whale"] >= 0
        losses = {"whale": head.loss(*given, **known)} | head.more_losses(*given[:3], **labelled)
        if self.alarm is not None and self.training:
            self.alarm.watch(head.pulse(features, *given, **known))
        if self.net.auxiliary is not None and self.auxiliary_weight:
            auxiliary = self.net.auxiliary(features).float(), batch["auxiliary"]
            losses["auxiliary"] = self.auxiliary_weight * _labelled_mean(*auxiliary, share)
        return losses

    def settled(self, step: int) -> bool:
        """Not before all of the head's margin is there: until then the loss rises."""
        return step >= self.net.head.margin_steps if isinstance(self.net.head, MarginHead) else True

    def fresh_parameters(self) -> list[nn.Parameter]:
        known = "backbone.net.", "backbone.pool"  # trained elsewhere, or a power that starts where it should
        return [parameter for name, parameter in self.net.named_parameters() if not name.startswith(known)]


def _of_both(of_picture: Tensor, target: Tensor, twin: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Twice the rows: each picture with its own target, then each with its partner's. One call of a head's loss for both, since
    the margin of some grows with the calls."""
    both = [torch.cat([labels, partner(labels)]) if labels is not None else None for labels in (target, twin)]
    return torch.cat([of_picture, of_picture]), *both


def _shares(share: Tensor) -> Tensor:
    return torch.cat([share, 1 - share])


def _labelled_mean(logits: Tensor, target: Tensor, share: Tensor | None) -> Tensor:
    """Mean cross entropy over the rows that have a label, by their shares if there are any. 0 where the batch has none, but still
    part of the graph; less than a whole picture's worth of labels counts as what it is."""
    if share is None:
        summed = F.cross_entropy(logits, target, ignore_index=NO_LABEL, reduction="sum")
        return summed / (target != NO_LABEL).sum().clamp(min=1)
    (logits, target, _), weight = _of_both(logits, target), _shares(share)
    rows = F.cross_entropy(logits, target, ignore_index=NO_LABEL, reduction="none")
    return (weight * rows).sum() / (weight * (target != NO_LABEL)).sum().clamp(min=1)
