"""The room's door: what train.py and predict.py call."""

from __future__ import annotations

from pathlib import Path

from whichwhale.config import load_named
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.experiment import Experiment
from whichwhale.detect.fitting import fit_fold
from whichwhale.detect.predicting import predict_fold

__all__ = ["fit_fold", "open_experiment", "predict_fold"]


def open_experiment(path: Path, overrides: list[str]) -> Experiment:
    """The experiment of a detector's YAML, which has the file's name unless it says another."""
    return Experiment.open(load_named(DetectConfig, path, overrides))
