"""Weights v of terms in a softmax, p = softmax(sum_j v_j term_j): temperatures, powers, prior exponents and log-linear pools.

Mean log loss is convex in v, and there are few weights, so Newton's method with the exact Hessian, the covariance of the terms
under p, is at the minimum after a handful of passes over the table, from wherever it starts. `pool.fit` finds the same minimum to
the last digits; this is for fitting it dozens of times (blend/nested.py).

scikit-learn's temperature scaling (CalibratedClassifierCV, method "temperature") finds the same temperature, but wants every
class among the rows that it is fitted on, and whales with a single photo have no out-of-fold row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 100.0  # of a weight; terms of rms 1 are one-hot then
STEPS = 60
Floats = NDArray[np.floating]


def sizes(z: Floats) -> NDArray[np.float64]:
    """Root mean square of each member's logits [M], 1 where they are all 0: a model that says nothing has nothing to scale."""
    rms = np.sqrt([float(np.vdot(one, one)) / one.size for one in z])
    return np.where(rms > 0, rms, 1.0)


def weigh(
    terms: Floats,
    truth: NDArray[np.int64],
    *,
    l2: float = 0.0,
    least: float | Sequence[float] = 0.0,
    start: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The weights of least mean log loss plus l2 * mean((v - mean v)^2).

    Args:
        terms: [J, N, C], finite, float32 or float64; weights mean something where the terms are of about unit size.
        truth: [N] true columns.
        l2: strength of the pull toward equal weights, nats.
        least: smallest weight, of all or of each; -inf for none.
        start: [J]; changes how long it takes, not what is found.

    Returns:
        v [J], between `least` and 100.

    Raises:
        ValueError: wrong shapes, or no rows.
    """
    if terms.ndim != 3 or 0 in terms.shape or truth.shape != terms.shape[1:2]:
        raise ValueError(f"terms {terms.shape} and truth {truth.shape} don't agree, or there are no rows")
    count, photos, whales = terms.shape
    flat, rows = terms.reshape(count, -1), np.arange(photos)
    true = terms[:, rows, truth].sum(axis=1, dtype=np.float64)
    low = np.broadcast_to(np.asarray(least, np.float64), (count,))
    pull = 2 * l2 / count * (np.eye(count) - 1 / count)
    tolerance = 1e-9 if terms.dtype == np.float64 else 2e-5

    def forward(v: NDArray[np.float64]) -> tuple[float, Floats]:
        p = (v.astype(terms.dtype) @ flat).reshape(photos, whales)
        p -= p.max(axis=1, keepdims=True)
        hit = p[rows, truth].astype(np.float64)
        np.exp(p, out=p)
        total = p.sum(axis=1)
        p /= total[:, None]
        return float(np.mean(np.log(total.astype(np.float64)) - hit) + v @ pull @ v / 2), p

    v = np.clip(np.full(count, 1 / count) if start is None else np.asarray(start, np.float64), low, MOST)
    loss, p = forward(v)
    for _ in range(STEPS):
        mean = np.einsum("jnc,nc->jn", terms, p).astype(np.float64)
        gradient = (mean.sum(axis=1) - true) / photos + pull @ v
        free = ~((v <= low) & (gradient > 0) | (v >= MOST) & (gradient < 0))
        if not free.any() or np.abs(gradient[free]).max() < tolerance:
            break
        weighted = (terms[free] * p).reshape(free.sum(), -1)
        hessian = (weighted @ flat[free].T).astype(np.float64) / photos - mean[free] @ mean[free].T / photos
        hessian += pull[np.ix_(free, free)]
        hessian[np.diag_indices_from(hessian)] += 1e-9 + 1e-7 * np.trace(hessian) / len(hessian)  # copies are no direction
        step = np.zeros(count)
        step[free] = -np.linalg.solve(hessian, gradient[free])
        for share in (1.0, 0.5, 0.25, 0.1, 0.01, 1e-3):
            tried = np.clip(v + share * step, low, MOST)
            new, p_new = forward(tried)
            if new < loss:
                break
        else:
            break  # the last digits of the table's type
        v, loss, p = tried, new, p_new
    return v
