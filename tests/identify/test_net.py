"""The network and its objective, on a backbone small enough for a test."""

import pytest
import torch

from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.head_config import TAKEN_BY
from whichwhale.identify.heads import HEADS
from whichwhale.identify.net import Identifier, IdentifyObjective

SMALL = {"backbone": {"name": "test_resnet", "weights": False}}
PK = {"sampler": {"kind": "pk"}}  # what triplets and pairs need


def make(**changes: object) -> Identifier:
    torch.manual_seed(0)
    return Identifier(IdentifyConfig.model_validate(SMALL | changes), classes=5, auxiliary_classes=2)


@pytest.mark.parametrize(("kind", "neck"), [*((kind, False) for kind in HEADS), *((kind, True) for kind in TAKEN_BY["bn_neck"])])
def test_output_shapes_and_unit_embeddings(kind: str, neck: bool) -> None:
    net = make(head={"kind": kind, "dims": 12, "bn_neck": neck}, **PK).eval()
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


MIX = torch.tensor([[0, 0, 32, 32, 0.25], [0, 0, 8, 16, 1.0], [0, 0, 0, 0, 0.0]])
SHARES = [0.75, 0.875, 1.0]
EXACT = {"dropout": 0.0, "smoothing": 0.0}


def mixed_images() -> torch.Tensor:
    """MIX by hand: a quarter of the next picture, an eighth of the next one's area, nothing."""
    images = batch([0, 0, 0])["image"].float()
    made = images.clone()
    made[0] = 0.75 * images[0] + 0.25 * images[1]
    made[1, :, :16, :8] = images[2, :, :16, :8]
    return made


@pytest.mark.parametrize("kind", ["softmax", "arcface"])
def test_mixed_pictures_are_learnt_as_both_whales_by_their_shares(kind: str) -> None:
    objective = IdentifyObjective(make(head=EXACT | {"kind": kind, "dims": 12, "margin": 0.2}).eval(), auxiliary_weight=0.0)
    embedding = objective.net.head.embed(objective.net.backbone(mixed_images()))

    def loss(row: int, whale: int) -> torch.Tensor:
        return objective.net.head.loss(embedding[[row]], torch.tensor([whale]))

    whales = [0, 1, 4]
    by_hand = sum(
        share * loss(row, whales[row]) + (1 - share) * loss(row, whales[(row + 1) % 3]) for row, share in enumerate(SHARES)
    )
    given = objective(batch([-1, -1, -1]) | {"mix": MIX})["whale"]
    torch.testing.assert_close(given, by_hand / 3, rtol=1e-4, atol=1e-5)


def test_mixed_twins_are_each_masked_in_their_own_part() -> None:
    """Whale 1 mirrored is class 6 with 1 left out, whale 0 is class 0 with 5 left out; their mixture is learnt as both."""
    objective = IdentifyObjective(make(mirrored="twin", head=EXACT).eval(), auxiliary_weight=0.0)
    logits = objective.net.head.logits(objective.net.backbone(mixed_images()))

    def loss(row: int, target: int, gone: int) -> torch.Tensor:
        kept = [k for k in range(10) if k != gone]
        return torch.logsumexp(logits[row, kept], 0) - logits[row, target]

    parts = [(0, 5), (6, 1), (9, 4)]  # target and twin of each photo
    by_hand = sum(s * loss(k, *parts[k]) + (1 - s) * loss(k, *parts[(k + 1) % 3]) for k, s in enumerate(SHARES)) / 3
    given = batch([-1, -1, -1]) | {"mix": MIX, "mirrored": torch.tensor([False, True, True])}
    torch.testing.assert_close(objective(given)["whale"], by_hand, rtol=1e-4, atol=1e-5)


def test_mixed_auxiliary_labels_count_by_their_shares_and_missing_ones_not_at_all() -> None:
    objective = IdentifyObjective(make().eval(), auxiliary_weight=0.5)
    log_p = torch.log_softmax(objective.net.auxiliary(objective.net.backbone(mixed_images())), 1)
    # Labels -1, 1, 0: picture 0 is a quarter of label 1; 1 is 7/8 of 1 and 1/8 of 0; 2 is all 0.
    summed = -(0.25 * log_p[0, 1] + 0.875 * log_p[1, 1] + 0.125 * log_p[1, 0] + log_p[2, 0])
    given = objective(batch([-1, 1, 0]) | {"mix": MIX})["auxiliary"]
    torch.testing.assert_close(given, 0.5 * summed / 2.25, rtol=1e-4, atol=1e-5)
    # A quarter of one label is a quarter of a loss, as it would be a whole one of a whole label.
    alone = objective(batch([-1, -1, -1]) | {"mix": MIX, "auxiliary": torch.tensor([-1, 1, -1])})["auxiliary"]
    torch.testing.assert_close(alone, -0.5 * (0.25 * log_p[0, 1] + 0.875 * log_p[1, 1]) / 1.125, rtol=1e-4, atol=1e-5)
    assert objective(batch([-1, -1, -1]) | {"mix": MIX})["auxiliary"].item() == 0


