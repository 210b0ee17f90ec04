"""Targets and decoding between cells."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.localize.heatmap import decode, divergence, gaussians, to_cells, to_pixels


def gaussian_by_hand(x: float, y: float, width: int, height: int, sigma: float) -> torch.Tensor:
    rows = [[math.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * sigma**2)) for i in range(width)] for j in range(height)]
    return torch.tensor(rows, dtype=torch.float64)


def test_first_cell_spans_the_first_pixels() -> None:
    # with stride 4 the first cell spans pixels 0..3, whose middle is 1.5; pixel 0 is three eighths of a cell before that
    assert to_cells(torch.tensor([1.5, 0.0]), 4).tolist() == [0.0, -0.375]
    assert to_pixels(torch.tensor([0.0, 1.0]), 4).tolist() == [1.5, 5.5]


@given(x=st.floats(5, 18), y=st.floats(5, 12), sigma=st.floats(0.7, 1.6))
def test_peak_of_a_gaussian_is_found_between_cells(x: float, y: float, sigma: float) -> None:
    logits = gaussian_by_hand(x, y, 24, 18, sigma).log()[None, None].float()
    cells, score, attention = decode(logits, sigma, 1.5)
    assert cells[0, 0].tolist() == pytest.approx([x, y], abs=0.01)
    assert float(score) == pytest.approx(1, abs=0.01)
    assert float(attention.sum()) == pytest.approx(1, abs=1e-5)


@given(x=st.floats(24, 70), y=st.floats(24, 46), stride=st.sampled_from([2, 4]))
def test_target_and_decoding_are_inverse(x: float, y: float, stride: int) -> None:
    points = torch.tensor([[[x, y]]])
    target = gaussians(to_cells(points, stride), (96 // stride, 72 // stride), 1.0)
    assert float(target.sum()) == pytest.approx(1, abs=1e-5)
    cells, _, _ = decode(target.clamp(min=1e-30).log(), 1.0, 1.5)
    assert to_pixels(cells, stride)[0, 0].tolist() == pytest.approx([x, y], abs=0.05 * stride)


def test_target_is_the_gaussian_of_the_definition() -> None:
    by_hand = gaussian_by_hand(3.3, 5.6, 9, 11, 1.2)
    target = gaussians(torch.tensor([[[3.3, 5.6]]], dtype=torch.float64), (9, 11), 1.2)[0, 0]
    assert torch.allclose(target, by_hand / by_hand.sum(), atol=1e-12)


def test_lower_second_peak_does_not_pull() -> None:
    both = gaussian_by_hand(6.3, 8.2, 24, 18, 1.0) + 0.6 * gaussian_by_hand(17, 8, 24, 18, 1.0)
    cells, score, _ = decode((both + 1e-12).log()[None, None].float(), 1.0, 1.5)
    assert cells[0, 0].tolist() == pytest.approx([6.3, 8.2], abs=0.01)
    assert float(score) == pytest.approx(1 / 1.6, abs=0.01)


def test_divergence_by_hand() -> None:
    target = torch.tensor([[[[0.5, 0.5]], [[1.0, 0.0]]]])
    logits = torch.tensor([[[[0.9, 0.1]], [[0.25, 0.75]]]]).log()
    first, second = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1), math.log(1 / 0.25)
    assert float(divergence(logits, target, torch.tensor([[1.0, 0.0]]))) == pytest.approx(first, abs=1e-6)
    assert float(divergence(logits, target, torch.tensor([[1.0, 3.0]]))) == pytest.approx((first + 3 * second) / 4, abs=1e-6)
    assert float(divergence(logits, target, torch.zeros(1, 2))) == 0
    assert float(divergence(target[:, :1].log(), target[:, :1], torch.ones(1, 1))) == pytest.approx(0, abs=1e-6)
