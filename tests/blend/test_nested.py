"""Nested cross-validation: nothing of a part speaks for the part, and a step is taken only if it pays."""

import numpy as np
import pytest

from tests.blend.made_up import evidence
from whichwhale.blend.nested import Nested, climb, nested
from whichwhale.blend.parts import partition
from whichwhale.blend.recipes import fit
from whichwhale.score import log_loss_rows

NAMES = ["equal", "log_linear", "log_linear+prior"]


def run(photos: int = 100, flip: int | None = None, **how) -> tuple[Nested, np.ndarray, object, list[str]]:
    known, truth, images = evidence(7, photos=photos)
    if flip is not None:
        truth = np.where(partition(images, 0) == flip, (truth + 1) % 6, truth)
    return nested(known, truth, images, NAMES, **how), truth, known, images


def test_parts_hang_on_names_and_seed_alone() -> None:
    images = [f"w_{i}.jpg" for i in range(53)]
    part = partition(images, 0)
    assert sorted(np.bincount(part).tolist()) == [10, 10, 11, 11, 11]
    order = np.random.default_rng(0).permutation(53)
    np.testing.assert_array_equal(partition([images[i] for i in order], 0), part[order])
    assert (partition(images, 1) != part).mean() > 0.5


def test_scores_are_of_photos_that_the_fit_did_not_see() -> None:
    found, truth, known, images = run()
    part = partition(images, 0)
    np.testing.assert_array_equal(found.part, part)
    for r, name in enumerate(NAMES):
        without = fit(name, known.rows(part != 2), truth[part != 2]).probabilities(known.rows(part == 2))
        np.testing.assert_allclose(found.p[r][part == 2], without, atol=1e-4)
        np.testing.assert_allclose(found.loss[r, 0, part == 2], log_loss_rows(without, truth[part == 2]), atol=2e-3)
        rest = (part != 2) & (part != 4)
        both = fit(name, known.rows(rest), truth[rest]).probabilities(known.rows(part == 4))
        np.testing.assert_allclose(found.inner[r, 2, part == 4], log_loss_rows(both, truth[part == 4]), atol=2e-3)
    assert np.isnan(found.inner[:, 2, part == 2]).all() and not np.isnan(found.inner[:, 2, part != 2]).any()
    assert found.loss.shape == (3, 3, 100) and not np.array_equal(found.loss[1, 0], found.loss[1, 1])


def test_a_parts_own_whales_change_neither_its_answers_nor_its_choice() -> None:
    found, flipped = run(partitions=1)[0], run(flip=3, partitions=1)[0]
    here = found.part == 3
    for r in range(len(NAMES)):
        np.testing.assert_allclose(flipped.p[r][here], found.p[r][here], atol=1e-4)
        assert np.abs(flipped.p[r][~here] - found.p[r][~here]).max() > 1e-2
    np.testing.assert_allclose(flipped.inner[:, 3, ~here], found.inner[:, 3, ~here], atol=2e-3)
    assert flipped.choices()[3] == found.choices()[3]


def test_order_of_photos_whales_and_models_changes_no_choice() -> None:
    known, truth, images = evidence(11, photos=60)
    names, rng = [*NAMES, "trees"], np.random.default_rng(1)
    photos, whales, models = rng.permutation(60), rng.permutation(6), rng.permutation(3)
    other = known.rows(photos).of_whales([known.class_id[c] for c in whales]).of_members([known.members[m] for m in models])
    one = nested(known, truth, images, names, partitions=1)
    two = nested(other, np.argsort(whales)[truth[photos]], [images[i] for i in photos], names, partitions=1)
    np.testing.assert_allclose(two.loss, one.loss[:, :, photos], atol=1e-3)
    assert (two.choices(), two.choose()[0]) == (one.choices(), one.choose()[0])
    np.testing.assert_allclose(two.honest(), one.honest()[photos][:, whales], atol=1e-4)


def test_photos_that_are_not_usable_are_answered_but_not_learned_from() -> None:
    known, truth, images = evidence(8, photos=80)
    usable = np.arange(80) >= 20
    spoilt = np.where(usable, truth, (truth + 1) % 6)
    one, other = (nested(known, labels, images, NAMES, usable=usable, partitions=1) for labels in (truth, spoilt))
    for r in range(3):
        np.testing.assert_allclose(one.p[r], other.p[r], atol=1e-6)
    with pytest.raises(ValueError, match="too few to choose a blend on"):
        nested(known, truth, images, NAMES, usable=np.arange(80) < 3)


def test_a_step_is_taken_only_if_it_pays_and_not_by_the_deal() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(1, 3, 400)
    noise = rng.normal(0, 0.3, 400)
    surely, hardly = base - 0.2 + noise, base - 0.005 + noise
    loss = np.stack([[base] * 3, [hardly] * 3, [surely] * 3])
    name, trials = climb(["first", "hardly", "surely"], loss)
    assert name == "surely" and [trial.kept for trial in trials] == [True, False, True]
    assert trials[2].against == "first" and trials[2].gain.mean == pytest.approx((base - surely).mean())
    assert trials[0].gain is None and trials[0].log_loss == pytest.approx(base.mean())
    moved = loss.copy()
    moved[2] += np.array([[0.3], [-0.15], [-0.15]])  # the same mean gain, but partitions disagree by more than it
    name, trials = climb(["first", "hardly", "surely"], moved)
    assert name == "first" and trials[2].gain.low > 0 and trials[2].spread > trials[2].gain.mean / 2


def test_the_choice_without_a_part_goes_by_the_same_two_rules() -> None:
    """A gain that is sure of every photo, but that the deal moves by more than half of it, is taken nowhere."""
    rng = np.random.default_rng(0)
    base, part = rng.uniform(1, 3, 400), np.arange(400) % 5
    better = base - 0.2 + rng.normal(0, 0.3, 400)
    inner = np.stack([[np.where(part == k, np.nan, one) for k in range(5)] for one in (base, better)])
    for moved, wanted in ((0.01, "better"), (0.2, "first")):
        loss = np.stack([[base] * 3, [better + off for off in (moved, -moved / 2, -moved / 2)]])
        found = Nested(["first", "better"], part, loss, [], inner)
        assert found.choose()[0] == wanted and found.choices() == [wanted] * 5


def test_the_honest_answer_follows_each_parts_choice() -> None:
    found = run()[0]
    p = found.honest()
    for k, name in enumerate(found.choices()):
        here = found.part == k
        np.testing.assert_array_equal(p[here], found.p[NAMES.index(name)][here])
