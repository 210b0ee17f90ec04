"""Configuration of a fit."""

from __future__ import annotations

import pydantic

from whichwhale.config import Config
from whichwhale.fit.machine import Precision


class Kick(Config):
    """From the start of `epoch` (counted from 0) on, for `epochs` epochs, the learning rate is multiplied by `factor`."""

    epoch: float = pydantic.Field(ge=0)
    epochs: float = pydantic.Field(1.0, gt=0)
    factor: float = pydantic.Field(3.0, gt=0)


class PlateauKicks(Config):
    """Kicks where the fit stands still: when the mean training loss of an epoch has not fallen by `least` (as a share of the best
    so far) for `patience` epochs, the next epoch begins with one. Epochs in which a margin grows don't count. `most` 0: never."""

    most: int = pydantic.Field(0, ge=0)
    patience: int = pydantic.Field(3, ge=1)
    least: float = pydantic.Field(0.01, ge=0, lt=1)
    epochs: float = pydantic.Field(1.0, gt=0)
    factor: float = pydantic.Field(3.0, gt=0)


class FitConfig(Config):
    """How a model is fitted."""

    epochs: int = pydantic.Field(20, ge=1)
    batch_size: int = pydantic.Field(32, ge=1)
    lr: float = pydantic.Field(1e-3, gt=0)  # the peak rate, after warm-up
    head_lr: float = pydantic.Field(1.0, gt=0)  # times `lr` for heads and the like, which no weights are for
    weight_decay: float = pydantic.Field(0.02, ge=0)  # of matrices and kernels; biases and norms have none
    warmup: float = pydantic.Field(1.0, ge=0)  # epochs of linear rise
    final: float = pydantic.Field(0.01, ge=0, le=1)  # the rate at the end of the cosine, times `lr`
    kicks: list[Kick] = []
    plateau: PlateauKicks = PlateauKicks()
    # Decay a step of the moving average of the weights, which is then what is validated and kept (0: none; 0.999 looks back over
    # about 1,000 steps). It is shorter at first, 1 - (1 + step)^(-2/3), for the first weights are not worth remembering.
    ema: float = pydantic.Field(0.0, ge=0, lt=1)
    clip: float = pydantic.Field(5.0, gt=0)  # largest norm of the gradient
    validate_every: int = pydantic.Field(5, ge=1)  # epochs between validations; the last epoch is always validated
    checkpoint_minutes: float = pydantic.Field(5.0, ge=0)  # within an epoch; the end of an epoch always makes one
    precision: Precision = "auto"
