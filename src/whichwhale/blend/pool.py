"""The log-linear pool: p = softmax(sum_m w_m z_m), w_m >= 0, z_m the centred logits of model m.

A product of experts with free powers (Hinton 2002; Genest & Zidek 1986, "Combining probability distributions", section 3). The
weights need not sum to 1: their sum is the power (inverse temperature) that calibrates the blend, so mixing and calibration
are one fit. That fit is convex: mean log loss is a log-sum-exp of something linear in w, and the penalty is a square.

The penalty draws the members toward equal influence. Models differ in the scale of their logits (a cosine head's hang on its
scale constant), so it is the *scaled* weights v_m = w_m rms(z_m) that it draws toward their mean: multiplying a model's logits by
a constant changes its w_m and nothing else. The mean itself is free, so a single model is only ever tempered, never shrunk.
Members whose logits are the very same count once and share their weight, so that a copy doesn't move the mean either.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from whichwhale.blend.copies import first_alike, shared
from whichwhale.files import write_json

Floats = NDArray[np.float64]
TestFrom = Literal["folds", "all", "both"]
LEAST_FLOOR = 1e-6
MOST_SCALED_WEIGHT = 100.0  # logits of rms 100 are one-hot; keeps the fit finite on rows that can be separated without error
STARTS = 20  # where rows can nearly be separated the search stops far out; begun again there, it finds the way on
SCHEMA = 1


class PoolError(ValueError):
    """A pool that can't be fitted or read; the message says why."""


