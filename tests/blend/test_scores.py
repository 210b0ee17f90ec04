"""The score table: which lines there are, and that they say what they claim."""

import numpy as np
import pytest
from scipy.special import softmax

from whichwhale.blend.pool import LEAST_FLOOR, cross_fit, fit, mix_floor
from whichwhale.blend.rows import OutOfFold
from whichwhale.blend.scores import CROSS_FITTED, RAW, SAME_ROWS, Score, as_text, score_all


def table(folds: int = 3) -> tuple[OutOfFold, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 7, 150)
    z = np.stack([(np.eye(7)[truth] * 2 + rng.normal(size=(150, 7))) * sharp for sharp in (1, 4)])
    z -= z.mean(axis=2, keepdims=True)
    return OutOfFold([f"w_{i}.jpg" for i in range(150)], np.arange(150) % folds, z, np.ones((2, 150), bool), [0, 0]), truth


PRIOR = np.full((150, 7), 1 / 7)


def test_by_hand():
    p = np.array([[0.5, 0.3, 0.1, 0.05, 0.03, 0.02], [0.5, 0.3, 0.1, 0.05, 0.03, 0.02]])
    score = Score.of("m", RAW, 1.0, p, np.array([0, 5]))
    assert score.log_loss.mean == pytest.approx(-(np.log(0.5) + np.log(0.02)) / 2, abs=1e-12)
    assert (score.top_1, score.top_5, score.rows) == (0.5, 0.5, 2)
    assert score.as_dict()["log_loss"] == score.log_loss.mean
    assert score.off == 0 and Score.of("m", RAW, 1.0, p[:1], np.array([0])).as_dict()["calibration_error"] is None
    sure = np.tile([0.9, 0.02, 0.02, 0.02, 0.02, 0.02], (200, 1))
    wrong = Score.of("m", RAW, 1.0, sure, np.where(np.arange(200) < 100, 0, 1))  # claims 0.9, right in a half
    assert wrong.off == pytest.approx(np.sqrt(0.4**2 - 0.25 / 199), abs=1e-9)
    assert as_text([wrong]).splitlines()[1].split()[-3:] == ["39.8%", "200", "0"]


def test_lines_say_which_rows_their_weights_were_fitted_on():
    rows, truth = table()
    pool = fit(rows.z, truth, ["one", "two"])
    scores, honest = score_all(rows, truth, ["one", "two"], pool, PRIOR)
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
    scores, honest = score_all(rows, truth, ["one", "two"], fit(rows.z, truth, ["one", "two"]), PRIOR)
    assert honest is None
    assert {score.weights for score in scores} == {RAW, SAME_ROWS}


def test_the_text_is_aligned():
    rows, truth = table()
    scores, _ = score_all(rows, truth, ["one", "a_longer_name"], fit(rows.z, truth, ["one", "a_longer_name"]), PRIOR)
    lines = as_text(scores).splitlines()
    assert len(lines) == 1 + len(scores)
    assert len({len(line) for line in lines}) == 1
    column = lines[0].index("weights")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)
    assert f"{scores[0].log_loss.mean:.4f}" in lines[1]


def test_photos_without_a_prediction_count_with_the_prior():
    """The first member lacks 20 photos, the second the first 15 of them: of the blend 15 are the prior, 5 one member's."""
    rows, truth = table()
    rows.has[0, :20] = rows.has[1, :15] = False
    rows.z[~rows.has] = 0
    prior = np.random.default_rng(1).dirichlet(np.ones(7), 150)
    full = rows.complete
    pool = fit(rows.z[:, full], truth[full], ["one", "two"])
    scores, honest = score_all(rows, truth, ["one", "two"], pool, prior)
    by_name = {(score.name, score.weights): score for score in scores}
    assert {score.rows for score in scores} == {150}
    assert [by_name[name, RAW].prior for name in ("one", "two")] == [20, 15] and by_name["blend", CROSS_FITTED].prior == 15

    np.testing.assert_allclose(honest[:15], mix_floor(prior[:15], LEAST_FLOOR))
    for fold in range(3):  # weights from complete rows of the other folds; of the member that lacks a row there is no evidence
        others = full & (rows.fold != fold)
        here = (rows.fold == fold) & rows.answered
        expected = fit(rows.z[:, others], truth[others], ["one", "two"]).probabilities(rows.z[:, here])
        np.testing.assert_allclose(honest[here], expected)
    loss = -np.log(honest[np.arange(150), truth])
    assert by_name["blend", CROSS_FITTED].log_loss.mean == pytest.approx(loss.mean(), rel=1e-9)

    alone = softmax(rows.z[0], axis=1)
    alone[:20] = prior[:20]
    loss = -np.log(mix_floor(alone, LEAST_FLOOR)[np.arange(150), truth])
    assert by_name["one", RAW].log_loss.mean == pytest.approx(loss.mean(), rel=1e-9)
    found = rows.has[0]
    assert by_name["one", SAME_ROWS].power == pytest.approx(fit(rows.z[:1, found], truth[found], ["one"]).weights[0])
    lines = as_text(scores).splitlines()
    assert lines[0].endswith("photos  by prior") and lines[1].endswith("   150        20")
