"""Embeddings among themselves, against pairs counted by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from whichwhale.score import among_themselves, nearest_neighbour, verification_auc


def on_circle(*degrees: float) -> np.ndarray:
    turn = np.deg2rad(degrees)
    return np.stack([np.cos(turn), np.sin(turn)], 1)


def test_by_hand() -> None:
    """Nearest: 0 -> 10 (right), 10 -> 0 (right), 25 -> 10 (wrong), 90 -> 25 (right); 200 is alone, so it isn't counted."""
    embedding, animal = on_circle(0, 10, 25, 90, 200), np.array([5, 5, 7, 7, 9])
    assert nearest_neighbour(embedding, animal) == 0.75
    # same: 0-10 (10 degrees), 25-90 (65). different: 25, 160, 90, 15, 80, 170 and 175 (200 against 25), 110 (against 90)
    # 10 is nearer than all 8; 65 is nearer than all but 25 and 15: 14 of 16 pairs of pairs
    assert verification_auc(embedding, animal) == 14 / 16
    assert among_themselves(embedding, animal) == {"neighbour": 0.75, "auc": 14 / 16}


def test_ties_count_half_and_agree_with_another_implementation() -> None:
    same_point = np.ones((6, 1))
    assert verification_auc(same_point, [0, 0, 1, 1, 2, 2]) == 0.5
    rng = np.random.default_rng(0)
    embedding, animal = on_circle(*rng.integers(0, 36, 40) * 10.0), rng.integers(0, 8, 40)
    above = np.triu_indices(40, 1)
    cosines, same = (embedding @ embedding.T)[above], (animal[:, None] == animal)[above]
    assert verification_auc(embedding, animal) == pytest.approx(roc_auc_score(same, cosines))


def test_what_can_not_be_said_is_left_out() -> None:
    assert among_themselves(np.zeros((0, 3)), []) == {}
    assert among_themselves(on_circle(0, 90), [0, 1]) == {}  # two animals, one photo each
    assert among_themselves(on_circle(0, 90), [1, 1]) == {"neighbour": 1.0}  # no two animals to tell apart
    with pytest.raises(ValueError, match="shape"):
        nearest_neighbour(np.zeros((3, 2)), [0, 1])
