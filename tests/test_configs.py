"""Every YAML under configs/ is one that its room takes."""

from pathlib import Path

import pytest

from whichwhale.blend.config import EnsembleConfig
from whichwhale.config import Config, load, read_yaml
from whichwhale.detect.config import DetectConfig
from whichwhale.identify.config import IdentifyConfig
from whichwhale.localize.config import AlignerConfig, LocalizerConfig

CONFIGS = sorted((Path(__file__).parent.parent / "configs").rglob("*.yaml"))
ROOMS: dict[str, type[Config]] = {
    "identify": IdentifyConfig,
    "localize": LocalizerConfig,
    "align": AlignerConfig,
    "detect": DetectConfig,
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: "/".join(path.parts[-2:]))
def test_config_loads(path: Path) -> None:
    values = read_yaml(path)
    assert load(EnsembleConfig if "members" in values else ROOMS[values.get("room", "identify")], path)
