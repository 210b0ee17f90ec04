"""What does a training passport cost? CPU ms a picture of one thread: all of it, and what each piece of the augmentation adds.

examples:
  python benchmarks/augmentation.py configs/right_whale_heads/arcface_lite0.yaml
  python benchmarks/augmentation.py configs/right_whale_heads/lite0_160_heavy.yaml view.height=80

The least of several rounds, in CPU time of the thread, so that what else runs on the machine hardly matters; pictures are made 16
at a time, a thread's share of a batch of 32 on two cores. A piece is drawn at the chance that the config gives it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from whichwhale.augment import AugmentConfig, MixConfig
from whichwhale.augment.config import AIR, CAMERA, SEA
from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.fit.machine import keep_freed_memory
from whichwhale.identify.door import open_experiment
from whichwhale.identify.experiment import Experiment, item_of
from whichwhale.identify.passports import TrainingPassports

SHARE = 16
PIECES = (*SEA, *AIR, *CAMERA, "occlusion")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/augmentation.py", __doc__)
    add_config(parser, "a model's YAML", "as train.py takes them")
    parser.add_argument("--pictures", type=int, default=64, metavar="N", help="of a round (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="default %(default)s")
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/augmentation.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    if options.pictures < 1 or options.rounds < 1:
        raise ValueError("--pictures and --rounds must be 1 or more")
    experiment = open_experiment(options.config, options.override)
    config = experiment.config
    costs = measure(experiment, variants(config.augment), options.pictures, options.rounds)
    width, height = config.view.size
    print(f"{' '.join([options.config.stem, *options.override])}: {width} x {height}, CPU ms a picture")
    print(f"  all {costs['all']:.3f}\n  geometry and warp {costs['geometry']:.3f}")
    for piece in [name for name in costs if name not in ("all", "geometry")]:
        print(f"  + {piece} {costs[piece] - costs['geometry']:.3f}")


def variants(augment: AugmentConfig) -> dict[str, AugmentConfig]:
    """The augmentation as it is, its geometry alone, and that with one more thing that it has."""
    bare = augment.model_copy(update=dict.fromkeys(PIECES, 0.0) | {"photometric": "none", "mix": MixConfig()})
    found = {"all": augment, "geometry": bare}
    if augment.photometric != "none":
        found[augment.photometric] = bare.model_copy(update={"photometric": augment.photometric})
    for piece in PIECES:
        if chance := getattr(augment, piece):
            found[f"{piece} ({chance:g})"] = bare.model_copy(update={piece: chance})
    if augment.mix.on:
        found["mix"] = bare.model_copy(update={"mix": augment.mix})
    return found


def measure(experiment: Experiment, augments: dict[str, AugmentConfig], pictures: int, rounds: int) -> dict[str, float]:
    """CPU ms a picture with each of `augments`, which take turns: the least of `rounds`."""
    keep_freed_memory()
    config, (training, _) = experiment.config, experiment.photos("all")
    rows = experiment.store.rows([item_of(image) for image in training[:pictures]])
    made = {}
    for name, augment in augments.items():
        mixed = augment.mix.epochs(config.fit.epochs)
        made[name] = TrainingPassports(experiment.store, rows, {}, config.view, augment, config.seed, mixed)
    least = dict.fromkeys(made, np.inf)
    for _ in range(rounds):
        for name, passports in made.items():
            began = time.thread_time()
            for start in range(0, len(rows), SHARE):
                passports.many(range(start, min(start + SHARE, len(rows))))
            least[name] = min(least[name], 1e3 * (time.thread_time() - began) / len(rows))
    return least


if __name__ == "__main__":
    sys.exit(main())
