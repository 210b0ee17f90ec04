"""Out-of-fold scores of each member and of the blend, told apart by which rows their weights were fitted on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from whichwhale.blend.parts import PARTS
from whichwhale.blend.pool import Pool, cross_fit, fit, mix_floor
from whichwhale.blend.recipes import DEFAULT
from whichwhale.blend.rows import OutOfFold
from whichwhale.score import Interval, calibration_error, log_loss_rows, mean_interval, top_k
from whichwhale.text_table import text_table

RAW, SAME_ROWS, CROSS_FITTED = "as predicted", "fitted, scored on the same rows", "cross-fitted: weights from the other folds"
# A chosen way is cross-fitted over parts of the photos (blend/nested.py), so from more of them than the other folds have.
OTHER_PARTS = f"cross-fitted: from {PARTS - 1} of {PARTS} parts of the photos"
BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Score:
    """One line of the table: whose probabilities, how their weights came about, and what they are worth."""

    name: str
    weights: str  # RAW, SAME_ROWS, CROSS_FITTED or OTHER_PARTS
    power: float | None  # sum of the weights; None where each fold has its own
    log_loss: Interval
    top_1: float
    top_5: float
    rows: int
    prior: int = 0  # how many of the rows are the class prior, for want of a prediction
    off: float = math.nan  # debiased calibration error of the first guess; NaN of a single row

    @classmethod
    def of(
        cls, name: str, weights: str, power: float | None, p: NDArray[np.float64], truth: NDArray[np.int64], prior: int = 0
    ) -> "Score":
        """Score p [N, C], of which `prior` rows are the class prior, against the true columns [N]."""
        interval = mean_interval(log_loss_rows(p, truth), seed=BOOTSTRAP_SEED)
        off = calibration_error(p, truth) if len(truth) > 1 else math.nan
        return cls(name, weights, power, interval, top_k(p, truth, 1), top_k(p, truth, 5), len(truth), prior, off)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for blend.json."""
        interval = {"log_loss": self.log_loss.mean, "low": self.log_loss.low, "high": self.log_loss.high}
        rest = {"top_1": self.top_1, "top_5": self.top_5, "rows": self.rows, "prior": self.prior}
        rest["calibration_error"] = None if math.isnan(self.off) else self.off
        return {"name": self.name, "weights": self.weights, "power": self.power} | interval | rest


def score_all(
    table: OutOfFold, truth: NDArray[np.int64], members: Sequence[str], pool: Pool, prior: NDArray[np.float64]
) -> tuple[list[Score], NDArray[np.float64] | None]:
    """Each member as predicted and with one fitted power of its own, then the pool; the same photos and floor for all.

    Weights are fitted on rows with predictions. A photo that a member (for the pool: every member) has no row for counts with the
    class prior. Cross-fitted lines are left out where there is a single fold.

    Args:
        table: the photos; truth: [N] true columns; members: [M] names; pool: fitted on all complete rows; prior: [N, C].

    Returns:
        the scores, and the pool's cross-fitted p [N, C] (None with a single fold).
    """
    scores: list[Score] = []
    honest = None
    for m, name in enumerate([*members, "blend"]):
        blend = m == len(members)
        z = table.z if blend else table.z[m : m + 1]
        usable, answered = (table.complete, table.answered) if blend else (table.has[m], table.has[m])
        fitted = pool if blend else fit(z[:, usable], truth[usable], [name], 0.0, pool.floor)

        def score(
            weights: str, power: float | None, p: NDArray[np.float64], name: str = name, answered: NDArray = answered
        ) -> NDArray[np.float64]:
            p = with_prior(p, answered, prior, pool.floor)
            scores.append(Score.of(name, weights, power, p, truth, int((~answered).sum())))
            return p

        if not blend:
            score(RAW, 1.0, mix_floor(softmax(z[0], axis=1), pool.floor))
        score(SAME_ROWS, sum(fitted.weights), fitted.probabilities(z))
        if len(np.unique(table.fold[usable])) > 1:
            p = cross_fit(z, truth, table.fold, fitted.members, fitted.l2, pool.floor, usable)
            p = score(CROSS_FITTED, None, p)
            honest = p if blend else None
    return scores, honest


def score_chosen(
    table: OutOfFold,
    truth: NDArray[np.int64],
    same_rows: NDArray[np.float64],
    honest: NDArray[np.float64],
    pool: NDArray[np.float64],
    prior: NDArray[np.float64],
    floor: float,
) -> tuple[list[Score], NDArray[np.float64], NDArray[np.float64]]:
    """The blend's lines where it is another than the log-linear pool, and one of the pool to hold them against.

    Args:
        same_rows, honest: the blend's p [A, C] of the photos that are answered, fitted on all of them and cross-fitted over
            parts; pool: the log-linear pool's, cross-fitted over the same parts; prior: [N, C].

    Returns:
        the lines, and the blend's and the pool's cross-fitted p [N, C], photos without an answer by the prior.
    """
    scores, tables = [], []
    for name, weights, some in ((DEFAULT, OTHER_PARTS, pool), ("blend", SAME_ROWS, same_rows), ("blend", OTHER_PARTS, honest)):
        p = mix_floor(prior, floor)
        p[table.answered] = some
        scores.append(Score.of(name, weights, None, p, truth, int((~table.answered).sum())))
        tables.append(p)
    return scores, tables[2], tables[0]


def with_prior(
    p: NDArray[np.float64], answered: NDArray[np.bool_], prior: NDArray[np.float64], floor: float
) -> NDArray[np.float64]:
    """p [N, C], but the class prior [N, C], mixed with the floor, in the rows that are not answered [N]."""
    return np.where(answered[:, None], p, mix_floor(prior, floor))


def as_text(scores: Sequence[Score]) -> str:
    """The table, aligned plain text. Claims off: debiased calibration error of the first guess."""
    head = ("model", "weights", "power", "log loss", "95% interval", "top-1", "top-5", "claims off", "photos", "by prior")
    body = [
        (
            score.name,
            score.weights,
            "" if score.power is None else f"{score.power:.3f}",
            f"{score.log_loss.mean:.4f}",
            f"{score.log_loss.low:.4f} to {score.log_loss.high:.4f}",
            f"{score.top_1:.1%}",
            f"{score.top_5:.1%}",
            "" if math.isnan(score.off) else f"{score.off:.1%}",
            str(score.rows),
            str(score.prior),
        )
        for score in scores
    ]
    return text_table(head, body, left=(0, 1))
