"""The room's door: what train.py and predict.py call."""

from __future__ import annotations

from pathlib import Path

from whichwhale.config import load_named, read_yaml
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.experiment import Experiment
from whichwhale.localize.fitting import fit_fold
from whichwhale.localize.predicting import predict_fold

__all__ = ["fit_fold", "open_experiment", "predict_fold"]


def open_experiment(path: Path, overrides: list[str]) -> Experiment:
    """The experiment of a localizer's or aligner's YAML, which has the file's name unless it says another."""
    kind = AlignerConfig if read_yaml(path).get("room") == "align" else LocalizerConfig
    return Experiment.open(load_named(kind, path, overrides))
