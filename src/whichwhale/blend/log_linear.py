"""The log-linear pool as one of the ways to blend: weights fitted toward equal ones, or equal ones and a power.

Formulas and reasons are those of blend/pool.py. Here it is one step of a recipe, found again for every part of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from whichwhale.blend.copies import first_alike, shared
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.memo import Memo
from whichwhale.blend.weigh import sizes


@dataclass(frozen=True)
class LogLinear:
    """log p = log softmax(sum_m w_m z_m); weights of the members by name."""

    members: list[str]
    weights: list[float]

    @classmethod
    def fit(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo, equal: bool = False) -> LogLinear:
        """Weights w_m = v_m / rms(z_m), v of the distinct members pulled together by l2; `equal`: one v for all, copies too."""
        first = np.arange(len(evidence.members)) if equal else first_alike(evidence.z)
        kept = np.unique(first)
        z = evidence.z if len(kept) == len(first) else evidence.z[kept]
        scale = sizes(z)
        unit = z / scale[:, None, None].astype(z.dtype)
        if equal:
            v = np.repeat(memo.weigh("equal", unit.sum(axis=0, keepdims=True), truth), len(scale))
        else:
            v = memo.weigh(f"log_linear {' '.join(evidence.members[m] for m in kept)}", unit, truth, l2=l2)
        return cls(list(evidence.members), shared(v / scale, first).tolist())

    @classmethod
    def fit_equal(cls, evidence: Evidence, truth: NDArray[np.int64], l2: float, memo: Memo) -> LogLinear:
        """All members of equal influence, and one fitted power."""
        return cls.fit(evidence, truth, l2, memo, equal=True)

    def log_p(self, evidence: Evidence) -> NDArray[np.floating]:
        """[N, C]."""
        z = evidence.of_members(self.members).z
        return log_softmax(np.tensordot(np.asarray(self.weights, z.dtype), z, axes=1), axis=1)
