"""Heads: the ArcFace loss against pytorch-metric-learning's, logits without margin, gradients that stay finite."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss

from whichwhale.identify.config import HeadConfig
from whichwhale.identify.heads import ArcFaceHead, SoftmaxHead, cross_entropy


@pytest.mark.parametrize("margin", [0.0, 0.25, 1.2])
@pytest.mark.parametrize("spread", [0.1, 3.0])  # embeddings far from and close to their own direction
def test_arcface_loss_equals_pytorch_metric_learning_in_fp32(margin: float, spread: float) -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(16, 7, HeadConfig(kind="arcface", dims=8, scale=20.0, margin=margin))
    theirs = ArcFaceLoss(num_classes=7, embedding_size=8, margin=math.degrees(margin), scale=20.0)
    theirs.W.data = head.directions.data.t().clone()
    target = torch.randint(0, 7, (64,))
    embedding = torch.randn(64, 8) * spread + head.directions.data[target]
    embedding[:8] = -head.directions.data[target[:8]]  # beyond pi - margin
    ours, other = embedding.clone().requires_grad_(), embedding.clone().requires_grad_()
    loss, reference = head.loss(ours, target), theirs(other, target)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(ours.grad[8:], other.grad[8:], rtol=1e-3, atol=1e-5)


def test_arcface_gradient_is_finite_where_the_angle_is_zero_or_straight() -> None:
    head = ArcFaceHead(4, 3, HeadConfig(kind="arcface", dims=4, margin=0.5))
    embedding = torch.stack([head.directions.data[0], -head.directions.data[0]]).requires_grad_()
    head.loss(embedding, torch.tensor([0, 0])).backward()
    assert torch.isfinite(embedding.grad).all() and torch.isfinite(head.directions.grad).all()


def test_arcface_logits_are_cosines_times_scale_and_need_no_label() -> None:
    head = ArcFaceHead(4, 3, HeadConfig(kind="arcface", dims=4, scale=10.0, margin=0.5))
    logits = head.logits(5.0 * head.directions.data)
    torch.testing.assert_close(logits.diagonal(), torch.full((3,), 10.0))
    assert logits.abs().max() <= 10.0 + 1e-5


def test_arcface_cosines_are_fp32_under_autocast() -> None:
    head = ArcFaceHead(4, 3, HeadConfig(kind="arcface", dims=4))
    with torch.autocast("cpu", torch.bfloat16):
        assert head.cosines(torch.randn(2, 4).bfloat16()).dtype == torch.float32


def test_softmax_loss_is_the_cross_entropy_of_its_logits() -> None:
    head = SoftmaxHead(4, 3, HeadConfig(dropout=0.0)).eval()
    embedding, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    by_hand = -torch.log_softmax(head.logits(embedding), 1)[torch.arange(5), target].mean()
    assert head.loss(embedding, target).item() == pytest.approx(by_hand.item(), rel=1e-6)


def test_the_margin_grows_with_training_steps_and_is_whole_in_evaluation() -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(4, 3, HeadConfig(kind="arcface", dims=4, scale=10.0, margin=0.4, margin_steps=2))
    embedding, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    losses = [head.loss(embedding, target).item() for _ in range(4)]
    without_margin = torch.nn.functional.cross_entropy(head.logits(embedding), target).item()
    assert losses[0] == pytest.approx(without_margin, rel=1e-6)
    assert losses[0] < losses[1] < losses[2] == losses[3] == head.eval().loss(embedding, target).item()
    assert "steps" in head.state_dict()  # a resumed fit goes on with the same margin


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_masked_class_is_as_if_it_were_not_there(smoothing: float) -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(4, 6), torch.tensor([0, 1, 4, 5])
    masked = torch.tensor([3, 4, 1, 2])
    rows = []
    for row, gone in zip(range(4), masked.tolist(), strict=True):
        kept = [column for column in range(6) if column != gone]
        place = kept.index(target[row].item())
        rows.append(F.cross_entropy(logits[row, kept][None], torch.tensor([place]), label_smoothing=smoothing))
    assert cross_entropy(logits, target, smoothing, masked).item() == pytest.approx(torch.stack(rows).mean().item(), rel=1e-6)


@pytest.mark.parametrize("kind", [SoftmaxHead, ArcFaceHead])
def test_a_masked_class_gets_no_gradient(kind: type) -> None:
    torch.manual_seed(0)
    head = kind(4, 6, HeadConfig(dims=4, dropout=0.0, smoothing=0.1))
    head.loss(torch.randn(3, 4), torch.tensor([0, 1, 2]), masked=torch.tensor([3, 3, 3])).backward()
    directions = (head.linear.weight if kind is SoftmaxHead else head.directions).grad
    assert directions[3].abs().max() == 0 and directions[4].abs().max() > 0 and torch.isfinite(directions).all()


@pytest.mark.parametrize("masked", [None, torch.tensor([3, 4, 1])])
@pytest.mark.parametrize("kind", [SoftmaxHead, ArcFaceHead])
def test_a_row_counts_as_often_as_its_weight_says(kind: type, masked: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    head = kind(4, 5, HeadConfig(dims=4, dropout=0.0, smoothing=0.1)).eval()
    embedding, target = torch.randn(3, 4), torch.tensor([0, 1, 4])
    rows = [head.loss(embedding[[b]].clone(), target[[b]], None if masked is None else masked[[b]]) for b in range(3)]
    by_hand = (0.5 * rows[0] + 2.0 * rows[1]) / 2.5
    given = head.loss(embedding, target, masked, torch.tensor([0.5, 2.0, 0.0]))
    torch.testing.assert_close(given, by_hand)
    assert head.mixes
