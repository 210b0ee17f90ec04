"""Every YAML under configs/ is one that its room takes, and those of identification models make networks that learn."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from whichwhale.augment import generator
from whichwhale.augment.mixing import draw_mix
from whichwhale.blend.config import EnsembleConfig
from whichwhale.config import Config, load, read_yaml
from whichwhale.detect.config import DetectConfig
from whichwhale.identify.bottleneck import head_alone
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier, IdentifyObjective
from whichwhale.localize.config import AlignerConfig, LocalizerConfig

CONFIGS = sorted((Path(__file__).parent.parent / "configs").rglob("*.yaml"))
ROOMS: dict[str, type[Config]] = {
    "identify": IdentifyConfig,
    "localize": LocalizerConfig,
    "align": AlignerConfig,
    "detect": DetectConfig,
}
VALUES = {path: read_yaml(path) for path in CONFIGS}
IDENTIFY = [path for path, said in VALUES.items() if "members" not in said and said.get("room", "identify") == "identify"]
WHALES, KINDS = 5, 3  # KINDS: of the auxiliary target


def name_of(path: Path) -> str:
    return "/".join(path.parts[-2:])


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_config_loads(path: Path) -> None:
    values = VALUES[path]
    assert load(EnsembleConfig if "members" in values else ROOMS[values.get("room", "identify")], path)


@pytest.mark.parametrize("path", IDENTIFY, ids=name_of)
def test_an_identifier_is_built_and_has_a_loss(path: Path) -> None:
    """As a fit builds it, but of random weights, and a batch of two whales, a quarter of the config's size: no photo, no hub."""
    config = load(IdentifyConfig, path)
    bare = config.model_copy(update={"backbone": config.backbone.bare})
    torch.manual_seed(0)
    net = Identifier(bare, WHALES, KINDS if config.auxiliary.weight else 0)
    net.know(torch.full((WHALES,), 4))
    width, height = (max(side // 4, 32) for side in config.view.size)
    images = torch.randint(0, 256, (4, 3, height, width), dtype=torch.uint8).contiguous(memory_format=torch.channels_last)
    batch = {
        "image": images,
        "whale": torch.tensor([0, 0, 3, 3]),
        "mirrored": torch.tensor([False, True, False, True]),
        "auxiliary": torch.tensor([-1, 0, 1, 2]),
    }
    if config.augment.mix.on:
        mixes = [draw_mix(config.augment.mix, generator(0, k), (width, height)) for k in range(4)]
        batch["mix"] = torch.from_numpy(np.stack(mixes))
    if config.bottleneck:
        with torch.no_grad():
            batch["features"] = net.backbone(batch.pop("image"))
    objective = IdentifyObjective(net, config.auxiliary.weight).train()
    with head_alone(net) if config.bottleneck else nullcontext():
        losses = objective(batch)
        sum(losses.values()).backward()
    assert "whale" in losses and ("auxiliary" in losses) == (config.auxiliary.weight > 0)
    assert all(loss.isfinite() for loss in losses.values())
    learning = [parameter.grad for parameter in net.head.parameters() if parameter.requires_grad]
    assert learning and all(grad is not None and grad.isfinite().all() for grad in learning)

    with torch.no_grad():
        answer = net.eval()(images)
    assert answer.logits.shape == (4, WHALES) and answer.logits.isfinite().all()
    torch.testing.assert_close(answer.embedding.norm(dim=1), torch.ones(4))
