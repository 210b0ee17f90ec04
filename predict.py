"""Run fitted models: over a data set's photos (writes what they say beside each model), or over photos of yours.

    python predict.py configs/right_whale_heads/lite0_160.yaml
    python predict.py configs/right_whale_heads/lite0_160.yaml fold=0 name=trial
    python predict.py photo1.jpg photo2.jpg --model runs/right_whale_heads/ensemble --top 3
"""

from __future__ import annotations

import sys
from pathlib import Path

from train import open_experiment
from whichwhale.command_line import carried_out, parsed, parser_of


def main(arguments: list[str] | None = None) -> int:
    """Predict what the command line asks for; returns the exit code."""
    parser = parser_of("predict.py", __doc__)
    parser.add_argument("what", nargs="+", help="a model's YAML and key=value as given to train.py; with --model, photos")
    parser.add_argument("--model", type=Path, help="a blend, a model or one fit under runs/, to answer for single photos")
    parser.add_argument("--top", type=int, default=5, help="how many whales to name for a photo (default %(default)s)")
    options = parsed(parser, arguments, "what")
    if options.model is not None:
        return carried_out(answer, options.model, options.what, options.top, by="predict.py")
    return carried_out(over_data_set, Path(options.what[0]), options.what[1:], by="predict.py")


def over_data_set(config: Path, overrides: list[str]) -> None:
    """Write predictions.npz (models) or annotations.csv (localizers, aligners, detectors) of every fit of the config."""
    if config.suffix not in (".yaml", ".yml"):
        raise ValueError(f"{config}: not a YAML; to identify a photo, say --model runs/<dataset>/ensemble as well")
    door, experiment = open_experiment(config, overrides)
    for fold in experiment.fold_list():
        door.predict_fold(experiment, fold)


def answer(model: Path, photos: list[str], top: int) -> int:
    """Print the most probable whales of each photo; a photo that can't be read is named, and the others go on."""
    import whichwhale

    identifier = whichwhale.load(model)
    failed = 0
    for photo in photos:
        try:
            guesses = identifier.identify(photo, top)
        except ValueError as error:
            print(f"predict.py: {error}", file=sys.stderr)
            failed += 1
            continue
        print(f"{photo}  " + ", ".join(f"{guess.whale} {guess.probability:.1%}" for guess in guesses))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
