"""The network and its objective, on a backbone small enough for a test."""

import pytest
import torch

from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier, IdentifyObjective

SMALL = {"backbone": {"name": "test_resnet", "weights": False}}


def make(**changes: object) -> Identifier:
    torch.manual_seed(0)
    return Identifier(IdentifyConfig.model_validate(SMALL | changes), classes=5, auxiliary_classes=2)


@pytest.mark.parametrize("kind", ["softmax", "arcface"])
def test_output_shapes_and_unit_embeddings(kind: str) -> None:
    net = make(head={"kind": kind, "dims": 12}).eval()
    output = net(torch.randint(0, 255, (3, 3, 32, 48), dtype=torch.uint8))
    assert output.logits.shape == (3, 5) and output.logits.dtype == torch.float32
    torch.testing.assert_close(output.embedding.norm(dim=1), torch.ones(3))


def batch(auxiliary: list[int]) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    images = torch.randint(0, 255, (3, 3, 32, 32), dtype=torch.uint8)
    return {"image": images, "whale": torch.tensor([0, 1, 4]), "auxiliary": torch.tensor(auxiliary)}


def test_a_missing_auxiliary_label_gives_no_loss() -> None:
    objective = IdentifyObjective(make().eval(), auxiliary_weight=0.5)
    assert objective(batch([-1, -1, -1]))["auxiliary"].item() == 0.0
    with_one = objective(batch([-1, 1, -1]))["auxiliary"]
    features = objective.net.backbone(batch([0, 0, 0])["image"])
    by_hand = -0.5 * torch.log_softmax(objective.net.auxiliary(features), 1)[1, 1]
    assert with_one.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_without_auxiliary_labels_its_head_gets_a_zero_gradient_and_the_rest_learns() -> None:
    objective = IdentifyObjective(make(), auxiliary_weight=0.5)
    torch.stack(list(objective(batch([-1, -1, -1])).values())).sum().backward()
    assert objective.net.auxiliary.weight.grad.abs().max() == 0
    assert objective.net.head.linear.weight.grad.abs().max() > 0


def test_heads_are_fresh_and_the_backbone_is_not() -> None:
    objective = IdentifyObjective(make(), auxiliary_weight=0.5)
    fresh = {id(parameter) for parameter in objective.fresh_parameters()}
    assert id(objective.net.head.linear.weight) in fresh and id(objective.net.auxiliary.weight) in fresh
    assert not fresh & {id(parameter) for parameter in objective.net.backbone.parameters()}


def test_twins_are_folded_back_to_whales() -> None:
    net = make(mirrored="twin").eval()
    images = torch.randint(0, 255, (3, 3, 32, 48), dtype=torch.uint8)
    both = net.head.logits(net.head.embed(net.backbone(images)))
    assert both.shape == (3, 10)
    torch.testing.assert_close(net(images).logits, both[:, :5])
    torch.testing.assert_close(net(images, mirrored=True).logits, both[:, 5:])


def test_a_mirror_image_is_learnt_as_the_twin_and_its_whale_is_left_out() -> None:
    objective = IdentifyObjective(make(mirrored="twin", head={"dropout": 0.0, "smoothing": 0.0}).eval(), auxiliary_weight=0.0)
    given = batch([-1, -1, -1]) | {"mirrored": torch.tensor([False, True, True])}
    logits = objective.net.head.logits(objective.net.backbone(given["image"]))
    target, gone = [0, 6, 9], [5, 1, 4]
    kept = [[k for k in range(10) if k != one] for one in gone]
    by_hand = [torch.logsumexp(row[some], 0) - row[t] for row, t, some in zip(logits, target, kept, strict=True)]
    assert objective(given)["whale"].item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-5)
