"""Run folders as a fit leaves them, without the fit."""

from pathlib import Path

from torch import nn

from whichwhale.config import Config
from whichwhale.runs import RunFolder


def put(home: Path, config: Config, net: nn.Module, fold: int = 0, parts: tuple[str, ...] = ("head",)) -> RunFolder:
    """The folder of one fold below `home`, with the weights that `net` has; `parts` are a detector's."""
    run = RunFolder.start(home / f"fold{fold}", config, {"fold": fold, "parts": list(parts)})
    run.write_weights(net.state_dict())
    run.finish("random")
    return run
