from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.survey import conditions, foam, plan, scene, skin, wild
from whichwhale.survey.identity import Whale
from whichwhale.survey.placement import Placement

SMALL = plan.Survey(whales=20, photos=300, width=300, seed=1, test_photos=60)


def test_wild_photos_are_of_the_same_whales_in_the_same_encounters():
    tame, free = plan.draw(SMALL), plan.draw(replace(SMALL, wild=True))
    for a, b in zip(tame, free, strict=True):
        assert (a.image, a.name, a.test, a.encounter, a.date) == (b.image, b.name, b.test, b.encounter, b.date)
        assert a.shot.sea.stray == 0
        assert (b.points > 0).all() and (b.points < [300, 200]).all()
        assert np.isclose(np.hypot(*(b.points[0] - b.points[1])), b.shot.place.size * 300)
    alike = [frame.shot.sea.murk for frame in free if frame.encounter == free[-1].encounter]
    assert len(set(alike)) == 1


def test_sizes_headings_and_places_have_no_preference():
    rng = np.random.default_rng(0)
    drawn = [wild.draw_place(rng) for _ in range(6000)]
    share = (np.log([one.size for one in drawn]) - np.log(wild.SIZES[0])) / np.log(wild.SIZES[1] / wild.SIZES[0])
    around = (np.array([one.heading for one in drawn]) / (2 * np.pi) + 0.5) % 1
    for uniform in (share, around):
        assert np.allclose(np.quantile(uniform, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
    small = np.array([[one.x, one.y] for one in drawn if one.size < 0.04])
    assert np.allclose(np.quantile(small, [0.1, 0.5, 0.9], axis=0).T, [0.12, 0.5, 0.88], atol=0.04)


def test_seas_are_of_more_colours_than_the_real_ones_and_cover_them():
    def shown(draw):
        rng = np.random.default_rng(0)
        return 255 * np.sqrt([draw(rng).colour for _ in range(2000)])

    known, free = shown(conditions.draw_sea), shown(wild.draw_sea)
    assert (free.std(0) > 1.25 * known.std(0)).all()
    low, high = np.quantile(known, [0.02, 0.98], axis=0)
    assert (free.min(0) < low).all() and (free.max(0) > high).all()
    green = (free[:, 1] > free[:, 2] + 20).mean()
    assert green > 0.1 > (known[:, 1] > known[:, 2] + 20).mean()


@given(st.integers(0, 2**32))
def test_a_varied_animal_is_still_itself(seed):
    whale = Whale.draw(3, 5)
    other = wild.vary_animal(whale, np.random.default_rng(seed))
    assert (other.key, other.callosity) == (whale.key, whale.callosity)
    assert np.array_equal(other.strip[:, 1:], whale.strip[:, 1:]) and np.array_equal(other.scars, whale.scars)
    bar = (other.patches[:, 0] < -0.03) & (other.patches[:, 3] >= 0.06) & (np.abs(other.patches[:, 1]) < 0.06)
    own = other.patches[:-1] if bar[-1] else other.patches
    assert 1 <= len(own) <= len(whale.patches)
    assert {tuple(row) for row in own[:, [1, 4]]} <= {tuple(row) for row in whale.patches[:, [1, 4]]}
    behind = own[own[:, 0] <= 0.5]  # nothing there is moved
    assert {tuple(row) for row in behind[:, [0, 1, 4]]} <= {tuple(row) for row in whale.patches[:, [0, 1, 4]]}
    assert (other.skin > 0).all() and (other.cream.mean() > other.skin.mean())


def test_a_bonnet_ends_where_people_see_the_tip_and_most_backs_have_a_bar():
    ends, bars = [], 0
    for number in range(400):
        animal = wild.vary_animal(Whale.draw(2, number), np.random.default_rng([number, 1]))
        x, q, length, breadth = animal.patches[:, :4].T
        bonnet = (x > 0.75) & (np.abs(q) < 0.1)
        if bonnet.any():
            ends.append((x + length)[bonnet].max())
        bars += animal.patches[-1, 0] < -0.03 and animal.patches[-1, 3] >= 0.06 and abs(animal.patches[-1, 1]) < 0.06
    low, middle, high = np.quantile(ends, [0.05, 0.5, 0.95])
    assert middle == pytest.approx(1.01, abs=0.006) and low > 0.95 and high < 1.05
    assert bars / 400 == pytest.approx(0.6, abs=0.09)  # three standard errors and the few chance look-alikes


def test_every_photo_of_a_wild_animal_shows_the_same_animal():
    survey = replace(SMALL, wild=True)
    frames = [frame for frame in plan.draw(survey) if frame.whale == 0]
    colours = {tuple(plan.whale_of(survey, frame).cream) for frame in frames}
    assert len(frames) > 1 and len(colours) == 1
    assert colours != {tuple(plan.whale_of(SMALL, frames[0]).cream)}


def test_stray_foam_lies_where_no_animal_is_and_changes_nothing_else():
    rng = np.random.default_rng(3)
    sea, light, camera = conditions.draw_sea(rng), conditions.draw_light(rng), conditions.draw_camera(rng)
    sea, camera = replace(sea, caps=0.0, sparkle=0.0, colour=np.array([0.06, 0.12, 0.16])), replace(camera, blur=0.2, shake=0.0)
    shot = scene.Shot((0, 9), Placement(0.12, 0.0, 0.7, 0.5), conditions.draw_pose(rng), sea, light, camera)
    whale = Whale.draw(0, 0)

    def pixels(mean: float) -> np.ndarray:
        own = replace(shot, sea=replace(sea, stray=mean))
        return scene.render(own, whale, skin.draw(whale), 240, 160).pixels.astype(int)

    without, with_some = pixels(0.0), pixels(6.0)
    assert np.array_equal(with_some, pixels(6.0))
    changed = (without != with_some).any(2)
    assert 0.005 < changed.mean() < 0.9
    assert with_some[changed].mean() > without[changed].mean() + 5  # foam is pale


def test_no_patch_is_no_foam():
    assert foam.stray((40, 60), 10.0, 0.0, np.random.default_rng(0)).max() == 0
    some = foam.stray((80, 120), 12.0, 8.0, np.random.default_rng(0))
    assert some.shape == (80, 120) and some.min() >= 0 and 0.3 < some.max() <= 1
