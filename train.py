"""Fit one model from one config, all its folds. A fit that was stopped goes on, a finished one is left alone.

    python train.py configs/right_whale_heads/lite0_160.yaml
    python train.py configs/right_whale_heads/lite0_160.yaml fold=0 fit.epochs=2 name=trial
    torchrun --nproc_per_node=4 train.py configs/right_whale_heads/lite0_160.yaml
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from whichwhale.command_line import carried_out, parsed, parser_of
from whichwhale.config import ConfigError, read_yaml

# What a config's `room` says, and whose door that is.
DOORS = {"identify": "identify", "localize": "localize", "align": "localize", "detect": "detect"}


def main(arguments: list[str] | None = None) -> int:
    """Fit what the command line asks for; returns the exit code."""
    parser = parser_of("train.py", __doc__)
    parser.add_argument("config", type=Path, help="a model's YAML")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="what differs from it, for example fit.epochs=2")
    options = parsed(parser, arguments, "overrides")
    return carried_out(fit, options.config, options.overrides, by="train.py")


def fit(config: Path, overrides: list[str]) -> None:
    """Fit every fold that the config names. Raises ConfigError if it fits no models."""
    room = room_of(config)
    from whichwhale.fit.processes import together  # slow to import: not before the config is known to be one

    with together():
        door, experiment = open_experiment(config, overrides, room)
        for fold in experiment.fold_list():
            run = door.fit_fold(experiment, fold)
            print(f"{run.path}: fitted")


def room_of(path: Path) -> str:
    """The room that a YAML is for. Raises ConfigError if it fits no models."""
    values = read_yaml(path)
    if "members" in values:
        raise ConfigError(f"{path}: is the config of a blend; python ensemble.py {path}")
    room = values.get("room", "identify")
    if room not in DOORS:
        raise ConfigError(f"{path}: room {room!r} fits no models; those that do are {', '.join(DOORS)}")
    return room


def open_experiment(path: Path, overrides: list[str], room: str | None = None) -> tuple[ModuleType, Any]:
    """The door of the room that the YAML names, and the experiment behind it."""
    door = importlib.import_module(f"whichwhale.{DOORS[room or room_of(path)]}.door")
    from whichwhale.fit.processes import main_first

    with main_first():  # the others find folds and passports made
        return door, door.open_experiment(path, overrides)


if __name__ == "__main__":
    sys.exit(main())
