from dataclasses import replace

import numpy as np

from whichwhale.survey import conditions, scene, skin
from whichwhale.survey.identity import Whale
from whichwhale.survey.placement import Placement

WIDTH, HEIGHT = 300, 200
FIRST, SECOND = Whale.draw(0, 0), Whale.draw(0, 1)


def _shot(level=-0.15, **water):
    rng = np.random.default_rng(3)
    sea, light, camera = conditions.draw_sea(rng), conditions.draw_light(rng), conditions.draw_camera(rng)
    sea = replace(sea, colour=np.array([0.06, 0.12, 0.16]), sparkle=0.2, caps=0.0, contrast=0.08, **water)
    light = replace(light, exposure=1.0, haze=0.0, elevation=1.1)
    lies = replace(conditions.draw_pose(rng), roll=0.0, pitch=0.0, level=level, wash=0.0, splash=0.0, blow=0.0)
    camera = replace(camera, tilt=0.0, shake=0.0, blur=0.2, noise=1.0, vignette=0.0)
    return scene.Shot((0, 9), Placement(0.12, 0.0, 0.7, 0.5), lies, sea, light, camera)


def _render(shot, whale):
    return scene.render(shot, whale, skin.draw(whale), WIDTH, HEIGHT)


def test_the_same_shot_gives_the_same_pixels():
    assert np.array_equal(_render(_shot(), FIRST).pixels, _render(_shot(), FIRST).pixels)


def test_another_whale_changes_the_whale_alone():
    a, b = _render(_shot(), FIRST), _render(_shot(), SECOND)
    away = np.ones((HEIGHT, WIDTH), bool)
    ys, xs = np.nonzero(a.part + b.part)
    away[max(ys.min() - 12, 0) : ys.max() + 12, max(xs.min() - 12, 0) : xs.max() + 12] = False
    assert away.sum() > 5000
    assert np.array_equal(a.pixels[away], b.pixels[away])
    assert not np.array_equal(a.pixels, b.pixels)


def test_points_lie_on_the_head():
    photo = _render(_shot(), FIRST)
    for x, y in photo.points:
        assert photo.part[round(y), round(x)] == 1
    assert photo.out[round(photo.points[1, 1]), round(photo.points[1, 0])] > 0.9


def test_deep_in_murky_water_nothing_is_seen():
    deep = _shot(level=3.0, murk=4.0)
    a, b = _render(deep, FIRST), _render(deep, SECOND)
    assert np.abs(a.pixels.astype(int) - b.pixels).max() <= 2
    assert a.out.max() < 0.01


def test_water_takes_red_first():
    def colour(level):
        photo = _render(_shot(level=level, murk=1.0), FIRST)
        bonnet = photo.points[0]
        around = photo.pixels[round(bonnet[1]) - 1 : round(bonnet[1]) + 2, round(bonnet[0]) - 4 : round(bonnet[0]) - 1].reshape(
            -1, 3
        )
        red, green, _ = around.mean(0)
        return green - red

    assert colour(0.25) > colour(-0.25) + 10


def test_a_second_whale_changes_its_own_place_alone():
    shot = _shot()
    other = replace(shot, key=(0, 10), place=Placement(0.1, 0.3, 0.25, 0.2))
    company = [(other, SECOND, skin.draw(SECOND))]
    alone = _render(shot, FIRST)
    both = scene.render(shot, FIRST, skin.draw(FIRST), WIDTH, HEIGHT, company)
    changed = np.nonzero((alone.pixels != both.pixels).any(2))
    ys, xs = np.nonzero(both.part != alone.part)
    assert len(ys) > 200
    assert ys.min() - 40 <= changed[0].min() and changed[0].max() <= ys.max() + 40
    assert (both.part == 1).sum() > 1.4 * (alone.part == 1).sum()
    assert np.array_equal(alone.points, both.points)


def test_the_open_sea_is_what_lies_round_a_whale():
    shot = _shot()
    sea, whale = scene.render(shot, None, None, WIDTH, HEIGHT), _render(shot, FIRST)
    assert sea.part.max() == 0 and sea.out.max() == 0
    ys, xs = np.nonzero(whale.part)
    away = np.ones((HEIGHT, WIDTH), bool)
    away[max(ys.min() - 40, 0) : ys.max() + 40, max(xs.min() - 40, 0) : xs.max() + 40] = False
    assert away.sum() > 2000 and np.array_equal(sea.pixels[away], whale.pixels[away])
    assert not np.array_equal(sea.pixels, whale.pixels)
