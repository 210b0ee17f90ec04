"""A fitted identifier in its run folder: config.yaml, classes.json, model.safetensors; all that is needed to use it elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from whichwhale import config
from whichwhale.files import write_json
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.runs import RunFolder


def write(run: RunFolder, net: Identifier, whales: list[str]) -> None:
    """Save the network and the whales that its logits stand for, in order."""
    write_json(run.path / "classes.json", {"whales": whales})
    run.write_weights(net.state_dict())


def read(path: str | Path) -> tuple[Identifier, list[str], IdentifyConfig]:
    """The network of a run folder, in eval mode, the whales that its logits stand for, and its config.

    Raises RunError if the run is not fitted.
    """
    run = RunFolder(Path(path))
    state = run.read_weights()
    settings = config.load(IdentifyConfig, run.path / "config.yaml")
    whales = json.loads((run.path / "classes.json").read_text(encoding="utf-8"))["whales"]
    auxiliary = len(state["auxiliary.weight"]) if "auxiliary.weight" in state else 0
    bare = settings.model_copy(update={"backbone": settings.backbone.bare})
    net = Identifier(bare, len(whales), auxiliary)
    net.load_state_dict(state)
    return net.eval(), whales, settings
