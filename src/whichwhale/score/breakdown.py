"""Scores of parts of the photos: by a number that each photo has, and by whale."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COUNTS = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 19), (20, None))


@dataclass(frozen=True)
class Group:
    """Scores of the photos whose number lies between `low` and `high`, both included (None: no upper end)."""

    low: float
    high: float | None
    photos: int
    log_loss: float
    top_1: float
    top_5: float

    @classmethod
    def of(cls, low: float, high: float | None, loss: NDArray[np.float64], rank: NDArray[np.int64]) -> "Group":
        """From the losses and the true whale's places [photos] of its photos."""
        return cls(low, high, len(loss), *(float(values.mean()) for values in (loss, rank < 1, rank < 5)))


@dataclass(frozen=True)
class WhaleScore:
    """Scores of one whale's photos."""

    whale: str
    photos: int
    training_photos: int | None
    """None if the training table isn't given"""
    log_loss: float
    top_1: float
    taken_for: str
    """the commonest wrong first guess, of equally common ones the first by name; empty if there is none"""


def by_count(loss: NDArray[np.float64], rank: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[Group, ...]:
    """By whole numbers such as training photos, in fixed steps; all [photos]. Empty groups are left out."""
    groups = []
    for low, high in COUNTS:
        inside = (count >= low) & (count <= (count.max() if high is None else high))
        if inside.any():
            groups.append(Group.of(low, high, loss[inside], rank[inside]))
    return tuple(groups)


def by_quarter(loss: NDArray[np.float64], rank: NDArray[np.int64], value: NDArray[np.float64]) -> tuple[Group, ...]:
    """By any number, in about equal quarters; [photos] each. NaN is in no group. Equal numbers share one."""
    known = np.isfinite(value)
    if not known.any():
        return ()
    edges = np.unique(np.quantile(value[known], [0.25, 0.5, 0.75]))
    place = np.searchsorted(edges, value, side="left")
    groups = []
    for number in range(len(edges) + 1):
        inside = known & (place == number)
        if inside.any():
            groups.append(Group.of(float(value[inside].min()), float(value[inside].max()), loss[inside], rank[inside]))
    return tuple(groups)


def by_whale(
    loss: NDArray[np.float64], whale: Sequence[str], guess: Sequence[str], training: Counter[str] | None
) -> tuple[WhaleScore, ...]:
    """Every whale, the worst mean loss first, of equals by name.

    Args:
        loss, whale, guess: of each photo [photos]; the true whale and the first guess.
        training: training photos of each whale.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(whale):
        rows.setdefault(name, []).append(row)
    scores = []
    for name, own in rows.items():
        wrong = Counter(guess[row] for row in own if guess[row] != name)
        taken = min(wrong, key=lambda other: (-wrong[other], other)) if wrong else ""
        right = 1 - sum(wrong.values()) / len(own)
        count = None if training is None else training[name]
        scores.append(WhaleScore(name, len(own), count, float(loss[own].mean()), right, taken))
    return tuple(sorted(scores, key=lambda score: (-score.log_loss, score.whale)))
