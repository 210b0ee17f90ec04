"""Sub-centre ArcFace: against pytorch-metric-learning's, the nearest sub-centre alone learns, margins by the number of photos."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import SubCenterArcFaceLoss

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import ArcFaceHead, SubcentreHead


def make(classes: int = 5, **changes: object) -> SubcentreHead:
    torch.manual_seed(0)
    return SubcentreHead(16, classes, HeadConfig.model_validate({"kind": "subcentre", "dims": 8, "scale": 20.0} | changes))


@pytest.mark.parametrize("centres", [1, 2, 3])
def test_the_loss_equals_pytorch_metric_learnings_in_fp32(centres: int) -> None:
    head = make(margin=0.25, subcentres=centres)
    theirs = SubCenterArcFaceLoss(
        num_classes=5, embedding_size=8, margin=math.degrees(0.25), scale=20.0, sub_centers=centres
    )
    theirs.W.data = head.directions.data.t().clone()
    target = torch.randint(0, 5, (32,))
    ours = (torch.randn(32, 8) + 2 * head.directions.data[target * centres]).requires_grad_()
    other = ours.detach().clone().requires_grad_()
    loss, reference = head.loss(ours, target), theirs(other, target)
    assert loss.item() == pytest.approx(reference.item(), rel=1e-5)
    loss.backward()
    reference.backward()
    torch.testing.assert_close(ours.grad, other.grad, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(head.directions.grad, theirs.W.grad.t(), rtol=1e-3, atol=1e-5)


def test_the_nearest_of_a_whales_directions_counts_and_alone_learns() -> None:
    head = make(classes=2, dims=2, subcentres=2, scale=3.0)
    head.directions.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    embedding = torch.tensor([[3.0, 4.0]])  # cosines 0.6, 0.8 to the first whale's directions, -0.6, -0.8 to the second's
    torch.testing.assert_close(head.logits(embedding), torch.tensor([[2.4, -1.8]]))
    head.loss(embedding, torch.tensor([0])).backward()
    assert head.directions.grad[[0, 3]].abs().max() == 0
    assert (head.directions.grad[[1, 2]].abs().amax(1) > 0).all()


def test_with_one_direction_and_one_margin_it_is_arcface() -> None:
    head = make(subcentres=1, margin=0.4)
    plain = ArcFaceHead(16, 5, HeadConfig(kind="arcface", dims=8, scale=20.0, margin=0.4))
    plain.load_state_dict({key: value for key, value in head.state_dict().items() if key != "margins"})
    embedding, target = torch.randn(9, 8), torch.randint(0, 5, (9,))
    assert head.loss(embedding, target).item() == pytest.approx(plain.loss(embedding, target).item(), rel=1e-6)


def test_the_margin_of_a_whale_follows_from_its_number_of_photos() -> None:
    head = make(classes=3, dynamic_margin={"a": 0.5, "b": 0.25, "c": 0.05})
    head.know(torch.tensor([1, 16, 81]))
    torch.testing.assert_close(head.margins, torch.tensor([0.55, 0.30, 0.05 + 0.5 / 3]))  # 16^-0.25 = 1/2, 81^-0.25 = 1/3
    embedding = torch.randn(1, 8)
    for whale, margin in enumerate(head.margins.tolist()):
        same = make(classes=3, margin=margin)
        same.directions.data = head.directions.data
        one = torch.tensor([whale])
        assert head.loss(embedding, one).item() == pytest.approx(same.loss(embedding, one).item(), rel=1e-6)
    assert make(classes=3, dynamic_margin={}).state_dict().keys() == head.state_dict().keys()
    fresh = make(classes=3, dynamic_margin={})
    fresh.load_state_dict(head.state_dict())  # a resumed or loaded one has the margins without the counts
    torch.testing.assert_close(fresh.margins, head.margins)


def test_a_dynamic_margin_grows_with_the_steps() -> None:
    head = make(classes=2, margin_steps=2, dynamic_margin={"a": 0.5, "b": 0.25, "c": 0.05})
    head.know(torch.tensor([1, 16]))
    target, embedding, losses = torch.tensor([0, 1]), torch.randn(2, 8), []
    for _ in range(4):
        head.embed(torch.randn(2, 16))
        losses.append(head.loss(embedding, target).item())
    without = torch.nn.functional.cross_entropy(head.logits(embedding), target).item()
    assert losses[0] == pytest.approx(without, rel=1e-6) and losses[0] < losses[1] < losses[2] == losses[3]


def test_a_whale_without_photos_has_no_margin() -> None:
    with pytest.raises(ValueError, match="class 1 has no training photo"):
        make(classes=2, dynamic_margin={}).know(torch.tensor([3, 0]))
