"""Fit one model from one config, all its folds.

    python train.py configs/right_whale_heads/lite0_128.yaml
    python train.py configs/right_whale_heads/lite0_128.yaml fold=0 fit.epochs=2 name=trial
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from whichwhale.config import ConfigError, load, read_yaml


def main(arguments: list[str] | None = None) -> int:
    """Fit what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a model's YAML")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="what differs from it, for example fit.epochs=2")
    options = parser.parse_args(arguments)
    try:
        experiment = open_experiment(options.config, options.overrides)
        from whichwhale.identify.fitting import fit_fold

        for fold in experiment.fold_list():
            run = fit_fold(experiment, fold)
            print(f"{run.path}: fitted")
    except ValueError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 2
    return 0


def open_experiment(path: Path, overrides: list[str]):
    """The experiment of the room that the YAML names."""
    room = read_yaml(path).get("room", "identify")
    if room != "identify":
        raise ConfigError(f"{path}: room {room!r} is none that has models; it is identify")
    from whichwhale.identify.config import IdentifyConfig
    from whichwhale.identify.experiment import Experiment

    config = load(IdentifyConfig, path, overrides)
    if not config.name:
        config = config.model_copy(update={"name": path.stem})
    return Experiment.open(config)


if __name__ == "__main__":
    sys.exit(main())
