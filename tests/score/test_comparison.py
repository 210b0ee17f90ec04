import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.score import Submission, compare, evaluate

TRUTH = {"w_1.jpg": "a", "w_2.jpg": "b", "w_3.jpg": "a", "w_4.jpg": "stranger"}


def test_by_hand_on_the_photos_that_both_answer() -> None:
    ours = Submission(["w_1.jpg", "w_2.jpg", "w_4.jpg"], ["a", "b"], np.array([[0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]))
    p = np.array([[1, 3], [1, 1], [0.2, 0.8], [0.6, 0.4]])
    theirs = Submission(["w_4.jpg", "w_3.jpg", "w_2.jpg", "w_1.jpg"], ["b", "a"], p)
    result = compare(ours, theirs, TRUTH)
    assert result.photos == 2
    assert result.log_loss.mean == pytest.approx((-np.log(0.8 / 0.4) - np.log(0.6 / 0.2)) / 2)
    assert result.top_1.mean == 1.0 and result.verdict == "better"
    assert result.map_at_5.mean == pytest.approx(((1 - 1 / 2) + (1 - 1 / 2) + 0) / 3)
    assert compare(theirs, ours, TRUTH).verdict == "worse"
    with_new = compare(ours, theirs, TRUTH, new_whale=0.6)  # theirs: the right ones third, the stranger second
    assert with_new.map_at_5.mean == pytest.approx(((1 - 1 / 3) + (1 - 1 / 3) + (1 - 1 / 2)) / 3)


def test_the_same_model_twice_cant_be_told_apart() -> None:
    ours = Submission(["w_1.jpg", "w_2.jpg"], ["a", "b"], np.array([[0.8, 0.2], [0.4, 0.6]]))
    result = compare(ours, ours, TRUTH)
    assert (result.log_loss.low, result.log_loss.high, result.verdict) == (0, 0, "can't be told apart")


def test_nothing_in_common() -> None:
    one, other = (Submission([image], ["a"], np.ones((1, 1))) for image in ("w_1.jpg", "w_3.jpg"))
    with pytest.raises(ValueError, match="no photo of the truth is answered by both"):
        compare(one, other, TRUTH)
    strange = Submission(["w_1.jpg", "w_2.jpg"], ["b"], np.ones((2, 1)))
    known = Submission(["w_1.jpg", "w_2.jpg"], ["a"], np.ones((2, 1)))
    with pytest.raises(ValueError, match="no photo that both answer shows a whale with a column in both"):
        compare(strange, known, TRUTH)


@given(seed=st.integers(0, 2**32 - 1))
def test_permuting_photos_or_classes_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images, whales = [f"w_{n}.jpg" for n in range(9)], [f"whale_{n}" for n in range(7)]
    truth = {image: [*whales, "stranger"][n % 8] for n, image in enumerate(images)}
    one, other = (Submission(images, whales, rng.dirichlet(np.ones(7), 9)) for _ in range(2))
    rows, columns = rng.permutation(9), rng.permutation(7)
    shuffled = Submission([images[n] for n in rows], [whales[n] for n in columns], one.p[np.ix_(rows, columns)])
    # equal probabilities would be told apart by the columns' order; drawn ones are never equal
    a, b = (compare(side, other, truth, new_whale=0.3) for side in (one, shuffled))
    for name in ("log_loss", "top_1", "map_at_5"):
        assert vars(getattr(a, name)) == pytest.approx(vars(getattr(b, name)))
    train = {f"t_{n}.jpg": whales[n % 7] for n in range(17)}
    first, second = (evaluate(side, truth, train=train, new_whale=0.3) for side in (one, shuffled))
    assert first.log_loss.mean == pytest.approx(second.log_loss.mean)
    assert (first.map_at_5, first.top_1, first.macro_accuracy) == (second.map_at_5, second.top_1, second.macro_accuracy)
    assert [score.whale for score in first.by_whale] == [score.whale for score in second.by_whale]
    assert first.novelty.auc == second.novelty.auc
