"""The pool against brute force, finite differences, scikit-learn's log loss and its own invariances."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from whichwhale.blend.pool import LEAST_FLOOR, Pool, PoolError, cross_fit, fit, mix_floor, objective, read

NAMES = ["first", "second", "third", "fourth"]


def rows(seed: int, members: int = 2, photos: int = 120, whales: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Members that know the whale, each with its own noise, sharpness and units; rows centred. z [M, N, C], truth [N]."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, whales, photos)
    signal = np.eye(whales)[truth] * rng.uniform(1, 3, (photos, 1))
    z = np.stack([(signal + rng.normal(size=signal.shape)) * sharp for sharp in rng.uniform(0.3, 20, members)])
    return z - z.mean(axis=2, keepdims=True), truth


def loss(pool: Pool, z: np.ndarray, truth: np.ndarray) -> float:
    """Mean log loss without the floor, the quantity that is fitted."""
    return float(-log_softmax(np.tensordot(pool.weights, z, axes=1), axis=1)[np.arange(len(truth)), truth].mean())


@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_one_model_gets_the_best_power_whatever_the_penalty(seed, l2):
    z, truth = rows(seed, members=1)
    pool = fit(z, truth, ["only"], l2=l2)
    powers = pool.weights[0] * np.geomspace(0.01, 100, 4001)  # a grid that knows the answer only up to a factor of 100
    losses = [loss(Pool(["only"], [power], 0, LEAST_FLOOR, 1), z, truth) for power in powers]
    assert powers[np.argmin(losses)] == pytest.approx(pool.weights[0], rel=3e-3)
    assert loss(pool, z, truth) <= min(losses) + 1e-9


def test_two_models_against_a_brute_force_grid():
    z, truth = rows(5, members=2)
    pool = fit(z, truth, NAMES[:2], l2=0)
    grid = [(a * pool.weights[0], b * pool.weights[1]) for a in np.linspace(0, 3, 61) for b in np.linspace(0, 3, 61)]
    losses = [loss(Pool(NAMES[:2], list(w), 0, LEAST_FLOOR, 1), z, truth) for w in grid]
    np.testing.assert_allclose(grid[int(np.argmin(losses))], pool.weights, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 4), l2=st.sampled_from([0.0, 1e-3, 1.0]))
def test_gradient_against_finite_differences(seed, members, l2):
    z, truth = rows(seed, members, photos=20)
    rng = np.random.default_rng(seed)
    w, scale = rng.uniform(0, 0.5, members), rng.uniform(0.5, 2, members)
    _, gradient = objective(w, z, truth, l2, scale)
    for m in range(members):
        step = np.eye(members)[m] * 1e-6
        difference = (objective(w + step, z, truth, l2, scale)[0] - objective(w - step, z, truth, l2, scale)[0]) / 2e-6
        assert gradient[m] == pytest.approx(difference, rel=1e-5, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 4))
def test_loss_and_penalty_are_never_above_those_of_the_best_member(seed, members):
    """What the docstring says of any penalty, at the shipped one."""
    z, truth = rows(seed, members, photos=60)
    scale, l2 = np.sqrt((z**2).mean(axis=(1, 2))), 1e-3
    pool, bounds = fit(z, truth, NAMES[:members], l2=l2), []
    for m in range(members):
        alone = fit(z[m : m + 1], truth, [NAMES[m]])
        extra = l2 * (members - 1) * (alone.weights[0] * scale[m] / members) ** 2
        v = np.eye(members)[m] * alone.weights[0] * scale[m]
        assert extra == pytest.approx(l2 * np.mean((v - v.mean()) ** 2))
        bounds.append(loss(alone, z[m : m + 1], truth) + extra)
    v = np.multiply(pool.weights, scale)
    assert loss(pool, z, truth) + l2 * np.mean((v - v.mean()) ** 2) <= min(bounds) + 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 4))
def test_a_pool_without_penalty_is_never_worse_on_its_fitting_rows_than_its_best_member(seed, members):
    z, truth = rows(seed, members, photos=60)
    pool = fit(z, truth, NAMES[:members], l2=0)
    alone = [loss(fit(z[m : m + 1], truth, [NAMES[m]], l2=0), z[m : m + 1], truth) for m in range(members)]
    raw = [loss(Pool(NAMES, np.eye(members)[m].tolist(), 0, LEAST_FLOOR, 1), z, truth) for m in range(members)]
    assert loss(pool, z, truth) <= min(alone + raw) + 1e-9
    assert min(pool.weights) >= 0


@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_a_copy_of_a_model_changes_nothing_beyond_its_weight(l2, members):
    """At the shipped penalty too: it shares its original's weight and doesn't move the mean that all are drawn toward."""
    z, truth = rows(1, members=members)
    names = ["a", "b", "c"][:members]
    before = fit(z, truth, names, l2=l2)
    for copies in ([0], [members - 1, 0, 0]):
        pool = fit(np.concatenate([z[copies], z]), truth, [*(f"copy {n}" for n in range(len(copies))), *names], l2=l2)
        np.testing.assert_allclose(pool.probabilities(np.concatenate([z[copies], z])), before.probabilities(z), atol=2e-6)
        alike = [pool.weights[n] for n in np.flatnonzero(np.array([*copies, *range(members)]) == 0)]
        np.testing.assert_allclose(alike, before.weights[0] / len(alike), rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_photos_classes_and_models_changes_nothing(seed):
    z, truth = rows(seed, members=3)
    rng = np.random.default_rng(seed)
    photos, whales, models = (rng.permutation(size) for size in (z.shape[1], z.shape[2], z.shape[0]))
    pool = fit(z, truth, NAMES[:3])
    where = np.argsort(whales)
    shuffled = z[models][:, photos][:, :, whales]
    other = fit(shuffled, where[truth[photos]], [NAMES[m] for m in models])
    scale = np.sqrt((z**2).mean(axis=(1, 2)))
    np.testing.assert_allclose(np.multiply(other.weights, scale[models]), np.multiply(pool.weights, scale)[models], atol=1e-5)
    np.testing.assert_allclose(other.probabilities(shuffled), pool.probabilities(z)[photos][:, whales], atol=1e-5)


def test_the_units_of_the_logits_change_the_weight_alone():
    z, truth = rows(2, members=2)
    pool = fit(z, truth, NAMES[:2], l2=0.05)
    scaled = fit(z * np.array([10, 1])[:, None, None], truth, NAMES[:2], l2=0.05)
    np.testing.assert_allclose(np.multiply(scaled.weights, [10, 1]), pool.weights, rtol=1e-5)


def test_a_useless_and_a_harmful_model_get_no_weight():
    z, truth = rows(3, members=1, photos=400)
    rng = np.random.default_rng(3)
    noise = rng.normal(size=z.shape)
    pool = fit(np.concatenate([z, noise, -z]), truth, NAMES[:3], l2=0)
    scale = pool.weights[0] * z.std()
    assert pool.weights[1] < 0.1 * scale  # noise is uncorrelated only in the mean
    assert pool.weights[2] == 0, "z and -z: only their difference matters, and all of it goes to the true one"
    silent = fit(np.concatenate([z, np.zeros_like(z)]), truth, NAMES[:2], l2=0)
    np.testing.assert_allclose(silent.weights[0], fit(z, truth, ["only"], l2=0).weights[0], rtol=1e-5)


def test_the_penalty_draws_scaled_weights_together():
    z, truth = rows(4, members=2)
    z[1] += np.random.default_rng(0).normal(size=z[1].shape) * 2 * z[1].std()
    scale = np.sqrt((z**2).mean(axis=(1, 2)))
    gaps = []
    for l2 in (0.0, 0.01, 0.1, 1e3):
        scaled = np.multiply(fit(z, truth, NAMES[:2], l2=l2).weights, scale)
        gaps.append(abs(scaled[0] - scaled[1]) / scaled.mean())
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 0.2
    assert gaps[-1] < 1e-3


def test_rows_that_can_be_separated_stay_finite():
    z = np.eye(4)[None] * 1e-3
    pool = fit(z, np.arange(4), ["perfect"])
    assert np.isfinite(pool.weights).all()
    np.testing.assert_allclose(pool.probabilities(z).max(axis=1), 1, atol=1e-5)


def test_rows_that_several_models_separate_are_fitted_to_the_end():
    """Weights far out, where the loss is all but flat: the search stops there and is begun again."""
    z, truth = rows(3, members=3, photos=60)
    v = np.multiply(fit(z, truth, NAMES[:3]).weights, np.sqrt((z**2).mean(axis=(1, 2))))
    assert v.max() == pytest.approx(100) and v.min() > 90


def test_floor_keeps_rows_at_sum_one_and_bounds_the_loss():
    p = np.array([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    mixed = mix_floor(p, 0.01)
    np.testing.assert_allclose(mixed, [[0.98, 0.01, 0.01], [0.97 * 0.2 + 0.01, 0.97 * 0.3 + 0.01, 0.97 * 0.5 + 0.01]], rtol=1e-12)
    z, truth = rows(6)
    pool = fit(z, truth, NAMES[:2], floor=1e-3)
    got = pool.probabilities(z)
    assert got.min() >= 1e-3
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-12)
    plain = softmax(np.tensordot(pool.weights, z, axes=1), axis=1)
    np.testing.assert_allclose(got, (1 - 6e-3) * plain + 1e-3, rtol=1e-12)
    assert loss(pool, z, truth) == pytest.approx(log_loss(truth, plain, labels=range(6)), abs=1e-9)


def test_cross_fitting_never_sees_the_rows_that_it_scores():
    z, truth = rows(7, members=2, photos=90)
    fold = np.arange(90) % 3
    p = cross_fit(z, truth, fold, NAMES[:2], 1e-3, LEAST_FLOOR)
    for k in range(3):
        here = fold == k
        by_hand = fit(z[:, ~here], truth[~here], NAMES[:2]).probabilities(z[:, here])
        np.testing.assert_array_equal(p[here], by_hand)
    changed = truth.copy()
    changed[fold == 1] = (changed[fold == 1] + 1) % 6
    again = cross_fit(z, changed, fold, NAMES[:2], 1e-3, LEAST_FLOOR)
    np.testing.assert_array_equal(again[fold == 1], p[fold == 1])
    assert not np.array_equal(again[fold == 0], p[fold == 0])
    with pytest.raises(PoolError, match="two or more folds"):
        cross_fit(z, truth, np.zeros(90), NAMES[:2], 1e-3, LEAST_FLOOR)


def test_stored_as_plain_json_and_read_back_exactly(tmp_path):
    z, truth = rows(8)
    pool = fit(z, truth, NAMES[:2])
    pool.scores["log loss"] = 1.25
    pool.write(tmp_path / "blend.json")
    again = read(tmp_path / "blend.json")
    assert vars(again) == vars(pool)
    np.testing.assert_array_equal(again.probabilities(z), pool.probabilities(z))
    values = json.loads((tmp_path / "blend.json").read_text())
    assert {"members", "weights", "l2", "floor", "rows", "scores"} < set(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2 of 'log-linear pool'; this code reads"),
        ({"weights": [1.0]}, "weights must be one finite number >= 0 a member"),
        ({"weights": [1.0, -1.0]}, "weights must be one finite number >= 0 a member"),
        ({"floor": 0.0}, "floor=0.0: must be at least 1e-06"),
        ({"weight": 1}, "not a readable blend.json"),
        ({"test_power": 0.0}, "test_power 0.0 is no positive number"),
        ({"test": "half"}, "test 'half' is none of folds, all, both"),
    ],
)
def test_a_wrong_blend_json_is_refused(tmp_path, change, message):
    path = tmp_path / "blend.json"
    Pool(NAMES[:2], [0.5, 0.5], 0.0, 1e-6, 3).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(PoolError, match=message):
        read(path)
    with pytest.raises(PoolError, match="nothing.json: not a readable"):
        read(tmp_path / "nothing.json")


def test_wrong_input_is_refused():
    z, truth = rows(9)
    with pytest.raises(PoolError, match="don't agree"):
        fit(z, truth[:-1], NAMES[:2])
    with pytest.raises(PoolError, match="don't agree"):
        fit(z, truth, NAMES[:1])
    with pytest.raises(PoolError, match="z must be finite"):
        fit(np.where(z > 0, np.nan, z), truth, NAMES[:2])
    with pytest.raises(PoolError, match="truth a column"):
        fit(z, truth + 6, NAMES[:2])
    with pytest.raises(PoolError, match="l2=-1"):
        fit(z, truth, NAMES[:2], l2=-1)
    for floor in (1e-7, 0.0, float("nan"), 1 / 6):
        with pytest.raises(PoolError, match="must be at least 1e-06 and below 1/6"):
            fit(z, truth, NAMES[:2], floor=floor)
    with pytest.raises(PoolError, match=r"wanted \[M, N, C\]"):
        fit(z, truth, NAMES[:2]).probabilities(z[:1])


def test_the_test_power_is_for_means_over_fits_alone(tmp_path):
    z, _ = rows(4)
    pool = Pool(NAMES[:2], [0.5, 0.25], 0.0, 1e-6, 3, test_power=1.5)
    pool.write(tmp_path / "blend.json")
    pool = read(tmp_path / "blend.json")
    stronger = Pool(NAMES[:2], [0.75, 0.375], 0.0, 1e-6, 3)
    np.testing.assert_allclose(pool.probabilities(z, means=True), stronger.probabilities(z))
    np.testing.assert_allclose(pool.probabilities(z), Pool(NAMES[:2], [0.5, 0.25], 0.0, 1e-6, 3).probabilities(z))
