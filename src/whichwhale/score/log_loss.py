"""Multi-class log loss as the 2015 competition computed it.

Source: Kaggle, "Right Whale Recognition", Evaluation: rows are "rescaled prior to being scored (each row is divided by the
row sum)", then every probability is replaced by max(min(p, 1 - 1e-15), 1e-15), and the score is the mean of -ln p(true whale).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.score.rows import check_probabilities

CLIP = 1e-15


def log_loss_rows(p: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
    """The loss of each photo, in nats.

    Args:
        p: [rows, classes], not negative; each row is rescaled to sum 1, then clipped to [1e-15, 1 - 1e-15].
        truth: integers [rows], the true column of each row.

    Returns:
        float64 [rows], between 1e-15 and 34.54.

    Raises:
        ValueError: NaN, infinite or negative entries, all-zero rows, wrong shapes, truth out of range; names the row (from 0).
    """
    table, column = check_probabilities(p, truth)
    # Clipping is by entry and rows are not rescaled again after it, so only the true column matters.
    share: NDArray[np.float64] = table[np.arange(len(table)), column] / table.sum(axis=1)
    return np.negative(np.log(np.clip(share, CLIP, 1 - CLIP)))


def log_loss(p: ArrayLike, truth: ArrayLike) -> float:
    """Mean of :func:`log_loss_rows`: the competition's score, lower is better. Same arguments and errors."""
    return float(log_loss_rows(p, truth).mean())
