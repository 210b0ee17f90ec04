"""Mining: pytorch-metric-learning's triplets, and a masked twin that is neither the same whale nor another."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner

from whichwhale.identify.heads.mining import all_pairs, batch_hard, relations, semi_hard


def batch(seed: int, whales: int, size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    unit = torch.nn.functional.normalize(torch.randn(size, 4, generator=draw))
    return unit, torch.cdist(unit, unit), torch.randint(0, whales, (size,), generator=draw)


def as_set(triplets: tuple[torch.Tensor, ...]) -> set[tuple[int, ...]]:
    return set(zip(*(one.tolist() for one in triplets), strict=True))


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 14))
def test_without_twins_the_triplets_are_pytorch_metric_learnings(seed: int, whales: int, size: int) -> None:
    unit, distances, target = batch(seed, whales, size)
    relation = relations(target)
    assert as_set(batch_hard(distances, *relation)) == as_set(BatchHardMiner()(unit, target))
    theirs = TripletMarginMiner(margin=0.3, type_of_triplets="semihard")(unit, target)
    assert as_set(semi_hard(distances, *relation, 0.3)) == as_set(theirs)


def test_triplets_by_hand() -> None:
    distances = torch.tensor([[0.0, 0.5, 0.2, 0.6], [0.5, 0.0, 0.9, 0.4], [0.2, 0.9, 0.0, 0.7], [0.6, 0.4, 0.7, 0.0]])
    relation = relations(torch.tensor([0, 0, 1, 2]))
    assert as_set(batch_hard(distances, *relation)) == {(0, 1, 2), (1, 0, 3)}  # whales 1 and 2 have no second photo
    assert as_set(semi_hard(distances, *relation, 0.15)) == {(0, 1, 3)}  # 0.6 - 0.5; from photo 1: 0.9 - 0.5 is too far
    assert as_set(semi_hard(distances, *relation, 0.5)) == {(0, 1, 3), (1, 0, 2)}


def test_a_twin_is_neither_the_same_whale_nor_another() -> None:
    target = torch.tensor([0, 3, 1, 0])  # 3 is the twin of 0 among three whales
    twin = (target + 3) % 6
    same, other = relations(target, twin)
    assert same.nonzero().tolist() == [[0, 3], [3, 0]]
    assert other.int().tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]]
    distances = torch.tensor([[0.0, 0.1, 0.9, 0.5], [0.1, 0.0, 0.8, 0.2], [0.9, 0.8, 0.0, 0.7], [0.5, 0.2, 0.7, 0.0]])
    assert as_set(batch_hard(distances, same, other)) == {(0, 3, 2), (3, 0, 2)}  # not photo 1, which is nearer
    pairs = all_pairs(same, other)
    assert as_set(pairs[:2]) == {(0, 3), (3, 0)}
    assert as_set(pairs[2:]) == {(0, 2), (1, 2), (2, 0), (2, 1), (2, 3), (3, 2)}


@pytest.mark.parametrize("target", [[0, 0, 0], [0, 1, 2]])
def test_a_batch_without_triplets(target: list[int]) -> None:
    relation = relations(torch.tensor(target))
    assert as_set(batch_hard(torch.rand(3, 3), *relation)) == as_set(semi_hard(torch.rand(3, 3), *relation, 9.0)) == set()