def test_a_mixed_batch_is_one_step_of_a_growing_margin() -> None:
    objective = IdentifyObjective(make(head={"kind": "arcface", "dims": 12, "margin_steps": 10}), auxiliary_weight=0.0)
    objective(batch([-1, -1, -1]) | {"mix": MIX})
    assert objective.net.head.steps.item() == 1


def test_a_batch_that_mixes_nothing_is_learnt_as_it_is() -> None:
    objective = IdentifyObjective(make(head=EXACT).eval(), auxiliary_weight=0.5)
    given = batch([0, -1, 1])
    plain, unmixed = objective(given), objective(given | {"mix": torch.zeros(3, 5)})
    for key in plain:
        torch.testing.assert_close(unmixed[key], plain[key], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["triplet", "siamese"])
def test_a_metric_head_has_two_losses_and_only_the_first_reaches_the_backbone(kind: str) -> None:
    objective = IdentifyObjective(make(head={"kind": kind, "dims": 12}, **PK), auxiliary_weight=0.0)
    given = batch([-1, -1, -1]) | {"whale": torch.tensor([0, 0, 4])}
    losses = objective(given)
    assert losses.keys() == {"whale", "probe"}
    losses["probe"].backward()
    assert all(parameter.grad is None for parameter in objective.net.backbone.parameters())
    objective(given)["whale"].backward()
    assert all(parameter.grad is not None for parameter in objective.net.backbone.parameters())


def test_of_a_siamese_network_only_the_last_share_learns() -> None:
    net = make(head={"kind": "siamese", "dims": 12}, backbone=SMALL["backbone"] | {"frozen": 0.7}, **PK)
    given = batch([-1, -1, -1]) | {"whale": torch.tensor([0, 0, 4])}
    torch.stack(list(IdentifyObjective(net, auxiliary_weight=0.0)(given).values())).sum().backward()
    learns = [parameter.grad is not None for parameter in net.backbone.parameters()]
    frozen = round(0.7 * len(learns))
    assert learns == [False] * frozen + [True] * (len(learns) - frozen) and 0 < frozen < len(learns)


def test_a_twin_has_its_whales_margin() -> None:
    net = make(head={"kind": "subcentre", "dims": 12, "dynamic_margin": {"a": 0.5, "b": 0.25, "c": 0.05}}, mirrored="twin")
    net.know(torch.tensor([1, 16, 1, 1, 1]))
    torch.testing.assert_close(net.head.margins, torch.tensor([0.55, 0.30, 0.55, 0.55, 0.55]).repeat(2))


@pytest.mark.parametrize("kind", ["triplet", "siamese"])
def test_a_mirror_image_as_a_twin_is_no_negative_of_its_whale(kind: str) -> None:
    objective = IdentifyObjective(make(head={"kind": kind, "dims": 12, "margin": 1.4}, mirrored="twin", **PK).eval(), 0.0)
    given = batch([-1, -1, -1]) | {"whale": torch.tensor([0, 0, 0])}
    first, second, mirrored = objective.net.head.unit(objective.net.head.embed(objective.net.backbone(given["image"])))
    by_hand = {"triplet": 0.0, "siamese": (first - second).norm().item()}  # one pair, and nothing that is another whale
    told = objective(given | {"mirrored": torch.tensor([False, False, True])})["whale"].item()
    assert told == pytest.approx(by_hand[kind], rel=1e-3, abs=1e-6)
    other = objective(given | {"whale": torch.tensor([0, 0, 1]), "mirrored": torch.tensor([False, False, True])})["whale"].item()
    assert other > told + 0.1 and (first - mirrored).norm() < 1.4


def test_a_loss_settles_when_all_of_the_margin_is_there() -> None:
    def objective(**head: object) -> IdentifyObjective:
        config = IdentifyConfig.model_validate({"backbone": {"name": "test_resnet", "weights": False}, "head": head})
        return IdentifyObjective(Identifier(config, 3, 0), 0.0)

    growing = objective(kind="arcface", margin_steps=5)
    assert [growing.settled(step) for step in (0, 4, 5, 9)] == [False, False, True, True]
    assert objective(kind="softmax").settled(0) and objective(kind="arcface").settled(0)
