"""Metrics of the order of the answers: top-k, MAP@5, macro accuracy. Among equal scores the lower column comes first."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.score.rows import check_scores

NEW_WHALE = "new_whale"
"""The answer "none of the whales that we know" in the later whale competitions' submissions (Kaggle 2018, 2019)."""


def rank_of_truth(scores: ArrayLike, truth: ArrayLike) -> NDArray[np.int64]:
    """Place of the true class in each row's ranking: 0 is the first guess.

    Args:
        scores: [rows, classes], higher is likelier (probabilities, logits or cosines).
        truth: integers [rows], the true column of each row.

    Returns:
        int64 [rows].
    """
    table, column = check_scores(scores, truth)
    own = table[np.arange(len(table)), column][:, None]
    earlier = np.arange(table.shape[1]) < column[:, None]
    rank: NDArray[np.int64] = np.count_nonzero((table > own) | ((table == own) & earlier), axis=1)
    return rank


def top_k(scores: ArrayLike, truth: ArrayLike, k: int) -> float:
    """Share of rows whose true class is among the ``k`` best. Arguments as :func:`rank_of_truth`."""
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}")
    return float((rank_of_truth(scores, truth) < k).mean())


def macro_accuracy(scores: ArrayLike, truth: ArrayLike) -> float:
    """Top-1 accuracy of each whale in ``truth``, averaged over whales, so that one with a single photo counts as much."""
    right = rank_of_truth(scores, truth) == 0
    _, whale = np.unique(np.asarray(truth), return_inverse=True)
    return float((np.bincount(whale, weights=right) / np.bincount(whale)).mean())


def ranked_lists(scores: ArrayLike, class_id: Sequence[str], k: int = 5, new_whale: float | None = None) -> list[list[str]]:
    """The ``k`` best ids of each row, best first.

    Args:
        scores: [rows, classes], higher is likelier.
        class_id: name of each column.
        k: length of each list (shorter where there are fewer answers).
        new_whale: score at which ``new_whale`` is put: after the classes that reach it, before the first that doesn't.
            None leaves it out.

    Raises:
        ValueError: wrong shapes, NaN.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(class_id):
        raise ValueError(f"scores must be [rows, {len(class_id)}], one column a class id, not shape {table.shape}")
    if np.isnan(table).any():
        raise ValueError(f"row {np.flatnonzero(np.isnan(table).any(axis=1))[0]}: NaN")
    lists = []
    for row, order in zip(table, np.argsort(-table, axis=1, kind="stable")[:, :k], strict=True):
        ids = [class_id[column] for column in order]
        if new_whale is not None:
            ids.insert(int((row[order] >= new_whale).sum()), NEW_WHALE)
        lists.append(ids[:k])
    return lists


def map_at_5(ranked: Sequence[Sequence[str]], truth: Sequence[str]) -> float:
    """Mean average precision at 5 with one right answer a photo: 1 / place of the first right guess, 0 after the fifth.

    Source: Kaggle, "Humpback Whale Identification" (2018), Evaluation.

    Args:
        ranked: for each photo its guesses, best first; what comes after the fifth is not looked at.
        truth: the right id of each photo, ``new_whale`` for an animal that is not in the catalogue.

    Raises:
        ValueError: no photos, lengths differ, or a guess list given as one string.
    """
    if not len(truth) or len(ranked) != len(truth):
        raise ValueError(f"{len(ranked)} lists of guesses for {len(truth)} true ids: must be as many, and at least one")
    total = 0.0
    for row, (guesses, right) in enumerate(zip(ranked, truth, strict=True)):
        if isinstance(guesses, str):
            raise ValueError(f"row {row}: guesses must be a list of ids, not the string {guesses!r}; split it first")
        best = list(guesses[:5])
        total += 1 / (1 + best.index(right)) if right in best else 0.0
    return total / len(truth)
