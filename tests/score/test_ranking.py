import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale.score import NEW_WHALE, macro_accuracy, map_at_5, rank_of_truth, ranked_lists, top_k

SCORES = np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.4, 0.4, 0.2]])


def test_ranks_and_top_k_by_hand() -> None:
    truth = [2, 0, 1, 1]
    # Row 2: column 0 ties with column 1 and comes first. Row 3 likewise.
    np.testing.assert_array_equal(rank_of_truth(SCORES, truth), [1, 0, 2, 1])
    assert [top_k(SCORES, truth, k) for k in (1, 2, 3, 5)] == [0.25, 0.75, 1.0, 1.0]


def test_logits_serve_as_scores() -> None:
    np.testing.assert_array_equal(rank_of_truth([[-3.0, -np.inf, -1.0]], [0]), [1])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 12), classes=st.integers(1, 9), levels=st.integers(1, 6))
def test_rank_agrees_with_the_list_even_in_ties(seed: int, rows: int, classes: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    scores, truth = random.integers(levels, size=(rows, classes)).astype(float), random.integers(classes, size=rows)
    lists = ranked_lists(scores, [str(column) for column in range(classes)], k=classes)
    assert [guesses.index(str(right)) for guesses, right in zip(lists, truth, strict=True)] == rank_of_truth(
        scores, truth
    ).tolist()


def test_macro_accuracy_counts_each_whale_once() -> None:
    scores = np.eye(3)[[0, 0, 0, 1]]
    # Whale 0: 2 of 2 right; whale 1: 1 of 2; whale 2 doesn't occur.
    assert macro_accuracy(scores, [0, 0, 1, 1]) == 0.75
    assert top_k(scores, [0, 0, 1, 1], 1) == 0.75
    assert macro_accuracy(np.eye(2)[[0, 0, 0, 0]], [0, 0, 0, 1]) == 0.5


def test_ranked_lists_with_new_whale() -> None:
    ids = ["a", "b", "c"]
    assert ranked_lists(SCORES[:1], ids) == [["b", "c", "a"]]
    assert ranked_lists(SCORES[:1], ids, k=2) == [["b", "c"]]
    assert ranked_lists(SCORES[:1], ids, new_whale=0.3) == [["b", "c", NEW_WHALE, "a"]]
    assert ranked_lists(SCORES[:1], ids, new_whale=0.9) == [[NEW_WHALE, "b", "c", "a"]]
    assert ranked_lists(SCORES[:1], ids, k=2, new_whale=0.9) == [[NEW_WHALE, "b"]]
    assert ranked_lists(SCORES[:1], ids, k=2, new_whale=0.0) == [["b", "c"]]


def test_map_at_5_by_hand() -> None:
    guesses = [["a", "b"], ["b", NEW_WHALE, "a"], ["b", "c", "d", "e", "f", "a"], [NEW_WHALE], []]
    truth = ["a", "a", "a", NEW_WHALE, "a"]
    assert map_at_5(guesses, truth) == pytest.approx((1 + 1 / 3 + 0 + 1 + 0) / 5, rel=1e-15)
    assert map_at_5([["b", "c", "d", "e", "a"]], ["a"]) == 0.2
    assert map_at_5([["b", "a", "a"]], ["a"]) == 0.5  # the first right guess counts, once


def test_refused() -> None:
    with pytest.raises(ValueError, match="not the string 'a b'"):
        map_at_5(["a b"], ["a"])
    with pytest.raises(ValueError, match="1 lists of guesses for 2 true ids"):
        map_at_5([["a"]], ["a", "b"])
    with pytest.raises(ValueError, match="k must be at least 1"):
        top_k(SCORES, [0, 0, 0, 0], 0)
    with pytest.raises(ValueError, match="row 1: NaN"):
        rank_of_truth([[0.0, 1.0], [0.0, np.nan]], [0, 0])
    with pytest.raises(ValueError, match="row 0: NaN"):
        ranked_lists([[np.nan, 1.0]], ["a", "b"])
    with pytest.raises(ValueError, match="one column a class id"):
        ranked_lists(SCORES, ["a", "b"])
