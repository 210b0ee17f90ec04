"""ArcFace: the loss against pytorch-metric-learning's, logits without margin, gradients that stay finite."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import ArcFaceHead


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


def test_the_margin_grows_with_training_steps_and_is_whole_in_evaluation() -> None:
    torch.manual_seed(0)
    head = ArcFaceHead(4, 3, HeadConfig(kind="arcface", dims=4, scale=10.0, margin=0.4, margin_steps=2))
    embedding, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])

    def step() -> float:
        head.embed(torch.randn(5, 4))  # counts the step
        return head.loss(embedding, target).item()

    losses = [step() for _ in range(4)]
    without_margin = torch.nn.functional.cross_entropy(head.logits(embedding), target).item()
    assert losses[0] == pytest.approx(without_margin, rel=1e-6)
    assert losses[0] < losses[1] < losses[2] == losses[3] == head.eval().loss(embedding, target).item()
    assert "steps" in head.state_dict()  # a resumed fit goes on with the same margin
