"""What do pretrained weights know before any fit? Nearest neighbours of a held-out fold by the backbone's features alone.

examples:
  python benchmarks/transfer.py configs/right_whale_heads/cells_160.yaml backbone.narrow=0
  python benchmarks/transfer.py configs/right_whale_heads/cells_160.yaml backbone.narrow=0 backbone.weights=true

A narrow convolution is drawn at random (of the config's seed) before a fit, so weights are best compared without. Each held-out
photo gets the whale of the nearest training photo: cosine of the features less the training photos' mean, one plain view, nothing
fitted. It takes half a minute where a fit takes twenty, so it tells early which weights are worth one. Features are kept in
runs/DATASET/features.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from whichwhale.command_line import add_config, carried_out, parsed, parser_of
from whichwhale.geometry import identity
from whichwhale.identify.door import open_experiment
from whichwhale.identify.experiment import Experiment, item_of
from whichwhale.identify.features import FeatureCache
from whichwhale.identify.onward import refuse_backbone_that_saw
from whichwhale.nets import Backbone
from whichwhale.score import mean_interval


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/transfer.py", __doc__)
    add_config(parser, "a model's YAML", "as train.py takes them")
    parser.add_argument("--held-out", type=int, default=0, metavar="FOLD", help="which fold is held out (default %(default)s)")
    return carried_out(benchmark, parsed(parser, arguments, "override"), by="benchmarks/transfer.py")


def benchmark(options: argparse.Namespace) -> None:
    """Measure and print. Raises ValueError."""
    right = found(open_experiment(options.config, options.override), options.held_out)
    what = " ".join([options.config.stem, *options.override])
    print(f"{what}: of {len(right)} photos of fold {options.held_out} found by nearest neighbour {mean_interval(right, seed=0)}")


def found(experiment: Experiment, fold: int) -> NDArray[np.float64]:
    """1 for each held-out photo whose nearest training photo shows the same whale, else 0."""
    training, held_out = experiment.photos(fold)
    refuse_backbone_that_saw(experiment, fold)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.config.seed)  # what no weights are for (backbone.narrow) is drawn
        backbone = Backbone(experiment.config.backbone)
    cache = FeatureCache(experiment.home / "features", backbone, experiment.config, experiment.store)
    rows = experiment.store.rows([item_of(photo) for photo in [*training, *held_out]])
    features = cache.get(rows, cache.plain(identity())).all()
    whale = np.asarray(experiment.labels([*training, *held_out]))
    return nearest_is_right(features, whale, len(training))


def nearest_is_right(features: NDArray[np.float32], whale: NDArray, known: int) -> NDArray[np.float64]:
    """`features` [N, dims] and `whale` [N] of `known` photos, then of those to be found: 1 for each of the latter whose nearest
    known one is of the same whale, else 0. The known ones' mean is taken off: what all photos share would hide the rest."""
    apart = features - features[:known].mean(axis=0)
    apart /= np.maximum(np.linalg.norm(apart, axis=1, keepdims=True), 1e-12)
    nearest = np.argmax(apart[known:] @ apart[:known].T, axis=1)
    return (whale[:known][nearest] == whale[known:]).astype(np.float64)


if __name__ == "__main__":
    sys.exit(main())
