"""How far off a point will be: from what the views said of it to a standard deviation in pixels, calibrated on out-of-fold rows.

Three signs of doubt, none of which alone is an error in pixels: how far the views lie apart, how far each view's own answer
reaches (a heat map's spread), how low the score is. Their logarithms are added with weights that can't be negative (non-negative
least squares on the logarithm of the error), and a monotone map of the sum gives the expected squared error (isotonic regression,
Barlow et al. 1972, on groups of rows, since few rows decide where errors are large). All is in units of d, so that large heads
and small ones are alike. Every step is increasing: a point that looks worse in any way never gets a smaller standard deviation.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import lsq_linear
from sklearn.isotonic import isotonic_regression

from whichwhale.files import write_json

LEAST = 1e-3  # d: errors and spreads below that are one
LEAST_ROWS = 40  # fewer say nothing of the tails
GROUP = 20  # rows, at least, whose mean squared error is one value of the map
MOST_GROUPS = 25
RAKES = 4


@dataclass(frozen=True, eq=False)
class Doubts:
    """Signs of doubt of K points in N photos.

    apart   [N, K] px, root mean square distance of a view along one axis (NaN with a single view)
    spread  [N, K] px, of a view's own answer (NaN where the network doesn't say)
    score   [N, K] in 0..1
    d       [N] px, distance of the first two points that were found
    """

    apart: NDArray[np.float64]
    spread: NDArray[np.float64]
    score: NDArray[np.float64]
    d: NDArray[np.float64]

    def signs(self, point: int) -> NDArray[np.float64]:
        """Of one point: [N, 3], each larger where there is more doubt; a sign that nobody told is 0 throughout."""
        d = np.maximum(self.d, 1.0)
        signs = [np.log(np.maximum(one[:, point] / d, LEAST)) for one in (self.apart, self.spread)]
        signs.append(1 - self.score[:, point])
        return np.stack([one if np.isfinite(one).all() else np.zeros(len(d)) for one in signs], 1)

    @classmethod
    def join(cls, parts: list[Doubts]) -> Doubts:
        """Those of several tables, one after another."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("apart", "spread", "score", "d")))

    def take(self, rows: ArrayLike) -> Doubts:
        """Those of some of the photos."""
        return Doubts(self.apart[rows], self.spread[rows], self.score[rows], self.d[rows])


@dataclass(frozen=True)
class PointMap:
    """From one point's signs to its standard deviation along one axis, in d: `weights` of the signs, then `sd` at the sums `at`
    (both rising), between them linear in the logarithm; beyond the ends it rises as the sum does."""

    weights: list[float]
    at: list[float]
    sd: list[float]

    def __call__(self, signs: NDArray[np.float64]) -> NDArray[np.float64]:
        """[N, 3] to [N]."""
        total, at = signs @ np.array(self.weights), np.array(self.at)
        beyond = total - np.clip(total, at[0], at[-1])
        return np.exp(np.interp(total, at, np.log(self.sd)) + beyond)


def fit_point(signs: NDArray[np.float64], error: NDArray[np.float64]) -> PointMap | None:
    """Fit the map of one point from signs [N, 3] and errors [N] (distances, in d; NaN rows are left out); None if there are too
    few."""
    known = np.isfinite(error) & np.isfinite(signs).all(1)
    signs, error = signs[known], error[known]
    if len(error) < LEAST_ROWS:
        return None
    wanted, telling = np.log(np.maximum(error, LEAST)), np.ptp(signs, axis=0) > 1e-9
    design = (signs - signs.mean(0))[:, telling]
    weights = np.zeros(signs.shape[1])
    if telling.any():
        weights[telling] = lsq_linear(design, wanted - wanted.mean(), bounds=(0, np.inf)).x
    total = signs @ weights
    if np.ptp(total) < 1e-9:  # no sign is worth anything
        return PointMap(weights.tolist(), [0.0], [max(float(np.sqrt(np.mean(error**2) / 2)), LEAST)])
    order = np.argsort(total, kind="stable")
    groups = np.array_split(order, int(np.clip(len(order) // GROUP, 2, MOST_GROUPS)))
    square = np.array([max(np.mean(error[group] ** 2) / 2, LEAST**2) for group in groups])  # along one axis
    square = isotonic_regression(square, sample_weight=[len(group) for group in groups])
    # Where the map would stand still only the middle of the flat piece is kept: ranks stay ranks.
    steps = np.flatnonzero(np.r_[True, np.diff(square) > 1e-12])
    pieces = [np.concatenate(groups[first:last]) for first, last in zip(steps, [*steps[1:], len(groups)], strict=True)]
    found = PointMap(weights.tolist(), [total[piece].mean() for piece in pieces], np.sqrt(square[steps]).tolist())
    for _ in range(RAKES):  # the mean of the map over a piece's rows is not its value at the middle
        mine = found(signs) ** 2
        ratio = [np.mean(error[piece] ** 2) / 2 / np.mean(mine[piece]) for piece in pieces]
        sd = np.maximum(np.array(found.sd) * np.sqrt(np.clip(ratio, 0.25, 4.0)), LEAST)
        found = replace(found, sd=(np.maximum.accumulate(sd) * (1 + 1e-6 * np.arange(len(sd)))).tolist())
    return found


@dataclass(frozen=True)
class Uncertainty:
    """The maps of all points, by name; a point without one keeps what its views say."""

    maps: dict[str, PointMap | None]

    @classmethod
    def fit(cls, doubts: Doubts, error: NDArray[np.float64], names: list[str]) -> Uncertainty:
        """From doubts of K points `names` and how far off they were: error [N, K], px."""
        scaled = error / np.maximum(doubts.d, 1.0)[:, None]
        return cls({name: fit_point(doubts.signs(k), scaled[:, k]) for k, name in enumerate(names)})

    def sd(self, doubts: Doubts) -> NDArray[np.float64]:
        """Standard deviation [N, K] along one axis, px."""
        found = doubts.apart.copy()
        for k, one in enumerate(self.maps.values()):
            if one is not None:
                found[:, k] = one(doubts.signs(k)) * np.maximum(doubts.d, 1.0)
        return found

    def write(self, path: Path) -> None:
        """Write uncertainty.json."""
        write_json(path, {name: None if one is None else asdict(one) for name, one in self.maps.items()})


def cross_fitted(doubts: Doubts, error: NDArray[np.float64], group: NDArray[np.int64], names: list[str]) -> NDArray[np.float64]:
    """Standard deviations [N, K] (px), of each group from maps fitted on the others. With one group alone there are no others:
    its rows keep what their views say."""
    found = doubts.apart.copy()
    for number in np.unique(group):
        own = group == number
        if not own.all():
            found[own] = Uncertainty.fit(doubts.take(~own), error[~own], names).sd(doubts.take(own))
    return found


def read(path: Path) -> Uncertainty | None:
    """Read uncertainty.json; None if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Uncertainty({name: None if one is None else PointMap(**one) for name, one in content.items()})
