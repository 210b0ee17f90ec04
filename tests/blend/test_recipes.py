"""Every way to blend: order is nothing, a copy says nothing new, no worse than the best member, plain numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from tests.blend.made_up import evidence, loss
from whichwhale.blend.choice import choose
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.pool import PoolError
from whichwhale.blend.recipes import CALIBRATIONS, LADDER, Fitted, fit, parse
from whichwhale.blend.weigh import weigh

EVERY = ("winners", *LADDER, "log_linear+isotonic", "mixture+prior+floor")
LEARNT = tuple(name for name in EVERY if name.startswith(("log_linear", "mixture", "logit", "trees")))


def chosen(name: str, known: Evidence, truth: np.ndarray, images: list[str]) -> Fitted:
    usable = np.ones(len(truth), bool)
    return choose(name, known, truth, images, l2=1e-3, floor=1e-6, usable=usable, prior=known.prior[0]).fitted


@pytest.mark.parametrize("name", EVERY)
def test_order_of_photos_whales_and_models_changes_nothing(name: str) -> None:
    known, truth, images = evidence(1, photos=60)
    rng = np.random.default_rng(5)
    photos, whales, models = rng.permutation(60), rng.permutation(6), rng.permutation(3)
    if name == "winners":
        models = np.arange(3)  # their weights go by order
    p = chosen(name, known, truth, images).probabilities(known)
    other = known.rows(photos).of_whales([known.class_id[c] for c in whales]).of_members([known.members[m] for m in models])
    found = chosen(name, other, np.argsort(whales)[truth[photos]], [images[i] for i in photos])
    np.testing.assert_allclose(found.probabilities(other), p[photos][:, whales], atol=1e-6)


def with_a_copy(known: Evidence) -> Evidence:
    """The second member once more."""
    again = [*range(len(known.members)), 1]
    members = [*known.members, "again"]
    return replace(known, members=members, z=known.z[again], cosines=known.cosines.of_members(again))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_copy_weighs_twice_where_all_weigh_alike(seed: int) -> None:
    """Equal influence and equal weights: as if the model had a weight of two."""
    known, truth, _ = evidence(seed)
    twice = with_a_copy(known)
    mean = fit("arithmetic", twice, truth)
    alone = replace(fit("arithmetic", known, truth).pool, weights=[0.25, 0.5, 0.25])
    np.testing.assert_allclose(np.exp(mean.pool.log_p(twice)), np.exp(alone.log_p(known)), atol=1e-9)
    size = np.sqrt(np.mean(known.z**2, axis=(1, 2), keepdims=True))
    unit = known.z / size
    power = weigh((unit.sum(axis=0) + unit[1])[None], truth)[0]
    expected = softmax(power * (unit.sum(axis=0) + unit[1]), axis=1)
    np.testing.assert_allclose(np.exp(fit("equal", twice, truth).log_p(twice)), expected, atol=1e-6)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_changes_nothing_whatever_the_draw(seed: int) -> None:
    known, truth, images = evidence(seed, photos=50)
    rng = np.random.default_rng(seed)
    photos, whales, models = rng.permutation(50), rng.permutation(6), rng.permutation(3)
    other = known.rows(photos).of_whales([known.class_id[c] for c in whales]).of_members([known.members[m] for m in models])
    for name in ("arithmetic+power", "mixture+prior", "log_linear+prior+floor", "logit"):
        p = fit(name, known, truth).probabilities(known)
        found = fit(name, other, np.argsort(whales)[truth[photos]]).probabilities(other)
        np.testing.assert_allclose(found, p[photos][:, whales], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", LEARNT)
@pytest.mark.parametrize("l2", [1e-3, 0.1])
def test_a_copy_of_a_model_changes_nothing_beyond_its_weight(name: str, l2: float) -> None:
    """At the shipped penalty and at a strong one, of which a copy must not move the mean."""
    known, truth, _ = evidence(2)
    p, other = (fit(name, one, truth, l2).probabilities(one) for one in (known, with_a_copy(known)))
    np.testing.assert_allclose(other, p, atol=1e-9)


def test_copies_share_the_weight() -> None:
    known, truth, _ = evidence(2)
    for name in ("log_linear", "mixture"):
        alone, twice = fit(name, known, truth).pool.weights, fit(name, with_a_copy(known), truth).pool.weights
        np.testing.assert_allclose(twice, [alone[0], alone[1] / 2, alone[2], alone[1] / 2], rtol=1e-9)
    assert with_a_copy(known).distinct == sorted(["again", known.members[0], known.members[2]])
    differs = with_a_copy(known)
    differs.z[3, -1, 0] += 1e-9
    assert differs.distinct == sorted(differs.members)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 4))
def test_at_the_shipped_penalty_no_way_is_worse_than_the_best_member_beyond_what_the_penalty_costs_it(
    seed: int, members: int
) -> None:
    """On the fitting rows; a mean of probabilities with all its weight on one of M members pays (M - 1) l2."""
    known, truth, _ = evidence(seed, members, 60)
    bounds: dict[str, list[float]] = {"log_linear": [], "mixture": []}
    for name, z in zip(known.members, known.z, strict=True):
        alone = fit("log_linear", one := known.of_members([name]), truth)
        own = loss(alone.probabilities(one), truth)
        v = alone.pool.weights[0] * np.sqrt((z**2).mean())
        bounds["log_linear"].append(own + 1e-3 * (members - 1) * (v / members) ** 2)
        bounds["mixture"].append(own + 1e-3 * (members - 1))
    for name in LEARNT:
        most = min(bounds["mixture" if name.startswith("mixture") else "log_linear"])
        assert loss(fit(name, known, truth).probabilities(known), truth) <= most + 1e-5, name


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(2, 4))
def test_a_pool_without_penalty_is_never_worse_on_its_fitting_rows_than_its_best_member(seed: int, members: int) -> None:
    known, truth, _ = evidence(seed, members, 60)
    alone = [fit("log_linear", known.of_members([name]), truth).probabilities(known.of_members([name])) for name in known.members]
    alone += [softmax(z, axis=1) for z in known.z]
    for name in LEARNT:
        assert loss(fit(name, known, truth, l2=0).probabilities(known), truth) <= min(loss(p, truth) for p in alone) + 1e-5, name


@pytest.mark.parametrize("name", EVERY)
def test_stored_as_plain_numbers(name: str) -> None:
    known, truth, _ = evidence(3)
    found = fit(name, known, truth, prior=known.prior[0])
    text = json.dumps(found.plain())
    again = Fitted.of_plain(json.loads(text))
    np.testing.assert_array_equal(again.probabilities(known), found.probabilities(known))
    assert again.plain() == json.loads(text)
    p = found.probabilities(known)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)
    assert p.min() >= 0.99e-6
    np.testing.assert_allclose(again.prior_of(known.class_id[::-1]), known.prior[0][::-1])


def test_the_winners_constants() -> None:
    """Three models and two whales, by hand."""
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    z = np.log(p) - np.log(p).mean(axis=1, keepdims=True)
    known = Evidence.of(["a", "b", "c"], ["one", "two"], z[:, None], [0.75, 0.25])
    got = fit("winners", known, np.array([0]), floor=1e-6).probabilities(known)[0]
    mean = np.array([(2 * 0.9 + 0.6 + 0.2) / 4, (2 * 0.1 + 0.4 + 0.8) / 4])
    wanted = (mean + 1e-4) ** 1.5 * np.array([0.75, 0.25]) ** 0.01
    np.testing.assert_allclose(got, wanted / wanted.sum() * (1 - 2e-6) + 1e-6, rtol=1e-9)


def test_members_without_a_row_say_nothing() -> None:
    """A mean is over those that have the row; where none has, every whale is alike; stacks still answer."""
    known, truth, _ = evidence(4, photos=120)
    z = known.z.copy()
    z[1, :5] = 0
    z[:, 5] = 0
    holed = replace(known, z=z)
    without = known.of_members([known.members[0], known.members[2]])
    mixed = fit("mixture", known, truth)
    kept = [mixed.pool.weights[m] for m in (0, 2)]
    alone = replace(mixed.pool, members=without.members, powers=[mixed.pool.powers[m] for m in (0, 2)], weights=kept)
    np.testing.assert_allclose(mixed.pool.log_p(holed)[:5], alone.log_p(without)[:5], atol=1e-9)
    np.testing.assert_allclose(np.exp(mixed.pool.log_p(holed)[5]), 1 / 6, atol=1e-9)
    for name in ("logit", "trees"):
        assert np.isfinite(fit(name, known, truth).probabilities(holed)).all()


def test_names_and_refusals() -> None:
    assert parse("mixture+power+floor") == ("mixture", ["power", "floor"])
    for name, message in (
        ("median", "no pool 'median'"),
        ("log_linear+magic", "nothing called 'magic' follows a pool"),
        ("log_linear+prior+prior", "named twice"),
        ("trees+power", "too sure to fit power on"),
        ("winners+power", "take arithmetic\\+power"),
    ):
        with pytest.raises(ValueError, match=message):
            parse(name)
    known, truth, _ = evidence()
    with pytest.raises(PoolError, match="z must be finite"):
        fit("equal", replace(known, z=np.where(known.z > 2, np.nan, known.z)), truth)
    plain = fit("log_linear+vector", known, truth).plain()
    with pytest.raises(PoolError, match="not a fitted blend that this code knows"):
        Fitted.of_plain(plain | {"pool": {"kind": "Oracle"}})
    with pytest.raises(ValueError, match="does not know whale_z"):
        Fitted.of_plain(plain).probabilities(replace(known, class_id=[*known.class_id[:5], "whale_z"]))
    assert {"power", "prior", "floor", "vector_tight", "vector", "vector_loose", "isotonic"} == set(CALIBRATIONS)
