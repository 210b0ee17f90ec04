"""Isotonic regression of each whale against all others, rows rescaled to sum 1.

Source: Zadrozny & Elkan, Transforming classifier scores into accurate multiclass probability estimates (KDD 2002), section 5.
It is here for comparison: with a handful of photos a whale it says 0 of nearly everything that it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.evidence import Evidence
from whichwhale.blend.memo import Memo

LEAST = 1e-12


@dataclass(frozen=True)
class Isotonic:
    """For each whale the corners of a rising line from probability to share of right ones; none for a whale without a photo among
    the rows that it was fitted on, which stays as it is."""

    corners: dict[str, tuple[list[float], list[float]]]

    @classmethod
    def fit(cls, log_p: NDArray, evidence: Evidence, truth: NDArray[np.int64], memo: Memo) -> Isotonic:
        from sklearn.isotonic import IsotonicRegression  # slow to import

        p, corners = np.exp(log_p.astype(np.float64)), {}
        for column in np.unique(truth):
            line = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p[:, column], truth == column)
            corners[evidence.class_id[column]] = (line.X_thresholds_.tolist(), line.y_thresholds_.tolist())
        return cls(corners)

    def apply(self, log_p: NDArray, evidence: Evidence) -> NDArray:
        p = np.exp(log_p)
        for column, whale in enumerate(evidence.class_id):
            if whale in self.corners:
                p[:, column] = np.interp(p[:, column], *self.corners[whale])
        p = np.maximum(p, LEAST)
        return np.log(p / p.sum(axis=1, keepdims=True))
