"""Every YAML under configs/ is one that its room takes."""

from pathlib import Path

import pytest

from whichwhale.blend.config import EnsembleConfig
from whichwhale.config import load, read_yaml
from whichwhale.identify.config import IdentifyConfig

CONFIGS = sorted((Path(__file__).parent.parent / "configs").rglob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: "/".join(path.parts[-2:]))
def test_config_loads(path: Path) -> None:
    values = read_yaml(path)
    assert load(EnsembleConfig if "members" in values else IdentifyConfig, path)
