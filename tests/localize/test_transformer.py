"""The spatial transformer: where it looks at first, that it learns to look at what tells whales apart, and what it refuses."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import predict
import train
from whichwhale.annotations import build, read, write
from whichwhale.config import ConfigError, load, to_yaml
from whichwhale.localize.config import LocalizerConfig, TransformerConfig
from whichwhale.localize.locating import read_fitted
from whichwhale.localize.net import VARIANTS, LocateObjective
from whichwhale.localize.transformer import TransformerNet

TINY = {"name": "test_resnet", "weights": False}
SETTINGS = {"whales": 2, "pixels": 32, "reduction": 1, "sizes": (0.2, 1.0), "dropout": 0.0}


def make(**changes: object) -> TransformerNet:
    torch.manual_seed(0)
    settings = TransformerConfig(**SETTINGS | changes)
    config = LocalizerConfig(variant="transformer", width=96, height=64, point_weight=0, backbone=TINY, transformer=settings)
    return VARIANTS["transformer"](config)


def whales(count: int = 8) -> tuple[dict[str, torch.Tensor], np.ndarray]:
    """Grey views, in each of them a square at the edge that is red or green by whose it is; and the squares' middles."""
    rng = np.random.default_rng(0)
    image = rng.normal(110, 8, (count, 64, 96, 3))
    middle = np.stack([rng.choice([14, 82], count), rng.choice([12, 52], count)], 1)
    whale = np.arange(count) % 2
    for number, (x, y) in enumerate(middle):
        image[number, y - 8 : y + 8, x - 8 : x + 8] = [(230, 30, 30), (30, 230, 30)][whale[number]]
    views = torch.from_numpy(image.clip(0, 255).astype(np.uint8)).permute(0, 3, 1, 2)
    return {"image": views, "whale": torch.from_numpy(whale)}, middle


WIDE = 1 / (1 + np.exp(-2))  # of the way from the smallest to the largest crop


def test_at_first_it_looks_at_nearly_everything() -> None:
    batch, _ = whales()
    centre, side, spread = make().crops(batch["image"])
    assert torch.allclose(centre, torch.tensor([47.5, 31.5]), atol=1e-4)
    wide = torch.full((8,), 96 * 0.2 * 5**WIDE)
    assert torch.allclose(side, wide, rtol=1e-5) and side[0] > 0.8 * 96
    assert (spread > 20).all()
    found = make(field=2.0).find(batch["image"])
    assert torch.allclose(found.extent, wide[:, None].expand(8, 2) / 2, rtol=1e-5)
    assert found.points.shape == (8, 1, 2) and ((found.score > 0) & (found.score < 1)).all()


class Colours(nn.Module):
    """The mean red and green of a crop: whales that are told apart the better, the more of the crop they fill."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return crops.mean((2, 3))[:, :2] / 40


def test_who_is_in_the_photos_teaches_where_to_look() -> None:
    net = make()
    net.backbone, net.classify = Colours(), nn.Identity()
    batch, middle = whales()
    optimizer = torch.optim.AdamW(net.where.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        loss = net.losses(batch)["whale"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    centre, side, _ = net.crops(batch["image"])
    assert losses[-1] < 0.5 * losses[0]
    assert np.abs(centre.detach().numpy() - middle).max() < 16  # the squares' own width; at first they are 34 px off
    assert side.max() < 0.6 * 96


def test_every_parameter_gets_a_gradient_and_nobody_teaches_nothing() -> None:
    net, (batch, _) = make(), whales()
    net.losses(batch)["whale"].backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []
    assert net.losses(batch | {"whale": torch.full((8,), -1)})["whale"].item() == 0
    fresh = {id(one) for one in LocateObjective(net).fresh_parameters()}
    assert {name.split(".")[-2] for name, one in net.named_parameters() if id(one) in fresh} == {"attend", "zoom", "1"}


def test_what_can_not_be_is_refused_by_key() -> None:
    with pytest.raises(ConfigError, match="transformer.whales=0"):
        make(whales=0)
    with pytest.raises(ConfigError, match="say the smaller one first"):
        load(LocalizerConfig, None, ["variant=transformer", "point_weight=0", "transformer.sizes=[0.5, 0.1]"])
    with pytest.raises(ConfigError, match="finds boxes and no points: say point_weight=0"):
        load(LocalizerConfig, None, ["variant=transformer"])
    with pytest.raises(ConfigError, match="transformer: is of variant=transformer"):
        load(LocalizerConfig, None, ["transformer.pixels=64"])
    with pytest.raises(ConfigError, match="transformer.reduction=5: width=384"):
        load(LocalizerConfig, None, ["variant=transformer", "point_weight=0", "transformer.reduction=5"])
    config = load(LocalizerConfig, None, ["variant=transformer", "point_weight=0"])
    assert config.of_whales(7).transformer.whales == config.of_whales(7).of_whales(7).transformer.whales == 7
    with pytest.raises(ConfigError, match="transformer.whales=7: the training table has 8"):
        config.of_whales(7).of_whales(8)


def test_the_scripts_fit_it_on_who_is_in_the_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    root, rng, rows = tmp_path / "input" / "sea", np.random.default_rng(0), []
    (root / "imgs").mkdir(parents=True)
    names = [f"w_{number}.jpg" for number in range(9)]
    for image in names:
        cv2.imwrite(str(root / "imgs" / image), rng.normal(110, 20, (64, 96, 3)).clip(0, 255).astype(np.uint8))
        points = {"bonnet_tip_x": 40, "bonnet_tip_y": 30, "bonnet_tip_v": 2, "blowhole_x": 50, "blowhole_y": 30, "blowhole_v": 2}
        rows.append({"Image": image, "x": 30, "y": 20, "width": 30, "height": 20} | points)
    write(root / "truth.csv", build(rows, ["bonnet_tip", "blowhole"]))
    who = [f"whale_{number % 3}" for number in range(8)]
    pd.DataFrame({"Image": names[:8], "whaleID": who}).to_csv(root / "train.csv", index=False)
    pd.DataFrame({"Image": names[8:], **dict.fromkeys(sorted(set(who)), 0.3)}).to_csv(root / "sample_submission.csv", index=False)
    config = LocalizerConfig(
        variant="transformer",
        dataset="sea",
        data={"root": "sea"},
        folds={"count": 2},
        fold=[0],
        truth={"table": "truth.csv"},
        width=96,
        height=64,
        point_weight=0,
        least_score=0,
        backbone=TINY,
        transformer=SETTINGS | {"whales": 0},
        views={"rotations": [0.0], "mirror": False},
        fit={"epochs": 1, "batch_size": 4, "precision": "no"},
    )
    path = tmp_path / "looks.yaml"
    path.write_text(to_yaml(config))
    assert train.main([str(path)]) == 0 and predict.main([str(path)]) == 0
    fitted = read_fitted(tmp_path / "runs" / "sea" / "looks")
    assert fitted.config.transformer.whales == 3
    found = read(tmp_path / "runs" / "sea" / "looks" / "fold0" / "annotations.csv")
    assert (found["status"] == "ok").all() and names[8] in set(found["Image"])
    assert train.main([str(path), "transformer.whales=4"]) == 2
