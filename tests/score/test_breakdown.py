from collections import Counter

import numpy as np
import pytest

from whichwhale.score.breakdown import by_quarter, by_whale

LOSS, RANK = np.arange(8.0), np.array([0, 1, 0, 1, 0, 1, 0, 7])


def test_quarters() -> None:
    groups = by_quarter(LOSS, RANK, np.array([1, 2, 3, 4, 5, 6, 7, 8.0])[::-1].copy())
    assert [(group.low, group.high, group.photos) for group in groups] == [(1, 2, 2), (3, 4, 2), (5, 6, 2), (7, 8, 2)]
    assert (groups[0].log_loss, groups[0].top_1, groups[0].top_5) == (6.5, 0.5, 0.5)


def test_equal_numbers_share_a_group_and_unknown_ones_are_in_none() -> None:
    groups = by_quarter(LOSS, RANK, np.array([5, 5, 5, 5, 5, 9, np.nan, np.nan]))
    assert [(group.low, group.high, group.photos) for group in groups] == [(5, 5, 5), (9, 9, 1)]
    assert by_quarter(LOSS, RANK, np.full(8, np.nan)) == ()


def test_worst_whales_first() -> None:
    loss = np.array([1.0, 3.0, 2.0, 2.0, 5.0])
    scores = by_whale(loss, ["a", "a", "b", "c", "d"], ["a", "c", "c", "c", "a"], Counter({"a": 3, "b": 1}))
    assert [(one.whale, one.photos, one.training_photos, one.log_loss) for one in scores] == [
        ("d", 1, 0, 5.0), ("a", 2, 3, 2.0), ("b", 1, 1, 2.0), ("c", 1, 0, 2.0)
    ]  # fmt: skip
    assert [(one.taken_for, one.top_1) for one in scores] == [("a", 0.0), ("c", 0.5), ("c", 0.0), ("", 1.0)]
    assert by_whale(loss[:1], ["a"], ["b"], None)[0].training_photos is None
    tied = by_whale(np.ones(2), ["a", "a"], ["z", "y"], None)
    assert tied[0].taken_for == "y" and tied[0].log_loss == pytest.approx(1)
