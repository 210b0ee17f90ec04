"""Two looks: where the second one is led, what it gives back, and what both learn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from whichwhale.geometry import apply, rotation
from whichwhale.localize import heatmap
from whichwhale.localize.config import AlignerConfig, SecondLookConfig
from whichwhale.localize.net import Found, LocateObjective, TwoLooksNet
from whichwhale.localize.two_looks import off_by

TINY = {"name": "test_resnet", "weights": False}
WINDOW = {"reduction": 2, "width": 64, "height": 32, "times": 1}


def config(**second: object) -> AlignerConfig:
    return AlignerConfig(variant="two_looks", size=96, backbone=TINY, heatmap={"width": 16}, second={**WINDOW, **second})


class Says(nn.Module):
    """In place of a look: gives the same points, and keeps what it saw."""

    def __init__(self, points: torch.Tensor) -> None:
        super().__init__()
        self.points, self.seen = points, []

    def find(self, images: torch.Tensor) -> Found:
        self.seen.append(images)
        return Found(self.points, torch.full(self.points.shape[:2], 0.5), None)


def soft_dots(points: np.ndarray, size: int = 96) -> torch.Tensor:
    """Pictures [B, 3, size, size] with a red and a green dot at `points` [B, 2, 2]."""
    rows, columns = np.mgrid[:size, :size]
    image = np.full((len(points), 3, size, size), 70.0)
    for number, pair in enumerate(points):
        for channel, (x, y) in enumerate(pair):
            image[number, channel] += 180 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
    return torch.from_numpy(image.astype(np.uint8))


def test_places_lie_level_about_the_middle() -> None:
    assert SecondLookConfig(width=128, height=64, span=0.5).places == [[31.5, 31.5], [95.5, 31.5]]


@given(st.floats(-4, 4), st.floats(8, 25), st.floats(40, 55), st.floats(40, 55))
def test_second_look_that_finds_all_in_place_gives_the_first_ones_points(turn: float, half: float, x: float, y: float) -> None:
    first = torch.from_numpy(apply(rotation(turn, (x, y)), [[x - half, y], [x + half, y]])).float()[None]
    net = TwoLooksNet(config())
    net.first, net.second = Says(heatmap.to_cells(first, 2)), Says(net.places[None])
    found = net.find(torch.zeros(1, 3, 96, 96, dtype=torch.uint8))
    assert found.points[0].numpy() == pytest.approx(first[0].numpy(), abs=1e-3)
    assert net.first.seen[0].shape == (1, 3, 48, 48) and net.second.seen[0].shape == (1, 3, 32, 64)
    assert found.score.tolist() == [[0.5, 0.5]]


def test_second_look_sees_the_head_level_and_its_correction_is_turned_back() -> None:
    # blowhole straight below the bonnet tip; the first look sees it 4 px too high, the second one puts it right
    true = np.array([[[48.0, 30.0], [48.0, 62.0]]])
    led = torch.tensor([[[48.0, 30.0], [48.0, 58.0]]])
    net = TwoLooksNet(config())
    places = torch.tensor(net.config.second.places)
    right = places[None].clone()
    right[0, 1, 0] += 4 * 32 / 28  # the window has 32 px for the 28 px between the first look's points
    net.first, net.second = Says(heatmap.to_cells(led, 2)), Says(right)
    assert net.find(soft_dots(true)).points.numpy() == pytest.approx(true, abs=1e-3)
    window = net.second.seen[0][0].double().numpy() - 70
    for channel, place in enumerate(right[0].tolist()):
        weight = window[channel].clip(20) - 20
        found = [(weight.sum(axis) * np.arange(weight.shape[1 - axis])).sum() / weight.sum() for axis in (0, 1)]
        assert found == pytest.approx(place, abs=0.3)


def test_a_third_look_is_led_by_the_second() -> None:
    net = TwoLooksNet(config(times=2))
    led = torch.tensor([[[30.0, 48.0], [62.0, 48.0]]])
    right = net.places[None] + torch.tensor([3.0, 0.0])  # always: 3 px further to the right, at a scale of 1
    net.first, net.second = Says(heatmap.to_cells(led, 2)), Says(right)
    found = net.find(torch.zeros(1, 3, 96, 96))
    assert found.points.numpy() == pytest.approx((led + torch.tensor([6.0, 0.0])).numpy(), abs=1e-3)
    assert len(net.second.seen) == 2


def test_errors_it_learns_with() -> None:
    points = torch.tensor([[[10.0, 20.0], [40.0, 60.0]]]).expand(4000, 2, 2)  # d = 50
    assert torch.equal(off_by(points, SecondLookConfig(error=0, swapped=0)), points)
    assert torch.equal(off_by(points, SecondLookConfig(error=0, swapped=1)), points.flip(1))
    torch.manual_seed(0)
    off = off_by(points, SecondLookConfig(error=0.1, error_spread=0.5, swapped=0)) - points
    # variance of a normal whose sd is log-normal about s: s² exp(2 · 0.5²)
    assert float(off.std()) == pytest.approx(5 * np.exp(0.25), rel=0.05)
    swapped = (off_by(points, SecondLookConfig(error=0, swapped=0.2)) == points.flip(1)).all((1, 2))
    assert float(swapped.float().mean()) == pytest.approx(0.2, abs=0.02)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    turn, middle = rng.uniform(0, 2 * np.pi, count), rng.uniform(42, 54, (count, 2))
    half = 16 * np.stack([np.cos(turn), np.sin(turn)], 1)
    points = np.stack([middle - half, middle + half], 1)
    return {
        "image": soft_dots(points),
        "points": torch.from_numpy(points).float(),
        "weight": torch.ones(count, 2),
        "extent": torch.ones(count, 2),
    }


def test_one_batch_by_heart() -> None:
    torch.manual_seed(0)
    objective, pictures = LocateObjective(TwoLooksNet(config(error=0.06))), batch()
    optimizer = torch.optim.AdamW(objective.parameters(), lr=5e-3)
    for _ in range(120):
        losses = objective(pictures)
        assert set(losses) == {"first", "second"}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    found = objective.net.find(pictures["image"])  # in training mode, since four pictures make no running statistics
    assert (found.points - pictures["points"]).norm(dim=-1).max() < 1.0  # px of the view


def test_losses_are_the_same_again_from_the_same_stream() -> None:
    torch.manual_seed(0)
    net, pictures, sums = TwoLooksNet(config()), batch(), []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        sums.append(net.losses(pictures)["second"].item())
    assert sums[0] == sums[1] != sums[2]


def test_every_parameter_gets_a_gradient_and_every_backbone_is_known_as_one() -> None:
    objective = LocateObjective(TwoLooksNet(config()))
    sum(objective(batch()).values()).backward()
    assert [name for name, parameter in objective.named_parameters() if parameter.grad is None] == []
    fresh = {id(parameter) for parameter in objective.fresh_parameters()}
    backbones = [*objective.net.first.backbone.parameters(), *objective.net.second.backbone.parameters()]
    assert not fresh & {id(parameter) for parameter in backbones}
    assert len(fresh) + len(backbones) == len(list(objective.parameters()))


def test_photo_whose_blowhole_is_unknown_leads_nowhere() -> None:
    net, pictures = TwoLooksNet(config()), batch()
    pictures["weight"][:, 1] = 0
    losses = net.losses(pictures)
    assert losses["second"].item() == 0 and losses["first"].item() > 0