@dataclass(frozen=True, eq=False)
class Pool:
    """A fitted pool: plain numbers, stored as blend.json.

    members, weights   names and w [M] (unscaled: they multiply centred logits as they are)
    l2, floor          what it was fitted with, and the least probability that any class gets
    rows               out-of-fold rows that the weights were fitted on
    scores             named figures to keep beside the weights; not used for prediction
    test_power         further power for rows that are means over several fits, as test rows are: such means err less than the
                       single fold models on whose rows the weights were fitted
    test               which fits' mean test rows are: the fold models', that of the one fitted on all photos, or half of each
    chosen             a fitted recipe that answers in the place of the weights (blend/recipes.py), as plain numbers, or None
    partial            pools of some of the members, as plain numbers, for test photos that have no others (blend/partial.py)
    """

    members: list[str]
    weights: list[float]
    l2: float
    floor: float
    rows: int
    scores: dict[str, Any] = field(default_factory=dict)
    test_power: float = 1.0
    test: TestFrom = "both"
    chosen: dict[str, Any] | None = None
    partial: list[dict[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """JSON's types alone; without what is not there."""
        return {key: value for key, value in vars(self).items() if value or key not in ("chosen", "partial")}

    def probabilities(self, z: ArrayLike, means: bool = False) -> Floats:
        """By the weights: z [M, N, C] centred logits in the order of `members` -> p [N, C], rows sum to 1, none below the floor.

        `means` says that they are means over a model's fits, to which `test_power` belongs.
        """
        logits = np.asarray(z, np.float64)
        if logits.ndim != 3 or len(logits) != len(self.weights):
            raise PoolError(f"the pool's members are {', '.join(self.members)}, but z has shape {logits.shape}; wanted [M, N, C]")
        power = self.test_power if means else 1.0
        return mix_floor(softmax(power * np.tensordot(self.weights, logits, axes=1), axis=1), self.floor)

    def write(self, path: str | Path) -> None:
        """Write blend.json atomically."""
        write_json(path, {"schema": SCHEMA, "kind": "log-linear pool"} | self.plain())


def read(path: str | Path) -> Pool:
    """Read blend.json; numbers come back exactly.

    Raises:
        PoolError: missing, not JSON, another schema, missing or contradicting fields.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        schema, kind = values.pop("schema"), values.pop("kind")
        pool = Pool(**values)
        weights = np.asarray(pool.weights, np.float64)
        _check_floor(pool.floor, 1)
        if not 0 < pool.test_power < np.inf:
            raise ValueError(f"test_power {pool.test_power} is no positive number")
        if pool.test not in get_args(TestFrom):
            raise ValueError(f"test {pool.test!r} is none of {', '.join(get_args(TestFrom))}")
        if not isinstance(pool.chosen, dict | None):
            raise ValueError(f"chosen is {type(pool.chosen).__name__}, no recipe")
        for one in pool.partial:
            Pool(**one)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PoolError(f"{path}: not a readable blend.json ({error}); fit the blend anew") from error
    if (schema, kind) != (SCHEMA, "log-linear pool"):
        raise PoolError(f"{path}: schema {schema} of {kind!r}; this code reads schema {SCHEMA} of 'log-linear pool'")
    if weights.shape != (len(pool.members),) or not np.isfinite(weights).all() or (weights < 0).any():
        raise PoolError(f"{path}: weights must be one finite number >= 0 a member, not {pool.weights}")
    return pool


def mix_floor(p: ArrayLike, floor: float) -> Floats:
    """(1 - C floor) p + floor: rows [N, C] still sum to 1 and no class gets less than `floor`.

    One confident error costs -ln(floor) at most: 13.8 at 1e-6, where the competition's own clip would charge 34.5.

    Raises:
        PoolError: floor below 1e-6, or so large that it would leave nothing of p.
    """
    table = np.asarray(p, np.float64)
    _check_floor(floor, table.shape[1])
    return (1 - table.shape[1] * floor) * table + floor


def _check_floor(floor: float, classes: int) -> None:
    if not floor >= LEAST_FLOOR or not floor * classes < 1:
        raise PoolError(f"floor={floor}: must be at least {LEAST_FLOOR:g} and below 1/{classes}, one over the number of classes")


def objective(w: Floats, z: Floats, truth: NDArray[np.int64], l2: float, scale: Floats) -> tuple[float, Floats]:
    """Mean log loss (nats) of softmax(sum w z) plus l2 * mean((v - mean v)^2), v = w scale; and its gradient in w.

    The floor is left out: with it the loss would not be convex, and at 1e-6 it moves no weight that matters.

    Args:
        w: [M]; z: [M, N, C]; truth: columns [N]; scale: [M], rms of each member's z.
    """
    rows = np.arange(len(truth))
    log_p = log_softmax(np.tensordot(w, z, axes=1), axis=1)
    p = np.exp(log_p)
    deviation = w * scale - np.mean(w * scale)
    gradient = np.array([(p * one).sum() - one[rows, truth].sum() for one in z]) / len(truth)
    return (
        float(-log_p[rows, truth].mean() + l2 * np.mean(deviation**2)),
        gradient + 2 * l2 / len(w) * deviation * scale,  # the mean's own derivative drops out: deviations sum to 0
    )


def fit(z: ArrayLike, truth: ArrayLike, members: Sequence[str], l2: float = 1e-3, floor: float = LEAST_FLOOR) -> Pool:
    """Fit the weights once, on out-of-fold rows.

    On these rows loss and penalty together are at most those of any one member at any power, so the pool's log loss is at most
    l2 (M - 1) (v / M)^2 above the best member's, v the scaled weight of that one alone.

    Args:
        z: [M, N, C] centred logits, finite.
        truth: [N] true columns.
        members: [M] names.
        l2: strength of the pull toward equal scaled weights, nats. On N rows 1e-3 is a normal prior of sd sqrt(500 M / N) on
            each scaled weight's distance from the mean (about 0.6 for 2 members on 2,600 rows, where such weights are 1 to 4).
        floor: least probability of any class.

    Raises:
        PoolError: wrong shapes, no rows, values that are not finite, l2 < 0, a bad floor, no convergence.
    """
    logits, column = np.asarray(z, np.float64), np.asarray(truth, np.int64)
    if logits.ndim != 3 or 0 in logits.shape or column.shape != logits.shape[1:2] or len(members) != len(logits):
        raise PoolError(f"z {logits.shape}, truth {column.shape} and {len(members)} members don't agree, or there are no rows")
    if not np.isfinite(logits).all() or column.min() < 0 or column.max() >= logits.shape[2]:
        raise PoolError("z must be finite and truth a column of it")
    if not l2 >= 0:
        raise PoolError(f"l2={l2}: must be 0 or more")
    _check_floor(floor, logits.shape[2])
    first = first_alike(logits)
    kept = np.unique(first)
    logits = logits if len(kept) == len(first) else logits[kept]
    rms = np.sqrt(np.mean(logits**2, axis=(1, 2)))
    scale = np.where(rms > 0, rms, 1.0)  # a model that says nothing has nothing to scale
    # Solved for v = w * scale, in which all members are alike: better conditioned, and independent of the logits' units.
    unit = logits / scale[:, None, None]
    v, steep, why = np.full(len(kept), 1 / len(kept)), np.inf, ""
    for _ in range(STARTS):
        result = minimize(
            objective,
            v,
            args=(unit, column, l2, np.ones(len(kept))),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, MOST_SCALED_WEIGHT)] * len(kept),
            options={"gtol": 1e-10, "ftol": 1e-15, "maxiter": 1000, "maxcor": 20},
        )
        v, why = result.x, result.message
        # Where the line search stops at float64's last digits L-BFGS-B calls it a failure; the gradient says whether it is one.
        steep = np.abs(np.where((v <= 0) & (result.jac > 0) | (v >= MOST_SCALED_WEIGHT) & (result.jac < 0), 0, result.jac)).max()
        if steep < 1e-5:
            return Pool(list(members), shared(v / scale, first).tolist(), l2, floor, len(column))
    raise PoolError(f"the weights did not converge ({why}); are the logits of {', '.join(members)} sane?")


def cross_fit(
    z: ArrayLike,
    truth: ArrayLike,
    fold: ArrayLike,
    members: Sequence[str],
    l2: float,
    floor: float,
    usable: ArrayLike | None = None,
) -> Floats:
    """p [N, C] of every row from weights fitted on the (usable, [N]) rows of the other folds: an honest score of the fitted pool.

    Raises:
        PoolError: fewer than two folds, or as `fit`.
    """
    logits, column, part = np.asarray(z, np.float64), np.asarray(truth, np.int64), np.asarray(fold)
    good = np.ones(len(part), bool) if usable is None else np.asarray(usable, bool)
    if len(np.unique(part[good])) < 2:
        raise PoolError("weights can be cross-fitted over two or more folds only")
    p = np.empty(logits.shape[1:])
    for k in np.unique(part):
        here = part == k
        others = ~here & good
        p[here] = fit(logits[:, others], column[others], members, l2, floor).probabilities(logits[:, here])
    return p
