"""A tiny network, from random weights, learns one batch by heart: targets, losses, and decoding fit together."""

import numpy as np
import pytest
import torch

from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.net import HeatmapNet, LocateObjective

TINY = {"name": "test_resnet", "weights": False}


def batch_of_dots(count: int = 4) -> dict[str, torch.Tensor]:
    """Red and green dots on grey, the box about both."""
    rng = np.random.default_rng(0)
    points = rng.uniform([16, 12], [80, 52], (count, 2, 2))
    rows, columns = np.mgrid[:64, :96]
    image = np.full((count, 3, 64, 96), 90.0)
    for number in range(count):
        for channel, (x, y) in enumerate(points[number]):
            image[number, channel] += 160 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
    extent = np.abs(points[:, 0] - points[:, 1]) + 8
    things = np.concatenate([points.mean(1, keepdims=True), points], 1)
    return {
        "image": torch.from_numpy(image.astype(np.uint8)),
        "points": torch.from_numpy(things).float(),
        "weight": torch.ones(count, 3),
        "extent": torch.from_numpy(extent).float(),
    }


def test_one_batch_by_heart() -> None:
    torch.manual_seed(0)
    config = LocalizerConfig(width=96, height=64, backbone=TINY, heatmap={"width": 32})
    objective, batch = LocateObjective(HeatmapNet(config)), batch_of_dots()
    optimizer = torch.optim.AdamW(objective.parameters(), lr=5e-3)
    for _ in range(80):
        losses = objective(batch)
        assert set(losses) == {"box", "size", "points"}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    objective(batch)  # in training mode, since four pictures make no running statistics
    found = objective.net.find(batch["image"])
    assert (found.points - batch["points"]).norm(dim=-1).max() < 1.0  # px of the view, a quarter of a cell
    assert found.score.min() > 0.8
    assert (found.extent / batch["extent"]).log().abs().max() < 0.15


def test_unknown_points_teach_nothing() -> None:
    net = HeatmapNet(AlignerConfig(size=64, backbone=TINY, heatmap={"width": 8}))
    batch = {key: value[:, 1:] if key in ("points", "weight") else value for key, value in batch_of_dots().items()}
    batch["image"] = batch["image"][..., :64]
    batch["weight"] = torch.zeros(4, 2)
    losses = net.losses(batch)
    assert set(losses) == {"points"}  # an aligner has no box
    assert losses["points"].item() == 0
    losses["points"].backward()
    assert all(float(parameter.grad.abs().sum()) == 0 for parameter in net.parameters() if parameter.grad is not None)


def test_every_parameter_gets_a_gradient() -> None:
    net = HeatmapNet(LocalizerConfig(width=96, height=64, backbone=TINY, heatmap={"width": 8}))
    sum(net.losses(batch_of_dots()).values()).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


def test_points_that_are_switched_off_have_no_loss_and_no_map() -> None:
    config = LocalizerConfig(width=96, height=64, backbone=TINY, heatmap={"width": 8}, point_weight=0)
    net, batch = HeatmapNet(config), batch_of_dots()
    batch |= {"points": batch["points"][:, :1], "weight": batch["weight"][:, :1]}
    assert set(net.losses(batch)) == {"box", "size"}
    assert net.find(batch["image"]).points.shape == (4, 1, 2)


def test_weights_scale_their_losses() -> None:
    def losses(**weights: float) -> dict[str, float]:
        torch.manual_seed(1)
        net = HeatmapNet(LocalizerConfig(width=96, height=64, backbone=TINY, heatmap={"width": 8}, **weights))
        return {key: value.item() for key, value in net.losses(batch_of_dots()).items()}

    plain, weighted = losses(point_weight=1, size_weight=1), losses(point_weight=0.25, size_weight=3)
    assert weighted == pytest.approx({"box": plain["box"], "size": 3 * plain["size"], "points": plain["points"] / 4}, rel=1e-5)
