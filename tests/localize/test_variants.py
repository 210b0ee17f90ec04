"""Variants behind one seam: each learns a batch by heart, answers in pixels of the view, and refuses what it can't do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.config import ConfigError, load
from whichwhale.localize import one_net
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.edges import EdgesNet, box_sum, edge_energy
from whichwhale.localize.net import VARIANTS, LocateObjective
from whichwhale.localize.windows import places
from whichwhale.pictures.frames import square_about

TINY = {"name": "test_resnet", "weights": False}
SMALL = {
    "heatmap": {"heatmap": {"width": 32}},
    "regression": {"regression": {"hidden": 64}},
    "bins": {"bins": {"counts": [10, 24], "hidden": 64}},
    "windows": {"windows": {"pixels": 32, "sizes": [0.25, 0.35]}, "point_weight": 0},
    "one_net": {
        "heatmap": {"width": 32},
        "one_net": {"reduction": 1, "size": 64, "variant": "heatmap", "heatmap": {"width": 32}},
    },
}


def config(variant: str, **changes: object) -> LocalizerConfig:
    return LocalizerConfig(variant=variant, width=96, height=64, backbone=TINY, **SMALL[variant] | changes)


def heads(count: int = 4) -> dict[str, torch.Tensor]:
    """Grey views with a dark blob about a red and a green dot; the box about both."""
    rng = np.random.default_rng(0)
    turn, middle = rng.uniform(0, 2 * np.pi, count), rng.uniform([24, 20], [72, 44], (count, 2))
    half = 9 * np.stack([np.cos(turn), np.sin(turn)], 1)
    points = np.stack([middle - half, middle + half], 1)
    rows, columns = np.mgrid[:64, :96]
    image = np.full((count, 3, 64, 96), 110.0)
    for number in range(count):
        image[number] -= 60 * np.exp(-((columns - middle[number, 0]) ** 2 + (rows - middle[number, 1]) ** 2) / (2 * 9.0**2))
        for channel, (x, y) in enumerate(points[number]):
            image[number, channel] += 150 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2))
    return {
        "image": torch.from_numpy(image.clip(0, 255).astype(np.uint8)),
        "points": torch.from_numpy(np.concatenate([middle[:, None], points], 1)).float(),
        "weight": torch.ones(count, 3),
        "extent": torch.full((count, 2), 27.0),
    }


def of_channels(batch: dict[str, torch.Tensor], count: int) -> dict[str, torch.Tensor]:
    return batch | {key: batch[key][:, :count] for key in ("points", "weight")}


@pytest.mark.parametrize(
    ("variant", "steps", "near"), [("regression", 150, 2.0), ("bins", 150, 2.0), ("one_net", 100, 1.5), ("windows", 60, 6.0)]
)
def test_one_batch_by_heart(variant: str, steps: int, near: float) -> None:
    torch.manual_seed(0)
    net = VARIANTS[variant](config(variant))
    batch = of_channels(heads(), len(net.config.channels))
    objective = LocateObjective(net)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3)
    for _ in range(steps):
        losses = objective(batch)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    found = net.find(batch["image"])  # in training mode, since four pictures make no running statistics
    assert found.points.shape == batch["points"].shape
    assert (found.points - batch["points"]).norm(dim=-1).max() < near  # px of the view
    assert (found.extent / batch["extent"]).log().abs().max() < 0.3
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert found.spread.shape == found.score.shape and (found.spread >= 0).all()


@pytest.mark.parametrize("variant", ["regression", "bins", "windows", "one_net"])
def test_every_parameter_gets_a_gradient_and_unknown_places_teach_nothing(variant: str) -> None:
    torch.manual_seed(0)
    net = VARIANTS[variant](config(variant))
    batch = of_channels(heads(), len(net.config.channels))
    sum(net.losses(batch).values()).backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []
    assert all(loss.item() == 0 for loss in net.losses(batch | {"weight": torch.zeros_like(batch["weight"])}).values())


@pytest.mark.parametrize("variant", ["regression", "bins"])
def test_aligners_of_coordinates_have_no_box(variant: str) -> None:
    net = VARIANTS[variant](AlignerConfig(variant=variant, size=64, backbone=TINY, **SMALL[variant]))
    batch = heads()
    batch |= {"image": batch["image"][..., :64], "points": batch["points"][:, 1:], "weight": batch["weight"][:, 1:]}
    assert set(net.losses(batch)) <= {"points", "spread"}
    found = net.find(batch["image"])
    assert found.extent is None and found.points.shape == (4, 2, 2)


def test_how_far_off_regression_will_be_changes_nothing_that_it_finds() -> None:
    gradients = []
    for weight in (0.1, 5.0):
        torch.manual_seed(0)
        net = VARIANTS["regression"](config("regression", regression={"hidden": 16, "spread_weight": weight}))
        sum(net.losses(heads()).values()).backward()
        gradients.append([net.places.weight.grad, net.wide[2].weight.grad, net.scales.bias.grad])
    assert torch.equal(gradients[0][0], gradients[1][0]) and torch.equal(gradients[0][1], gradients[1][1])
    assert not torch.allclose(gradients[0][2], gradients[1][2])


@given(st.floats(10, 80), st.floats(10, 50), st.floats(8, 40), st.floats(8, 40))
def test_crop_of_one_net_is_that_of_an_aligner(x: float, y: float, width: float, height: float) -> None:
    centre, extent = (torch.tensor([each], dtype=torch.float64) for each in ((x, y), (width, height)))
    mine = one_net.about(centre, extent, 1.8, 64)[0].numpy()
    theirs = square_about([x - width / 2, y - height / 2, width, height], 1.8, 64)
    assert mine == pytest.approx(theirs, abs=1e-9)


def test_boxes_that_one_net_learns_with_are_off_by_what_it_says() -> None:
    torch.manual_seed(0)
    centre, extent = torch.zeros(2000, 2), torch.tensor([[30.0, 40.0]]).expand(2000, 2)
    moved, grown = one_net.off_by(centre, extent, 2.0, 0.1, 0.25)
    side = 2 * np.sqrt((30**2 + 40**2) / 2)
    assert 0.09 * side < float(moved.abs().max()) <= 0.1 * side
    assert float((grown / extent).max()) == pytest.approx(1.25, abs=0.01)
    assert float((grown / extent).min()) == pytest.approx(0.8, abs=0.01)
    assert torch.equal(one_net.off_by(centre, extent, 2.0, 0, 0)[1], extent)


def test_windows_stand_where_they_should() -> None:
    centres, sides = places((100, 60), [0.2, 0.4], 0.5)
    assert sides.unique().tolist() == [20.0, 40.0]
    small = centres[sides == 20]
    assert small[:, 0].unique().tolist() == [-0.5 + 10 * n for n in range(11)]  # to the edges, symmetric about the middle, 49.5
    assert small[:, 1].unique().tolist() == [-0.5 + 10 * n for n in range(7)]


def test_edges_are_found_without_labels() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(100, 6, (2, 1, 64, 96)).repeat(3, 1)
    for number, (x, y) in enumerate([(30, 25), (70, 40)]):
        image[number, :, y - 5 : y + 6, x - 5 : x + 6] += 60 * rng.choice([-1, 1], (1, 11, 11))
    image[:, :, :6] = image[:, :, -6:] = 0  # letterboxed
    net = EdgesNet(LocalizerConfig(variant="edges", width=96, height=64, point_weight=0, edges={"sizes": [0.12, 0.3]}))
    found = net.find(torch.from_numpy(image.clip(0, 255).astype(np.uint8)))
    assert found.points[:, 0].numpy() == pytest.approx(np.array([[30, 25], [70, 40]]), abs=2)
    assert (found.extent == 13).all()  # of 13 and 29 px
    assert ((found.score > 0) & (found.score <= 1)).all()
    assert list(net.parameters()) == []


def test_a_frame_has_no_edges() -> None:
    image = torch.full((1, 3, 32, 32), 90, dtype=torch.uint8)
    image[..., :8] = 0
    assert float(edge_energy(image, 1.0, 0.5).max()) == 0
    assert box_sum(torch.ones(1, 1, 9, 9), 3)[0, 0, 4].tolist() == pytest.approx([6, *[9] * 7, 6])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (["variant=bins", "regression.hidden=8"], "regression: is of variant=regression, this is variant=bins"),
        (["variant=windows"], "finds boxes and no points: say point_weight=0"),
        (["variant=one_net", "width=256"], "multiples of 96"),
        (["variant=one_net", "point_weight=0", "width=384", "height=288"], "would leave none"),
        (["variant=bins", "bins.counts=[20, 20]"], "stands there twice"),
        (["variant=retina"], "variant"),
    ],
)
def test_nonsense_is_refused_by_name(override: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(LocalizerConfig, None, override)


def test_backbones_own_pooling_is_refused() -> None:
    for key, value in (("grid", (2, 2)), ("narrow", 8), ("levels", 2)):
        with pytest.raises(ConfigError, match=rf"backbone.{key}: variant=bins reads every cell itself"):
            VARIANTS["bins"](LocalizerConfig(variant="bins", width=96, height=64, backbone=TINY | {key: value}))


def test_auxiliary_points_are_switchable() -> None:
    truth = {"points": {"tip": "a", "hole": "b", "lip": "c"}}
    both = AlignerConfig(truth=truth, auxiliary_weight=0.25)
    assert both.channels == ["tip", "hole", "lip"] and both.weights() == [1, 1, 0.25]
    assert AlignerConfig(truth=truth, auxiliary_weight=0).channels == ["tip", "hole"]
    localizer = LocalizerConfig(truth=truth, auxiliary_weight=0.5)
    assert localizer.channels == ["box", "tip", "hole", "lip"] and localizer.weights() == [1, 1, 1, 0.5]
