"""What reliability before and after compares."""

import numpy as np
import pytest
from scipy.special import softmax

from whichwhale import predictions
from whichwhale.blend import pool as pools
from whichwhale.predictions import ROLE_VALIDATION
from whichwhale.report.calibrated import before, calibrated
from whichwhale.report.charts import wilson
from whichwhale.report.results import best_answers
from whichwhale.report.sources import Sources
from whichwhale.score import calibration_error, error_of_a_perfect_predictor


def test_before_is_the_pool_with_power_one(sources: Sources) -> None:
    """From the files themselves: weights divided by their sum, logits of the fold that left each photo out."""
    blend = pools.read(sources.config.runs / "ensemble" / "blend.json")
    logits: dict[str, np.ndarray] = {}
    for name, weight in zip(blend.members, blend.weights, strict=True):
        for fold in range(3):
            table = predictions.read(sources.config.runs / name / f"fold{fold}" / "predictions.npz")
            for row in np.flatnonzero(table.role == ROLE_VALIDATION):
                photo = table.item[row].removesuffix("#0")
                logits[photo] = logits.get(photo, 0) + weight / sum(blend.weights) * table.logits[row].astype(float)
    answers = before(sources)
    assert len(answers.images) == 92
    expected = softmax(np.stack([logits[photo] for photo in answers.images]), axis=1) * (1 - 5e-6) + 1e-6
    np.testing.assert_allclose(answers.p, expected, rtol=1e-9)


def test_errors_are_those_of_the_cross_fitted_rows(sources: Sources) -> None:
    answers = best_answers(sources)
    page = calibrated(sources)
    assert f"{calibration_error(answers.p, answers.truth, 12):.1%}</td>" in page
    assert "of 92 photos the smallest bin holds 7" in page  # 92 photos in 12 bins: 7 or 8 each
    assert page.count("<details>") == 2
    perfect = error_of_a_perfect_predictor(answers.p, answers.truth, 12)
    assert f"of a perfect predictor with these claims it would still show {perfect:.1%}." in page


def test_wilson_interval() -> None:
    """Its ends solve (share - x)^2 = z^2 x (1 - x) / n; by hand for none of 10: 0 and z^2 / (n + z^2)."""
    low, high = wilson(np.array([0.0, 0.3]), np.array([10, 40]))
    assert low[0] == pytest.approx(0, abs=1e-12) and high[0] == pytest.approx(1.96**2 / (10 + 1.96**2))
    for end in (low[1], high[1]):
        assert (0.3 - end) ** 2 == pytest.approx(1.96**2 * end * (1 - end) / 40)
