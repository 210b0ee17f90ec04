import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import NEW_WHALE, best_threshold, map_at_5, novelty, ranked_lists


def test_by_hand() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.5, 0.3, 0.2], [0.34, 0.33, 0.33]])
    column = np.array([0, 1, -1, -1])  # strangers' best: 0.5 and 0.34; known whales': 0.7 and 0.4
    found = novelty(p, column)
    assert found.photos == 2
    assert found.auc == 3 / 4  # of four pairs one is the wrong way round
    # above 0.34: one stranger is right, the other second. Above 0.5 both are, but the whale at 0.4 comes second: no better
    assert found.best == pytest.approx(0.37) and found.best_map_at_5 == pytest.approx((1 + 1 / 2 + 1 + 1) / 4)


def test_nobody_to_tell_apart() -> None:
    only = novelty(np.array([[0.7, 0.3]]), np.array([0]))
    assert np.isnan(only.auc) and (only.best, only.best_map_at_5) == (0.0, 1.0)
    threshold, score = best_threshold(np.array([[1.0, 0.0]]), np.array([-1]))
    assert threshold > 1 and score == 1  # even a certain guess must come second


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 8), classes=st.integers(1, 8))
def test_no_other_threshold_is_better(seed: int, rows: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 6, (rows, classes)).astype(float)  # ties within rows and between them
    p /= p.sum(axis=1, keepdims=True)
    column = rng.integers(-1, classes, rows)
    names = [f"w{number}" for number in range(classes)]
    answers = [NEW_WHALE if one < 0 else names[one] for one in column]

    def score(threshold: float) -> float:
        return map_at_5(ranked_lists(p, names, new_whale=threshold), answers)

    threshold, promised = best_threshold(p, column)
    assert score(threshold) == pytest.approx(promised)
    assert promised == pytest.approx(max(score(one) for one in [0.0, *np.unique(p), *(np.unique(p) + 1e-9), 2.0]))
