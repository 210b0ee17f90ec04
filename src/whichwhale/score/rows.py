"""What every metric asks of its input: one row of scores a photo, one true column a row. Errors name the row."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _refuse(bad: ArrayLike, what: str) -> None:
    """Raise when a row is bad; ``bad`` [rows] bool, ``what`` says what is wrong with it."""
    rows = np.flatnonzero(bad)
    if rows.size:
        others = f" (and {rows.size - 1} more rows)" if rows.size > 1 else ""
        raise ValueError(f"row {rows[0]}{others}: {what}")


def check_scores(scores: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores of any kind (logits, cosines, probabilities) and the true column of each row, checked and in one dtype.

    Args:
        scores: [rows, classes], higher is likelier; infinite is allowed, NaN is not.
        truth: integers [rows], columns of ``scores``.

    Returns:
        float64 [rows, classes] and int64 [rows].

    Raises:
        ValueError: wrong shape or dtype, no rows, NaN, a true column out of range. Rows count from 0.
    """
    table = np.asarray(scores, dtype=np.float64)
    column = np.asarray(truth)
    if table.ndim != 2 or 0 in table.shape:
        raise ValueError(f"scores must be [rows, classes] with at least one of each, not shape {table.shape}")
    if column.shape != table.shape[:1]:
        raise ValueError(f"truth must be one column for each of the {len(table)} rows, not shape {column.shape}")
    if not np.issubdtype(column.dtype, np.integer):
        raise ValueError(f"truth must be integers (the true column of each row), not {column.dtype}")
    _refuse(np.isnan(table).any(axis=1), "NaN")
    _refuse((column < 0) | (column >= table.shape[1]), f"true column outside 0..{table.shape[1] - 1}")
    return table, column.astype(np.int64)


def check_probabilities(p: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Like :func:`check_scores`, and no entry negative or infinite, no row without mass. Rows need not sum to 1.

    Raises:
        ValueError: naming the first bad row (from 0).
    """
    table, column = check_scores(p, truth)
    _refuse((table < 0).any(axis=1), "negative probability")
    # A finite row may still overflow its sum, which would turn every share into 0.
    with np.errstate(over="ignore"):
        total = table.sum(axis=1)
    _refuse(~np.isfinite(total), "infinite probability or sum")
    _refuse(total == 0, "all probabilities are 0, so the row can't be rescaled to sum 1")
    return table, column
