from dataclasses import replace

import numpy as np

from whichwhale.survey import camera, conditions

RNG = np.random.default_rng(0)
PLAIN = replace(conditions.draw_camera(RNG), vignette=0.0, blur=0.0, shake=0.0, noise=0.0)
LIGHT = replace(conditions.draw_light(RNG), haze=0.0, cast=np.ones(3))


def _expose(level, **changes):
    scene = np.full((60, 90, 3), level, np.float32)
    return camera.expose(scene, replace(PLAIN, **changes), LIGHT, np.random.default_rng(1))


def test_display_is_the_square_root_of_light_below_the_shoulder():
    assert (_expose(0.25) == 128).all()  # 255 sqrt(0.25) = 127.5, to even
    assert (_expose(0.0) == 0).all()


def test_the_shoulder_rises_to_white_and_never_wraps():
    levels = [int(_expose(level)[0, 0, 0]) for level in (0.6, 0.8, 1.0, 2.0, 50.0)]
    assert levels == sorted(levels) and levels[-1] == 255 and levels[2] < 255


def test_vignetting_darkens_the_corners_only():
    pixels = _expose(0.25, vignette=0.4)
    assert pixels[30, 45, 0] >= 127 and pixels[0, 0, 0] < 105


def test_noise_has_its_strength_and_comes_from_the_generator():
    pixels = _expose(0.25, noise=3.0)
    assert 2.5 < pixels.astype(float).std() < 4.5
    assert np.array_equal(pixels, _expose(0.25, noise=3.0))


def test_shake_smears_along_its_bearing():
    scene = np.zeros((61, 1000, 3), np.float32)
    scene[30, 500] = 0.5
    pixels = camera.expose(scene, replace(PLAIN, shake=12.0, shake_bearing=0.0), LIGHT, np.random.default_rng(1))
    assert pixels[30, 496, 0] > 20 and pixels[34, 500, 0] == 0
