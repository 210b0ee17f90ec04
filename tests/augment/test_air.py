"""Veil and colour noise, pixel by pixel."""

import numpy as np

from whichwhale.augment import generator
from whichwhale.augment.air import colour_noise, components, contrast, exposure, haze, shifted, spread_out, veil

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def test_a_veil_by_hand() -> None:
    image = np.array([[[0, 100, 255], [40, 200, 7]]], np.uint8)
    np.testing.assert_array_equal(veil(image, np.array([200.0, 100.0, 55.0]), 0.25), [[[50, 100, 205], [80, 175, 19]]])
    np.testing.assert_array_equal(veil(image, np.array([9.0, 9.0, 9.0]), 0.0), image)


def test_haze_takes_contrast_away_and_nothing_else() -> None:
    for k in range(20):
        hazy = haze(PICTURE, generator(k)).astype(float)
        for channel in range(3):  # out = a in + b, 0.55 <= a <= 0.9, to half a level
            a, b = np.polyfit(PICTURE[..., channel].ravel(), hazy[..., channel].ravel(), 1)
            assert 0.54 < a < 0.91 and 0 < b < 0.46 * 255
            np.testing.assert_allclose(hazy[..., channel], a * PICTURE[..., channel] + b, atol=1)


def test_contrast_by_hand() -> None:
    image = np.array([[[0, 60, 90], [90, 120, 240]]], np.uint8)  # mean 100
    np.testing.assert_array_equal(spread_out(image, 1.5), [[[0, 40, 85], [85, 130, 255]]])
    np.testing.assert_array_equal(spread_out(image, 0.5), [[[50, 80, 95], [95, 110, 170]]])


def test_exposure_is_a_factor_and_contrast_keeps_the_mean() -> None:
    dark, grey = PICTURE // 4 + 10, PICTURE // 4 + 96  # that no draw clips
    factors, spreads = [], []
    for k in range(100):
        brighter, wider = exposure(dark, generator(k)), contrast(grey, generator(k))
        factors.append(np.polyfit(dark.ravel(), brighter.ravel(), 1))
        spreads.append(wider.std() / grey.std())
        assert abs(wider.mean() - grey.mean()) < 0.2
    np.testing.assert_allclose(np.array(factors)[:, 1], 0, atol=0.7)  # levels are whole
    for drawn in (np.log2(np.array(factors)[:, 0]), np.log2(spreads)):
        assert np.abs(drawn).max() < 0.62 and drawn.min() < -0.5 and drawn.max() > 0.5


def test_components_by_hand() -> None:
    """Grey of 0 or 1 by half, red besides by a tenth of that: two components, whose variances are known."""
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:] = 255  # grey, sd 0.5 in each channel: variance 3 x 0.25 along (1, 1, 1)
    values, vectors = components(image)
    np.testing.assert_allclose(values, [0, 0, 0.75], atol=1e-12)
    np.testing.assert_allclose(vectors[:, 2], np.full(3, 3**-0.5), atol=1e-12)
    image[..., 1:] = 0  # red alone
    values, vectors = components(image)
    np.testing.assert_allclose(values, [0, 0, 0.25], atol=1e-12)
    np.testing.assert_allclose(vectors[:, 2], [1, 0, 0], atol=1e-12)


def test_the_shift_is_the_papers() -> None:
    """[p1 p2 p3] [a1 l1, a2 l2, a3 l3]^T, in units of 255."""
    image = np.full((2, 2, 3), 100, np.uint8)
    vectors = np.array([[1.0, 0, 0], [0, 0.6, 0.8], [0, 0.8, -0.6]])
    moved = shifted(image, np.array([0.1, 0.2, 0.3]), vectors, np.array([1.0, -0.5, 0.2]))
    by_hand = 100 + 255 * np.array([0.1, -0.6 * 0.1 + 0.8 * 0.06, -0.8 * 0.1 - 0.6 * 0.06])
    np.testing.assert_array_equal(moved[0, 0], np.rint(by_hand))


def test_colour_noise_moves_all_pixels_alike_and_along_the_components() -> None:
    middle = (PICTURE // 4 + 96).astype(np.uint8)  # far from 0 and 255
    shifts = []
    for k in range(200):
        change = colour_noise(middle, generator(k), 2.0).astype(int) - middle
        assert (change == change[0, 0]).all()
        shifts.append(change[0, 0])
    values, vectors = components(middle)
    along = np.array(shifts) @ vectors
    np.testing.assert_allclose(along.std(0), 255 * 2.0 * values, rtol=0.25, atol=0.4)  # 200 draws; levels are whole
