from dataclasses import replace

import cv2
import numpy as np
import pytest

from whichwhale.survey import coat, near, patterns, plan

WIDTH, HEIGHT = 144, 96
SURVEY = plan.Survey(whales=3, photos=24, width=WIDTH, seed=3, test_photos=3, close_up=True, lifelike=True)
FRAMES = plan.draw(SURVEY)
COATS = [coat.draw(patterns.draw(3, number), near.texels_of(WIDTH)) for number in range(2)]


def _render(shot, skin=COATS[0]):
    return near.render(shot, skin, WIDTH, HEIGHT)


def _dry(shot):
    """The same head well out of calm water, by plain light."""
    calm = replace(shot.sea, sparkle=0.0, caps=0.0, contrast=0.03, state=0)
    lies = replace(shot.pose, roll=0.0, pitch=0.1, level=-0.4, wash=0.0, splash=0.0, blow=0.0)
    hide = replace(shot.look.hide, lice=np.full(3, 0.6), skin=np.full(3, 0.04), bare=0.0, bloom=0.0, belly=0.0, rim=0.0,
                   gape=(0.0, 0.0), sunk=0.0, taper=0.0)  # fmt: skip
    look = replace(
        shot.look,
        hide=hide,
        wet=replace(shot.look.wet, sky=0.1, sun=0.1, drops=0.0),
        water=replace(shot.look.water, sheet=0.0, lean=(0.0, 0.0), rings=0.0),
        film=replace(shot.look.film, bloom=0.0, gamma=1.0, black=0.0, reduced=1.0, first_quality=0, sharpen=0.0),
    )
    camera = replace(shot.camera, tilt=0.0, blur=0.0, shake=0.0, noise=0.5)
    light = replace(shot.light, exposure=0.9, sun=0.6, sky=0.5, elevation=1.2, haze=0.0)
    return replace(shot, sea=calm, pose=lies, look=look, camera=camera, light=light)


def test_the_same_shot_gives_the_same_pixels():
    shot = FRAMES[0].shot
    first = _render(shot)
    assert first.pixels.shape == (HEIGHT, WIDTH, 3) and first.pixels.dtype == np.uint8
    assert np.array_equal(first.pixels, _render(shot).pixels)


def test_points_are_those_of_the_plan_and_lie_on_the_head():
    for frame in FRAMES[:4]:
        photo = _render(frame.shot)
        assert np.array_equal(photo.points, frame.points)
        for x, y in photo.points:
            assert photo.part[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].max() == 1


@pytest.mark.parametrize("number", range(3))
def test_skin_has_no_holes(number):
    part = _render(FRAMES[number].shot).part
    assert ((cv2.morphologyEx(part, cv2.MORPH_CLOSE, np.ones((5, 5))) > 0) & (part == 0)).sum() < 0.01 * (part > 0).sum()


def test_another_look_changes_the_pixels_and_neither_points_nor_pattern():
    shot = _dry(FRAMES[0].shot)
    other = replace(shot, key=(9, 9, 9), sea=replace(shot.sea, bearing=1.0))
    a, b = _render(shot), _render(other)
    assert np.array_equal(a.points, b.points) and not np.array_equal(a.pixels, b.pixels)
    stranger = _render(shot, COATS[1])
    head = (a.part > 0) & (b.part > 0)
    bright = [photo.pixels[head].mean(-1) > 110 for photo in (a, b, stranger)]
    same, different = ((bright[0] & one).sum() / (bright[0] | one).sum() for one in bright[1:])
    assert bright[0].mean() > 0.01 and same > different + 0.2


def test_the_open_sea_has_no_head():
    photo = _render(FRAMES[0].shot, None)
    assert photo.part.max() == 0 and photo.out.max() == 0
    assert not np.array_equal(photo.pixels, _render(FRAMES[0].shot).pixels)


def test_under_much_murky_water_the_pattern_is_gone():
    shot = _dry(FRAMES[0].shot)
    deep = replace(shot, pose=replace(shot.pose, level=3.0), sea=replace(shot.sea, murk=4.0))
    a, b = _render(deep), _render(deep, COATS[1])
    assert a.out.max() < 0.01 and np.abs(a.pixels.astype(int) - b.pixels).max() <= 2


def test_a_look_changes_what_is_drawn_at_every_stage():
    shot = _dry(FRAMES[0].shot)
    plain, look = _render(shot).pixels.astype(int), shot.look
    changed = {
        "hide": replace(look, hide=replace(look.hide, gape=(1.0, 1.0))),
        "wet": replace(look, wet=replace(look.wet, sky=6.0)),
        "drops": replace(look, wet=replace(look.wet, drops=1.0)),
        "water": replace(look, water=replace(look.water, sheet=0.2)),
        "rings": replace(look, water=replace(look.water, rings=1.0)),
        "film": replace(look, film=replace(look.film, gamma=1.4)),
    }
    for name, other in changed.items():
        assert np.abs(_render(replace(shot, look=other)).pixels - plain).max() > 10, name


def test_texels_follow_the_photo():
    assert near.texels_of(288) == 177  # 1.6 * 288 / 2.6
