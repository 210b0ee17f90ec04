"""Cross entropy: a masked class, the rows' weights; in the heads that use it too."""

import pytest
import torch
import torch.nn.functional as F

from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.heads import ArcFaceHead, SoftmaxHead, SubcentreHead, cross_entropy


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


@pytest.mark.parametrize("kind", [SoftmaxHead, ArcFaceHead, SubcentreHead])
def test_a_masked_class_gets_no_gradient(kind: type) -> None:
    torch.manual_seed(0)
    head = kind(4, 6, HeadConfig(dims=4, dropout=0.0, smoothing=0.1))
    whales = slice(9, 12) if kind is SubcentreHead else slice(3, 4)  # rows of class 3
    head.loss(torch.randn(3, 4), torch.tensor([0, 1, 2]), masked=torch.tensor([3, 3, 3])).backward()
    directions = (head.linear.weight if kind is SoftmaxHead else head.directions).grad
    assert directions[whales].abs().max() == 0 and directions[whales.stop :].abs().max() > 0 and torch.isfinite(directions).all()


@pytest.mark.parametrize("masked", [None, torch.tensor([3, 4, 1])])
@pytest.mark.parametrize("kind", [SoftmaxHead, ArcFaceHead, SubcentreHead])
def test_a_row_counts_as_often_as_its_weight_says(kind: type, masked: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    head = kind(4, 5, HeadConfig(dims=4, dropout=0.0, smoothing=0.1)).eval()
    embedding, target = torch.randn(3, 4), torch.tensor([0, 1, 4])
    rows = [head.loss(embedding[[b]].clone(), target[[b]], None if masked is None else masked[[b]]) for b in range(3)]
    by_hand = (0.5 * rows[0] + 2.0 * rows[1]) / 2.5
    given = head.loss(embedding, target, masked, torch.tensor([0.5, 2.0, 0.0]))
    torch.testing.assert_close(given, by_hand)
    assert head.mixes


def test_softmax_loss_is_the_cross_entropy_of_its_logits() -> None:
    head = SoftmaxHead(4, 3, HeadConfig(dropout=0.0)).eval()
    embedding, target = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    by_hand = -torch.log_softmax(head.logits(embedding), 1)[torch.arange(5), target].mean()
    assert head.loss(embedding, target).item() == pytest.approx(by_hand.item(), rel=1e-6)
