"""What may follow a pool: a power, a power of the class prior, a floor, scales and shifts of each whale.

Each is fitted on what the pool says of the rows that it was fitted on itself, so the pool must have few parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from whichwhale.blend.evidence import Evidence
from whichwhale.blend.memo import Memo

Floats = NDArray[np.floating]
MOST_FLOOR = 0.5  # share of the probability that a floor may take


@dataclass(frozen=True)
class Power:
    """p ~ p^power: temperature scaling, power = 1 / T."""

    power: float

    @classmethod
    def fit(cls, log_p: Floats, evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> Power:
        return cls(float(memo.weigh("power", log_p[None], truth)[0]))

    def apply(self, log_p: Floats, evidence: Evidence) -> Floats:
        return log_softmax(self.power * log_p, axis=1)


@dataclass(frozen=True)
class Prior:
    """p ~ p^power prior^exponent; a negative exponent gives rare whales more."""

    power: float
    exponent: float

    @classmethod
    def fit(cls, log_p: Floats, evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> Prior:
        prior = np.broadcast_to(evidence.log_prior, log_p.shape).astype(log_p.dtype)
        power, exponent = memo.weigh("prior", np.stack([log_p, prior]), truth, least=(0.0, -np.inf))
        return cls(float(power), float(exponent))

    def apply(self, log_p: Floats, evidence: Evidence) -> Floats:
        return log_softmax(self.power * log_p + self.exponent * evidence.log_prior.astype(log_p.dtype), axis=1)


@dataclass(frozen=True)
class Floor:
    """p = (1 - share) p + share / C: what is left for any whale whatever the models say."""

    share: float

    @classmethod
    def fit(cls, log_p: Floats, evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> Floor:
        hit = np.exp(log_p[np.arange(len(truth)), truth].astype(np.float64))
        even = 1 / log_p.shape[1]

        def loss(log_share: float) -> float:  # convex in the share, so it has one minimum in its logarithm as well
            share = np.exp(log_share)
            return float(-np.log((1 - share) * hit + share * even).mean())

        found = minimize_scalar(loss, bounds=(np.log(1e-9), np.log(MOST_FLOOR)), method="bounded", options={"xatol": 1e-6})
        return cls(float(np.exp(found.x)))

    def apply(self, log_p: Floats, evidence: Evidence) -> Floats:
        return np.log((1 - self.share) * np.exp(log_p) + np.asarray(self.share / log_p.shape[1], log_p.dtype))


@dataclass(frozen=True)
class Vector:
    """Vector scaling: p ~ exp(scale_c s_c + shift_c), s the centred log p; Guo et al. 2017, section 4.2.

    With 447 whales and a few photos of each the parameters need a hold: squares of scales' distances from their mean and of
    shifts, as if each had a normal prior of sd `SD`. All of it pulls toward one scale, which is temperature scaling. How strong
    the hold should be is for the photos to say, so it comes in three strengths, each a way to blend of its own.
    """

    SD: ClassVar[float] = 0.1  # of a whale's scale and shift about those of all whales, before any photo is seen

    class_id: list[str]
    scale: list[float]
    shift: list[float]

    @classmethod
    def fit(cls, log_p: Floats, evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> Vector:
        s = log_p - log_p.mean(axis=1, keepdims=True)
        photos, whales = s.shape
        rows, hold = np.arange(photos), 1 / (photos * cls.SD**2)
        true_scale = np.bincount(truth, s[rows, truth], whales)
        true_shift = np.bincount(truth, minlength=whales).astype(np.float64)

        def objective(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            scale, shift = x.reshape(2, whales)
            p = s * scale.astype(s.dtype) + shift.astype(s.dtype)
            p -= p.max(axis=1, keepdims=True)
            hit = p[rows, truth].astype(np.float64)
            np.exp(p, out=p)
            total = p.sum(axis=1)
            p /= total[:, None]
            off = scale - scale.mean()
            loss = np.mean(np.log(total.astype(np.float64)) - hit) + hold / 2 * (off @ off + shift @ shift)
            by_scale = (np.einsum("nc,nc->c", p, s) - true_scale) / photos + hold * off
            by_shift = (p.sum(axis=0) - true_shift) / photos + hold * shift
            return float(loss), np.concatenate([by_scale, by_shift]).astype(np.float64)

        start = np.concatenate([np.ones(whales), np.zeros(whales)])
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 60, "ftol": 1e-7, "gtol": 1e-6})
        scale, shift = found.x.reshape(2, whales)
        return cls(list(evidence.class_id), scale.tolist(), shift.tolist())

    def apply(self, log_p: Floats, evidence: Evidence) -> Floats:
        at = _places(self.class_id, evidence.class_id)
        scale, shift = (np.asarray(one, log_p.dtype)[at] for one in (self.scale, self.shift))
        return log_softmax((log_p - log_p.mean(axis=1, keepdims=True)) * scale + shift, axis=1)


@dataclass(frozen=True)
class VectorTight(Vector):
    """Vector scaling, held tight."""

    SD: ClassVar[float] = 0.03


@dataclass(frozen=True)
class VectorLoose(Vector):
    """Vector scaling, held loosely."""

    SD: ClassVar[float] = 0.3


def _places(known: list[str], asked: list[str]) -> list[int]:
    """Where the whales asked for stand among those known."""
    place = {whale: column for column, whale in enumerate(known)}
    if missing := [whale for whale in asked if whale not in place]:
        raise ValueError(f"the calibration does not know {missing[0]}; fit the blend anew")
    return [place[whale] for whale in asked]
