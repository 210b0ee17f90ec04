import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss

from whichwhale.score import log_loss, log_loss_rows


def test_rows_by_hand() -> None:
    loss = log_loss_rows([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [0, 1])
    assert loss.dtype == np.float64
    np.testing.assert_allclose(loss, [math.log(2), math.log(5)], rtol=1e-15)
    assert log_loss([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]], [0, 1]) == pytest.approx(math.log(10) / 2, rel=1e-15)


def test_zero_and_one_are_clipped_at_1e_15() -> None:
    loss = log_loss_rows([[1.0, 0.0], [1.0, 0.0]], [0, 1])
    assert loss[0] == -math.log(1 - 1e-15) > 0
    assert loss[1] == -math.log(1e-15)
    assert loss[1] == pytest.approx(34.538776394910684, rel=1e-15)


def test_rows_are_rescaled_before_clipping() -> None:
    # 2 of 8 is a quarter; 5e-16 of 5e-16 is 1, which clipping first would have made a half.
    np.testing.assert_allclose(log_loss_rows([[2.0, 6.0], [5e-16, 0.0]], [0, 0]), [math.log(4), -math.log(1 - 1e-15)], rtol=1e-12)


def test_float32_and_integers_are_counted_in_float64() -> None:
    row = np.full((1, 3), 1 / 3, dtype=np.float32)
    assert log_loss(row, [2]) == pytest.approx(math.log(3), rel=1e-15)
    assert log_loss([[1, 3]], np.array([0], dtype=np.uint8)) == pytest.approx(math.log(4), rel=1e-15)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 40), classes=st.integers(2, 60), sharpness=st.floats(0.0, 27.0))
def test_equal_to_sklearn(seed: int, rows: int, classes: int, sharpness: float) -> None:
    random = np.random.default_rng(seed)
    p = np.exp(-sharpness * random.random((rows, classes)))
    p = np.maximum(p / p.sum(axis=1, keepdims=True), 1e-12)
    p /= p.sum(axis=1, keepdims=True)
    truth = random.integers(classes, size=rows)
    assert log_loss(p, truth) == pytest.approx(sklearn_log_loss(truth, p, labels=np.arange(classes)), abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3))
def test_scale_of_a_row_and_order_of_classes_change_nothing(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    p, truth = random.random((7, 5)) + 1e-6, random.integers(5, size=7)
    order = random.permutation(5)
    np.testing.assert_allclose(log_loss_rows(p * scale, truth), log_loss_rows(p, truth), rtol=1e-12)
    np.testing.assert_allclose(log_loss_rows(p[:, order], np.argsort(order)[truth]), log_loss_rows(p, truth), rtol=1e-12)


@pytest.mark.parametrize(
    ("p", "truth", "message"),
    [
        ([[0.5, 0.5], [np.nan, 1.0]], [0, 0], r"row 1: NaN"),
        ([[0.5, 0.5], [-0.1, 1.1], [-1, 2]], [0, 0, 0], r"row 1 \(and 1 more rows\): negative"),
        ([[0.5, 0.5], [0.0, 0.0]], [0, 0], r"row 1: all probabilities are 0"),
        ([[np.inf, 0.5]], [0], r"row 0: infinite"),
        ([[1e308, 1e308]], [0], r"row 0: infinite"),
        ([[0.5, 0.5]], [2], r"row 0: true column outside 0\.\.1"),
        ([[0.5, 0.5]], [-1], r"row 0: true column outside 0\.\.1"),
        ([[0.5, 0.5]], [0.0], r"must be integers"),
        ([[0.5, 0.5]], [True], r"must be integers"),
        ([[0.5, 0.5]], [0, 1], r"one column for each of the 1 rows"),
        ([0.5, 0.5], [0, 1], r"\[rows, classes\]"),
        (np.empty((0, 3)), np.empty(0, dtype=int), r"at least one"),
    ],
)
def test_refused(p: object, truth: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        log_loss_rows(p, truth)  # type: ignore[arg-type]
