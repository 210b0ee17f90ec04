from dataclasses import replace

import numpy as np

from whichwhale.survey import conditions, film, lifelike

RNG = np.random.default_rng(0)
CAMERA = replace(conditions.draw_camera(RNG), blur=0.0, shake=0.0, noise=0.0)
LIGHT = replace(conditions.draw_light(RNG), haze=0.0, cast=np.ones(3))
PLAIN = lifelike.Film(
    bloom=0.0, spread=0.02, knee=1.0, gamma=1.0, black=0.0, saturation=1.0, shadows=np.zeros(3), reduced=1.0, first_quality=0,
    cubic=False, sharpen=0.0,
)  # fmt: skip
GREY = np.full((60, 90, 3), 0.25, np.float32)


def _develop(scene, camera=CAMERA, light=LIGHT, **changes):
    return film.develop(scene, camera, light, replace(PLAIN, **changes), 110.0, np.random.default_rng(1)).astype(int)


def test_plain_film_shows_the_square_root_of_light():
    assert (_develop(GREY) == 128).all()  # 255 sqrt(0.25) = 127.5, rounded up
    assert (_develop(GREY * 0) <= 1).all()
    assert (_develop(GREY * 40) == 255).all()


def test_gamma_and_black_do_what_they_say():
    assert (_develop(GREY, gamma=2.0) == 64).all()  # 255 * 0.25 = 63.75
    lifted = _develop(GREY, black=0.1)
    assert (lifted == 140).all()  # 0.5 + 0.5 * 0.1 = 0.55


def test_without_saturation_all_is_grey_of_its_brightness():
    teal = GREY * np.array([0.2, 1.0, 1.2], np.float32)
    pixels = _develop(teal, saturation=0.0)
    assert (pixels == pixels[..., :1]).all()
    assert abs(pixels[0, 0, 0] - 255 * np.sqrt((teal[0, 0] * film.LUMA).sum())) <= 1
    assert np.ptp(_develop(teal, saturation=1.5)[0, 0]) > np.ptp(_develop(teal)[0, 0])


def test_what_is_burnt_out_glows_round_about():
    scene = GREY.copy()
    scene[25:35, 40:50] = 4.0
    plain, glowing = _develop(scene), _develop(scene, bloom=0.9)
    assert (glowing[24, 40:50] > plain[24, 40:50] + 5).all()
    assert (glowing[0] == plain[0]).all() and (_develop(GREY, bloom=0.9) == 128).all()


def test_fewer_pixels_lose_detail_and_a_poor_jpeg_changes_it():
    scene = np.random.default_rng(2).uniform(0.1, 0.9, (60, 90, 3)).astype(np.float32)
    sharp = _develop(scene)
    assert _develop(scene, reduced=3.0).std() < 0.7 * sharp.std()
    worse = [np.abs(_develop(scene, first_quality=quality) - sharp).mean() for quality in (95, 40)]
    assert 0 < worse[0] < worse[1]


def test_sharpening_steepens_edges():
    scene = GREY.copy()
    scene[:, 45:] = 0.36
    step = np.diff(_develop(scene)[30, :, 0]).max()
    assert np.diff(_develop(scene, sharpen=1.0)[30, :, 0]).max() > 1.3 * step


def test_grain_comes_from_the_generator():
    noisy = replace(CAMERA, noise=3.0)
    pixels = _develop(GREY, noisy)
    assert 2 < pixels.std() < 6 and np.array_equal(pixels, _develop(GREY, noisy))
