"""Weights, powers, priors, floors and vectors against other ways to find them."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import log_softmax

from tests.blend.made_up import evidence, loss
from whichwhale.blend.calibrations import Floor, Power, Prior, Vector, VectorLoose, VectorTight
from whichwhale.blend.isotonic import Isotonic
from whichwhale.blend.memo import Memo
from whichwhale.blend.pool import fit
from whichwhale.blend.recipes import CALIBRATIONS, Fitted
from whichwhale.blend.recipes import fit as fit_recipe
from whichwhale.blend.weigh import weigh


@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.3])
def test_newton_finds_what_the_pool_finds(l2: float) -> None:
    known, truth, _ = evidence(0, members=4)
    known.z[3] = -known.z[3]  # one that knows less than nothing
    scale = np.sqrt(np.mean(known.z**2, axis=(1, 2)))
    wanted = np.multiply(fit(known.z, truth, known.members, l2).weights, scale)
    unit = known.z / scale[:, None, None]
    for terms, start, atol in ((unit, None, 1e-6), (unit, [5.0, 0, 0, 5], 1e-6), (unit.astype(np.float32), None, 2e-3)):
        np.testing.assert_allclose(weigh(terms, truth, l2=l2, start=start), wanted, atol=atol)


def test_rows_that_can_be_separated_stay_finite() -> None:
    v = weigh(np.eye(4)[None], np.arange(4))
    assert 10 < v[0] <= 100
    with pytest.raises(ValueError, match="don't agree"):
        weigh(np.eye(4)[None], np.arange(3))


def test_power_is_scikit_learns_temperature() -> None:
    pytest.importorskip("sklearn", minversion="1.8")
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Logits(ClassifierMixin, BaseEstimator):
        """Its features are its decision."""

        def fit(self, x: np.ndarray, y: np.ndarray) -> "Logits":
            self.classes_ = np.unique(y)
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            return x.argmax(axis=1)

        def decision_function(self, x: np.ndarray) -> np.ndarray:
            return x

    known, truth, _ = evidence(2, members=1, photos=200)
    z = known.z[0] * 3
    theirs = CalibratedClassifierCV(FrozenEstimator(Logits().fit(z, truth)), method="temperature").fit(z, truth)
    log_p = log_softmax(z, axis=1)
    ours = Power.fit(log_p, known, truth, Memo()).apply(log_p, known)
    np.testing.assert_allclose(np.exp(ours), theirs.predict_proba(z), atol=1e-6)


def test_prior_and_power_are_the_best_of_a_search() -> None:
    known, truth, _ = evidence(3, members=1, photos=150)
    log_p = log_softmax(known.z[0], axis=1)
    found = Prior.fit(log_p, known, truth, Memo())
    best = minimize(lambda x: loss(np.exp(Prior(*x).apply(log_p, known)), truth), [1.0, 0.0], method="Nelder-Mead")
    np.testing.assert_allclose([found.power, found.exponent], best.x, atol=2e-3)
    assert abs(found.exponent) > 0.05, "whales that are not equally common have something to correct"


def test_floor_is_the_best_of_a_grid() -> None:
    known, truth, _ = evidence(4, members=1, photos=150)
    log_p = log_softmax(6 * known.z[0], axis=1)
    found = Floor.fit(log_p, known, truth, Memo())
    grid = np.geomspace(1e-6, 0.5, 4001)
    best = min(grid, key=lambda share: loss(np.exp(Floor(share).apply(log_p, known)), truth))
    assert found.share == pytest.approx(best, rel=4e-3) and 1e-3 < found.share < 0.4
    np.testing.assert_allclose(np.exp(found.apply(log_p, known)), (1 - found.share) * np.exp(log_p) + found.share / 6, rtol=1e-9)


@pytest.mark.parametrize(("kind", "sd"), [(VectorTight, 0.03), (Vector, 0.1), (VectorLoose, 0.3)])
def test_vector_is_at_the_minimum_of_its_objective(kind: type[Vector], sd: float) -> None:
    known, truth, _ = evidence(5, members=1, photos=80)
    log_p = log_softmax(known.z[0] * 2, axis=1)
    found = kind.fit(log_p, known, truth, Memo())

    def objective(x: np.ndarray) -> float:
        scale, shift = x.reshape(2, 6)
        held = (np.square(scale - scale.mean()).sum() + np.square(shift).sum()) / (2 * len(truth) * sd**2)
        return loss(np.exp(Vector(known.class_id, scale.tolist(), shift.tolist()).apply(log_p, known)), truth) + held

    x = np.array(found.scale + found.shift)
    assert np.abs(approx_fprime(x, objective, 1e-6)).max() < 2e-3
    reordered = known.of_whales(known.class_id[::-1])
    np.testing.assert_allclose(found.apply(log_p[:, ::-1], reordered), found.apply(log_p, known)[:, ::-1], atol=1e-12)


def test_the_looser_the_hold_the_farther_whales_go_and_each_is_stored_as_what_it_is() -> None:
    known, truth, _ = evidence(5, members=1, photos=80)
    spread = []
    for name in ("vector_tight", "vector", "vector_loose"):
        found = fit_recipe(f"log_linear+{name}", known, truth)
        again = Fitted.of_plain(found.plain())
        assert type(again.steps[0]) is CALIBRATIONS[name]
        np.testing.assert_array_equal(again.probabilities(known), found.probabilities(known))
        spread.append(np.std(found.steps[0].scale) + np.std(found.steps[0].shift))
    assert spread == sorted(spread) and spread[0] < spread[2] / 2


def test_isotonic_by_hand() -> None:
    """Whale d: right at 0.2 and 0.6, wrong at 0.4 and 0.1. The line pools 0.2 and 0.4 to a half. Nobody is whale b or beyond."""
    known, _, _ = evidence(0, photos=4)
    p = np.full((4, 6), 0.02)
    p[:, 0] = [0.1, 0.2, 0.4, 0.6]
    p[:, 2] = 1 - p.sum(axis=1) + p[:, 2]
    found = Isotonic.fit(np.log(p), known, np.array([2, 0, 2, 0]), Memo())
    assert set(found.corners) == {"whale_d", "whale_f"}
    lines = np.interp(p[:, 0], *found.corners["whale_d"])
    np.testing.assert_allclose(lines, [0, 0.5, 0.5, 1], atol=1e-12)
    out = np.exp(found.apply(np.log(p), known))
    np.testing.assert_allclose(out.sum(axis=1), 1)
    assert out[3, 0] > 0.9 and out[0, 0] < 1e-9
