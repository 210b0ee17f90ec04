"""Run the fitted models of a config over the photos: writes predictions.npz beside each model.

    python predict.py configs/right_whale_heads/lite0_128.yaml
    python predict.py configs/right_whale_heads/lite0_128.yaml fold=0 name=trial
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from train import open_experiment


def main(arguments: list[str] | None = None) -> int:
    """Predict with every fit that the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a model's YAML, as given to train.py")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="what differs from it, as given to train.py")
    options = parser.parse_args(arguments)
    try:
        experiment = open_experiment(options.config, options.overrides)
        from whichwhale.identify.predicting import predict_fold

        for fold in experiment.fold_list():
            run = predict_fold(experiment, fold)
            print(f"{run.predictions}: written")
    except ValueError as error:
        print(f"predict.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
