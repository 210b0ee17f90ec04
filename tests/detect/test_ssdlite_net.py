import math

import pytest
import torch
from torch import nn

from whichwhale.detect.config import DetectConfig, PyramidConfig
from whichwhale.detect.net import DetectObjective
from whichwhale.detect.ssdlite_net import SsdLiteNet
from whichwhale.detect.variants import make_net
from whichwhale.fit.loop import seeded
from whichwhale.nets import BackboneConfig

CONFIG = DetectConfig(
    variant="ssdlite",
    width=64,
    height=32,
    backbone=BackboneConfig(name="test_resnet", weights=False, frozen=0.3),
    frozen_norms=False,
    pyramid=PyramidConfig(strides=[8, 16], scales=2, ratios=[1.0]),
    most=7,
)


def make(config: DetectConfig = CONFIG, parts: int = 3) -> nn.Module:
    with seeded(0):
        return make_net(config, parts)


def picture(part: int, corner: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, int]:
    """A grey view with a square in the part's colour, its box, and the part."""
    x, y = corner
    image = torch.full((3, 32, 64), 60, dtype=torch.uint8)
    image[:, y : y + 12, x : x + 12] = 20
    image[part, y : y + 12, x : x + 12] = 230
    return image, torch.tensor([[x, y, x + 12.0, y + 12.0]]), part


def batch(*pictures: tuple[torch.Tensor, torch.Tensor, int]) -> dict[str, torch.Tensor]:
    images, boxes, parts = zip(*pictures, strict=True)
    return {"image": torch.stack(images), "boxes": torch.stack(boxes), "labels": torch.tensor(parts)[:, None]}


def test_it_is_chosen_by_name_and_every_cell_has_its_anchors() -> None:
    net = make()
    assert isinstance(net, SsdLiteNet)
    outputs, anchors = net.outputs(torch.zeros(2, 3, 32, 64))
    count = 4 * 8 * 2 + 2 * 4 * 2
    assert outputs["cls_logits"].shape == (2, count, 4) and outputs["bbox_regression"].shape == (2, count, 4)
    assert [one.shape for one in anchors] == [(count, 4)] * 2 and anchors[0].dtype == torch.float32


def test_a_few_steps_on_four_pictures_find_their_parts() -> None:
    net, items = make(), batch(picture(0, (8, 8)), picture(2, (40, 16)), picture(1, (24, 8)), picture(0, (44, 4)))
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        sum(net.losses(items).values()).backward()
        optimizer.step()
    net.eval()
    with torch.inference_mode():
        found = net.find(items["image"])
    for one, box, label in zip(found, items["boxes"][:, 0], items["labels"][:, 0], strict=True):
        assert len(one["scores"]) <= CONFIG.most and one["scores"].equal(one["scores"].sort(descending=True).values)
        assert one["labels"].min() >= 0 and one["labels"][0] == label and one["scores"][0] > 0.3
        assert (one["boxes"][0] - box).abs().max() < 3


def test_losses_of_pictures_with_and_without_parts() -> None:
    net, items = make(), batch(picture(0, (8, 8)), picture(1, (40, 16)))
    both = net.losses(items)
    assert set(both) == {"part", "box"} and all(math.isfinite(loss.item()) and loss.item() > 0 for loss in both.values())
    sum(both.values()).backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    nothing = {**items, "labels": torch.full_like(items["labels"], -1)}
    assert all(loss.item() == 0 for loss in net.losses(nothing).values())


def test_all_but_the_backbone_is_fresh_and_frozen_norms_learn_from_no_batch() -> None:
    net = make()
    fresh = {id(parameter) for parameter in DetectObjective(net).fresh_parameters()}
    for name, parameter in net.named_parameters():
        assert (id(parameter) in fresh) == (not name.startswith("backbone.")), name
    for frozen in (True, False):
        net = make(CONFIG.model_copy(update={"frozen_norms": frozen})).train()
        norm = next(module for module in net.backbone.modules() if isinstance(module, nn.BatchNorm2d))
        before = norm.running_mean.clone()
        net.losses(batch(picture(0, (8, 8))))
        assert torch.equal(norm.running_mean, before) == frozen


@pytest.mark.parametrize("name", ["retinanet", "ssdlite"])
def test_weights_of_one_variant_are_not_taken_for_the_other(name: str) -> None:
    other = {"retinanet": "ssdlite", "ssdlite": "retinanet"}[name]
    state = make(CONFIG.model_copy(update={"variant": other})).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch|Missing key"):
        make(CONFIG.model_copy(update={"variant": name})).load_state_dict(state)
