"""The score table: which lines there are, and that they say what they claim."""

import numpy as np
import pytest
from scipy.special import softmax

from whichwhale.blend.assemble import OutOfFold
from whichwhale.blend.pool import LEAST_FLOOR, cross_fit, fit, mix_floor
from whichwhale.blend.scores import CROSS_FITTED, RAW, SAME_ROWS, Score, as_text, score_all


def table(folds: int = 3) -> tuple[OutOfFold, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 7, 150)
    z = np.stack([(np.eye(7)[truth] * 2 + rng.normal(size=(150, 7))) * sharp for sharp in (1, 4)])
    z -= z.mean(axis=2, keepdims=True)
    return OutOfFold([f"w_{i}.jpg" for i in range(150)], np.arange(150) % folds, z, [0, 0]), truth


def test_by_hand():
    p = np.array([[0.5, 0.3, 0.1, 0.05, 0.03, 0.02], [0.5, 0.3, 0.1, 0.05, 0.03, 0.02]])
    score = Score.of("m", RAW, 1.0, p, np.array([0, 5]))
    assert score.log_loss.mean == pytest.approx(-(np.log(0.5) + np.log(0.02)) / 2, abs=1e-12)
    assert (score.top_1, score.top_5, score.rows) == (0.5, 0.5, 2)
    assert score.as_dict()["log_loss"] == score.log_loss.mean


def test_lines_say_which_rows_their_weights_were_fitted_on():
    rows, truth = table()
    pool = fit(rows.z, truth, ["one", "two"])
    scores, honest = score_all(rows, truth, ["one", "two"], pool)
    by_name = {(score.name, score.weights): score for score in scores}
    assert len(by_name) == len(scores) == 8  # raw for each of the two, same rows and cross-fitted for each and the blend
    raw = Score.of("", "", 1.0, mix_floor(softmax(rows.z[1], axis=1), LEAST_FLOOR), truth)
    assert by_name["two", RAW].log_loss == raw.log_loss
    assert by_name["two", SAME_ROWS].power == pytest.approx(fit(rows.z[1:], truth, ["two"]).weights[0])
    assert by_name["two", SAME_ROWS].power < 0.7, "four times too sharp"
    assert by_name["blend", SAME_ROWS].power == pytest.approx(sum(pool.weights))
    np.testing.assert_array_equal(honest, cross_fit(rows.z, truth, rows.fold, ["one", "two"], pool.l2, pool.floor))
    for name in ("one", "two", "blend"):
        assert by_name[name, SAME_ROWS].log_loss.mean <= by_name[name, CROSS_FITTED].log_loss.mean
    assert by_name["blend", SAME_ROWS].log_loss.mean < min(by_name[name, SAME_ROWS].log_loss.mean for name in ("one", "two"))


def test_a_single_fold_has_no_cross_fitted_line():
    rows, truth = table(folds=1)
    scores, honest = score_all(rows, truth, ["one", "two"], fit(rows.z, truth, ["one", "two"]))
    assert honest is None
    assert {score.weights for score in scores} == {RAW, SAME_ROWS}


def test_the_text_is_aligned():
    rows, truth = table()
    scores, _ = score_all(rows, truth, ["one", "a_longer_name"], fit(rows.z, truth, ["one", "a_longer_name"]))
    lines = as_text(scores).splitlines()
    assert len(lines) == 1 + len(scores)
    assert len({len(line) for line in lines}) == 1
    column = lines[0].index("weights")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)
    assert f"{scores[0].log_loss.mean:.4f}" in lines[1]
