"""The YAMLs are ones that the room takes, and what it refuses."""

from pathlib import Path

import pytest

from whichwhale.config import ConfigError, load, read_yaml
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.net import HeatmapNet

CONFIGS = Path(__file__).parents[2] / "configs"
ROOMS = {"localize": LocalizerConfig, "align": AlignerConfig}


def test_every_yaml_of_the_room_loads() -> None:
    mine = {path: values["room"] for path in CONFIGS.rglob("*.yaml") if (values := read_yaml(path)).get("room") in ROOMS}
    assert set(mine.values()) == set(ROOMS)
    for path, room in mine.items():
        load(ROOMS[room], path)


def test_points_are_switchable_and_named_by_the_config() -> None:
    assert load(LocalizerConfig, None).channels == ["box", "bonnet_tip", "blowhole"]
    assert load(LocalizerConfig, None, ["point_weight=0"]).channels == ["box"]
    fin = load(AlignerConfig, None, ["truth={points: {fin_base: base.json, fin_tip: tip.json}}"])
    assert fin.channels == ["fin_base", "fin_tip"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("width=100", "multiple of 32"),
        ("truth={points: {tip: a.json}}", "two points"),
        ("widht=64", "width"),
        ("heatmap.stride=3", "stride"),
    ],
)
def test_mistakes_are_named(override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(LocalizerConfig, None, [override])


def test_backbone_without_maps_of_that_stride_is_refused() -> None:
    config = load(AlignerConfig, None, ["backbone={name: test_convnext, weights: false}", "heatmap.stride=2"])
    with pytest.raises(ConfigError, match="maps of stride 4"):
        HeatmapNet(config)
