"""Triplet and Siamese heads: losses by hand and against pytorch-metric-learning, and who learns from what."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ContrastiveLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from pytorch_metric_learning.reducers import MeanReducer

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import HEADS, MetricHead

KINDS = ["triplet", "siamese"]


def make(kind: str = "triplet", classes: int = 3, features: int = 8, **changes: object) -> MetricHead:
    torch.manual_seed(0)
    plain = {"kind": kind, "dims": 6, "margin": 0.4, "dropout": 0.0}
    return HEADS[kind](features, classes, HeadConfig.model_validate(plain | changes))


def pairs_of(whales: int, photos: int, dims: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(whales * photos, dims), torch.arange(whales).repeat_interleave(photos)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("mining", ["hard", "semihard"])
def test_the_triplet_loss_equals_pytorch_metric_learnings(mining: str, soft: bool) -> None:
    embedding, target = pairs_of(6, 5)
    miner = BatchHardMiner() if mining == "hard" else TripletMarginMiner(margin=0.4, type_of_triplets="semihard")
    theirs = TripletMarginLoss(margin=0.0 if soft else 0.4, smooth_loss=soft, reducer=MeanReducer())
    ours, other = embedding.clone().requires_grad_(), embedding.clone().requires_grad_()
    loss = make(mining=mining, soft_margin=soft).loss(ours, target)
    reference = theirs(other, target, miner(other, target))
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5) and loss.item() > 0
    loss.backward()
    reference.backward()
    torch.testing.assert_close(ours.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_the_contrastive_loss_equals_pytorch_metric_learnings() -> None:
    embedding, target = pairs_of(6, 5)
    loss = make("siamese", margin=1.2).loss(embedding, target)
    assert loss.item() == pytest.approx(ContrastiveLoss(0.0, 1.2)(embedding, target).item(), rel=1e-5)


# Unit vectors at 0, 60 and 90 degrees: distances 1 (first, second), sqrt 2 (first, third), 2 sin 15 (second, third).
FAN = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)], [0.0, 1.0]])
NEAR = 2 * math.sin(math.pi / 12)


@pytest.mark.parametrize(
    ("kind", "soft", "expected"),
    [
        # Anchors 0 and 1 have a positive at 1, their nearest negatives lie at sqrt 2 and NEAR.
        ("triplet", False, (0.0 + 0.4 + 1 - NEAR) / 2),
        ("triplet", True, (math.log1p(math.exp(1 - math.sqrt(2))) + math.log1p(math.exp(1 - NEAR))) / 2),
        # One positive pair at 1; of the negative pairs only NEAR is within the margin.
        ("siamese", False, 1 + (0.9 - NEAR)),
    ],
)
def test_losses_by_hand(kind: str, soft: bool, expected: float) -> None:
    options = {"soft_margin": soft} if kind == "triplet" else {"margin": 0.9}
    head = make(kind, classes=2, dims=2, **options)
    for size in (1.0, 7.0):  # the length of an embedding does not count
        assert head.loss(size * FAN, torch.tensor([0, 0, 1])).item() == pytest.approx(expected, rel=1e-5)


def test_the_margin_grows_with_the_steps_and_is_whole_in_evaluation() -> None:
    for kind in KINDS:
        head = make(kind, classes=2, margin=1.2, margin_steps=2, features=2, dims=2)
        losses = []
        for _ in range(4):
            head.embed(torch.ones(3, 2))
            losses.append(head.loss(FAN, torch.tensor([0, 0, 1])).item())
        assert losses[0] < losses[1] < losses[2] == losses[3] == head.eval().loss(FAN, torch.tensor([0, 0, 1])).item()


@pytest.mark.parametrize("kind", KINDS)
def test_the_probe_learns_from_the_embedding_and_changes_nothing_of_it(kind: str) -> None:
    head, (features, target) = make(kind), pairs_of(3, 2, dims=8)
    features.requires_grad_()
    embedding = head.embed(features)
    more = head.more_losses(embedding, target)
    cosines = F.normalize(embedding) @ F.normalize(head.classifier.directions).T
    by_hand = F.cross_entropy(head.classifier.log_scale.exp() * cosines, target)
    assert more.keys() == {"probe"} and more["probe"].item() == pytest.approx(by_hand.item(), rel=1e-5)
    more["probe"].backward()
    assert features.grad is None and head.linear.weight.grad is None
    assert head.classifier.directions.grad.abs().max() > 0 and head.classifier.log_scale.grad.abs() > 0
    head.zero_grad()
    head.loss(head.embed(features), target).backward()
    assert features.grad.abs().max() > 0 and head.linear.weight.grad.abs().max() > 0
    assert head.classifier.directions.grad is None and head.classifier.log_scale.grad is None


@pytest.mark.parametrize("kind", KINDS)
def test_behind_a_bn_neck_softmax_trains_the_backbone_and_the_metric_loss_stays_before_it(kind: str) -> None:
    head, (features, target) = make(kind, bn_neck=True), pairs_of(3, 2, dims=8)
    features.requires_grad_()
    embedding = head.embed(features)
    metric, more = head.loss(embedding, target), head.more_losses(embedding, target)
    assert metric.item() == pytest.approx(make(kind).loss(embedding.detach(), target).item(), rel=1e-6)
    normed = (embedding - embedding.mean(0)) / (embedding.var(0, unbiased=False) + head.neck.eps).sqrt()
    by_hand = F.cross_entropy(normed @ head.classifier.weight.T, target)
    assert more.keys() == {"softmax"} and more["softmax"].item() == pytest.approx(by_hand.item(), rel=1e-4)
    more["softmax"].backward()
    assert features.grad.abs().max() > 0 and head.linear.weight.grad.abs().max() > 0 and head.neck.weight.grad.abs().max() > 0
    assert head.neck.bias.grad is None
    head.eval()
    torch.testing.assert_close(head.unit(embedding), F.normalize(head.neck(embedding)))
    torch.testing.assert_close(head.logits(embedding), head.neck(embedding) @ head.classifier.weight.T)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_logits_are_fp32_under_autocast(kind: str) -> None:
    head, (features, target) = make(kind), pairs_of(3, 2, dims=8)
    with torch.autocast("cpu", torch.bfloat16):
        embedding = head.embed(features)
        assert embedding.dtype == torch.bfloat16
        assert {head.loss(embedding, target).dtype, head.logits(embedding).dtype, head.unit(embedding).dtype} == {torch.float32}


@pytest.mark.parametrize("options", [{}, {"mining": "semihard"}, {"soft_margin": True}, {"kind": "siamese"}])
def test_a_batch_without_pairs_or_in_one_point_gives_finite_gradients(options: dict) -> None:
    head = make(**options)
    for embedding, target in [(torch.randn(4, 6), torch.arange(4)), (torch.ones(4, 6), torch.tensor([0, 0, 1, 1]))]:
        embedding.requires_grad_()
        loss = head.loss(embedding, target)
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(embedding.grad).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_in_the_batch_changes_nothing(kind: str) -> None:
    head = make(kind, classes=6, margin=1.2)
    embedding, target = pairs_of(3, 2)
    with_twin = torch.cat([embedding, embedding[:1] + 0.01]), torch.cat([target, target[:1] + 3])
    twins = (with_twin[1] + 3) % 6
    masked = head.loss(*with_twin, twins)
    unmasked = head.loss(*with_twin)
    assert masked.item() < unmasked.item()  # to whale 0 the last photo is no negative any more
    alone = head.loss(embedding[:2], target[:2])
    assert head.loss(torch.cat([embedding[:2], embedding[:1]]), torch.tensor([0, 0, 3]), torch.tensor([3, 3, 0])) == alone


def test_mixed_photos_are_refused() -> None:
    for kind in KINDS:
        head, (embedding, target) = make(kind), pairs_of(3, 2)
        assert not head.mixes
        with pytest.raises(ValueError, match="share of two whales"):
            head.loss(embedding, target, None, torch.ones(6))
