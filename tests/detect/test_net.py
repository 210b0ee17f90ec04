import math

import pytest
import torch
from torch import nn

from whichwhale.config import ConfigError
from whichwhale.detect.config import DetectConfig, PyramidConfig
from whichwhale.detect.net import DetectObjective, PartsNet, anchor_generator
from whichwhale.fit.loop import seeded
from whichwhale.nets import BackboneConfig

CONFIG = DetectConfig(
    width=64,
    height=32,
    backbone=BackboneConfig(name="test_resnet", weights=False, frozen=0.3),
    frozen_norms=False,
    pyramid=PyramidConfig(strides=[8, 16], width=16, depth=1, scales=2, ratios=[1.0]),
    most=7,
)


def make(config: DetectConfig = CONFIG, parts: int = 3) -> PartsNet:
    with seeded(0):
        return PartsNet(config, parts)


def batch(labels: list[list[int]]) -> dict[str, torch.Tensor]:
    count, most = len(labels), max(map(len, labels))
    boxes = torch.tensor([8.0, 8.0, 20.0, 20.0]).expand(count, most, 4).clone()
    numbers = torch.tensor([row + [-1] * (most - len(row)) for row in labels])
    boxes[numbers < 0] = 0
    return {"image": torch.full((count, 3, 32, 64), 90, dtype=torch.uint8), "boxes": boxes, "labels": numbers}


def test_every_cell_of_every_map_has_its_anchors():
    outputs, anchors, counts = make().outputs(torch.zeros(2, 3, 32, 64))
    assert counts == [4 * 8 * 2, 2 * 4 * 2]
    assert outputs["cls_logits"].shape == (2, sum(counts), 3) and outputs["bbox_regression"].shape == (2, sum(counts), 4)
    assert [one.shape for one in anchors] == [(80, 4), (80, 4)] and anchors[0].dtype == torch.float32
    sizes = (anchors[0][:, 2] - anchors[0][:, 0]).unique().tolist()
    octave = [1.5 * stride * 2 ** (step / 2) for stride in (8, 16) for step in range(2)]
    assert sizes == sorted({2.0 * round(size / 2) for size in octave})  # torchvision rounds their halves
    assert anchor_generator(PyramidConfig()).num_anchors_per_location() == [9, 9, 9]


def test_a_fresh_network_says_one_in_a_hundred():
    outputs, _, _ = make().outputs(torch.zeros(1, 3, 32, 64))
    assert outputs["cls_logits"].sigmoid().mean().item() == pytest.approx(0.01, rel=0.2)


def test_losses_of_photos_with_parts_and_of_one_without_any():
    net = make()
    both = net.losses(batch([[0, 2], []]))
    assert set(both) == {"part", "box"} and all(math.isfinite(loss.item()) and loss.item() > 0 for loss in both.values())
    none = net.losses(batch([[-1], [-1]]))
    assert none["box"] == 0 and none["part"] > 0
    sum(both.values()).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_what_a_row_without_label_holds_changes_nothing():
    net, one = make().eval(), batch([[1, -1]])
    other = {**one, "boxes": one["boxes"].clone()}
    other["boxes"][0, 1] = torch.tensor([1.0, 2.0, 50.0, 30.0])
    assert torch.equal(net.losses(one)["part"], net.losses(other)["part"])


def test_a_few_steps_on_one_picture_find_its_part():
    net, image = make(), torch.full((2, 3, 32, 64), 40, dtype=torch.uint8)
    image[0, :, 8:20, 8:20] = torch.tensor([220, 30, 30], dtype=torch.uint8)[:, None, None]
    image[1, :, 16:28, 40:52] = torch.tensor([30, 220, 30], dtype=torch.uint8)[:, None, None]
    boxes = torch.tensor([[[8.0, 8, 20, 20]], [[40.0, 16, 52, 28]]])
    items = {"image": image, "boxes": boxes, "labels": torch.tensor([[0], [2]])}
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        sum(net.losses(items).values()).backward()
        optimizer.step()
    net.eval()
    with torch.inference_mode():
        found = net.find(image)
    for one, box, label in zip(found, boxes[:, 0], (0, 2), strict=True):
        assert len(one["scores"]) <= CONFIG.most and one["scores"].equal(one["scores"].sort(descending=True).values)
        assert one["labels"][0] == label and one["scores"][0] > 0.3
        assert (one["boxes"][0] - box).abs().max() < 3


def test_pyramid_and_heads_are_fresh_and_the_backbone_is_not():
    net = make()
    fresh = {id(parameter) for parameter in DetectObjective(net).fresh_parameters()}
    for name, parameter in net.named_parameters():
        assert (id(parameter) in fresh) == (not name.startswith("backbone.")), name
    assert not all(parameter.requires_grad for parameter in net.backbone.parameters())


def test_frozen_norms_learn_from_no_batch():
    frozen = make(CONFIG.model_copy(update={"frozen_norms": True}))
    for net, moves in ((frozen, False), (make(), True)):
        net.train()
        norm = next(module for module in net.backbone.modules() if isinstance(module, nn.BatchNorm2d))
        before = norm.running_mean.clone()
        net.losses(batch([[0], [1]]))
        assert torch.equal(norm.running_mean, before) != moves


def test_strides_that_a_backbone_has_not_are_named():
    vit = CONFIG.backbone.model_copy(update={"name": "test_vit"})
    with pytest.raises(ConfigError, match=r"pyramid.strides=\[32\]: test_vit has maps of stride 16, none of 32"):
        make(CONFIG.model_copy(update={"pyramid": PyramidConfig(strides=[32]), "backbone": vit}))
