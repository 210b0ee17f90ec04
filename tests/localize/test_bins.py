"""Coordinates as bins: exact to the half bin, and unbiased."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.localize.bins import centres, decode, encode, width

WINNERS = [20, 40, 60, 128]


def round_trip(places: torch.Tensor, counts: list[int], length: int, target: str) -> torch.Tensor:
    return decode([encode(places, count, length, target) for count in counts], length, target)[0]


def test_bins_by_hand() -> None:
    # 8 px span -0.5 to 7.5; four bins of 2 px lie about 0.5, 2.5, 4.5, 6.5
    assert centres(4, 8, "hard").tolist() == [0.5, 2.5, 4.5, 6.5]
    assert encode(torch.tensor([-0.5, 1.49, 1.5, 7.4]), 4, 8, "hard").argmax(-1).tolist() == [0, 0, 1, 3]
    # five knots from edge to edge, 2 px apart
    assert centres(5, 8, "soft").tolist() == [-0.5, 1.5, 3.5, 5.5, 7.5]
    assert encode(torch.tensor([2.0]), 5, 8, "soft")[0].tolist() == [0, 0.75, 0.25, 0, 0]


@given(
    x=st.floats(0, 1),
    length=st.sampled_from([64, 160, 256]),
    counts=st.lists(st.sampled_from([2, 7, *WINNERS]), min_size=1, max_size=4, unique=True),
)
def test_soft_places_come_back_exactly_wherever_they_lie(x: float, length: int, counts: list[int]) -> None:
    place = torch.tensor([x * length - 0.5], dtype=torch.float64)
    for count in counts:
        p = encode(place, count, length, "soft")
        assert float(p.sum()) == pytest.approx(1, abs=1e-12)
        assert float((p * centres(count, length, "soft")).sum()) == pytest.approx(float(place), abs=1e-9)
    assert float(round_trip(place, counts, length, "soft")) == pytest.approx(float(place), abs=1e-6)


@pytest.mark.parametrize("count", WINNERS)
def test_hard_places_come_back_as_the_mean_of_their_bin(count: int) -> None:
    length, wide = 256, width(count, 256, "hard")
    places = (torch.arange(count * 10, dtype=torch.float64) + 0.5) * wide / 10 - 0.5  # ten, evenly, in each bin
    back = round_trip(places, [count], length, "hard")
    assert (back - places).abs().max() <= wide / 2
    by_bin = places.reshape(count, 10).mean(1).repeat_interleave(10)  # a place's expected value, if all but its bin is forgotten
    assert torch.allclose(back, by_bin, atol=1e-9)


def test_several_counts_of_hard_bins_are_unbiased_and_nearer_than_the_finest_alone() -> None:
    length = 240  # a whole number of px a bin for 20, 40 and 60
    places = torch.arange(0, 240, 0.25, dtype=torch.float64) - 0.375
    off = round_trip(places, [20, 40, 60], length, "hard") - places
    finest = round_trip(places, [60], length, "hard") - places
    assert float(off.mean()) == pytest.approx(0, abs=1e-9)
    assert off.abs().max() <= 3.0
    assert float(finest.mean()) == pytest.approx(0, abs=1e-9)


def test_second_lower_peak_far_off_does_not_pull_but_is_told() -> None:
    counts, here, there = WINNERS, torch.tensor([60.2]), torch.tensor([200.0])
    sure = [encode(here, count, 256, "soft") for count in counts]
    both = [0.7 * encode(here, count, 256, "soft") + 0.3 * encode(there, count, 256, "soft") for count in counts]
    place, score, spread = decode(both, 256, "soft")
    assert float(place) == pytest.approx(60.2, abs=1e-3)
    assert float(score) == pytest.approx(0.7, abs=1e-5)
    by_hand = np.sqrt(0.3 * 139.8**2)  # and the bins' own widths, which add little to it
    assert float(spread) == pytest.approx(by_hand, rel=0.01)
    _, score, narrow = decode(sure, 256, "soft")
    assert float(score) == pytest.approx(1) and float(narrow) < 6


def test_places_outside_the_view_count_as_at_its_edge() -> None:
    for target in ("soft", "hard"):
        far, edge = (encode(torch.tensor([x]), 20, 64, target) for x in (90.0, 63.49))
        assert far.argmax() == edge.argmax() == 19
