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


class FitConfig(Config):
    """How a model is fitted."""

    epochs: int = pydantic.Field(20, ge=1)
    batch_size: int = pydantic.Field(32, ge=1)
    lr: float = pydantic.Field(1e-3, gt=0)  # the peak rate, after warm-up
    head_lr: float = pydantic.Field(1.0, gt=0)  # times `lr` for what starts from random numbers
    weight_decay: float = pydantic.Field(0.02, ge=0)  # of matrices and kernels; biases and norms have none
    warmup: float = pydantic.Field(1.0, ge=0)  # epochs of linear rise
    final: float = pydantic.Field(0.01, ge=0, le=1)  # the rate at the end of the cosine, times `lr`
    kicks: list[Kick] = []
    clip: float = pydantic.Field(5.0, gt=0)  # largest norm of the gradient
    validate_every: int = pydantic.Field(5, ge=1)  # epochs between validations; the last epoch is always validated
    checkpoint_minutes: float = pydantic.Field(5.0, ge=0)  # within an epoch; the end of an epoch always makes one
    precision: Precision = "auto"
