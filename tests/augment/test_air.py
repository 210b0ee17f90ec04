"""Veil, exposure, contrast and colour noise, value by value; and all of them through one table."""

import cv2
import numpy as np
import pytest

from whichwhale.augment import generator, numbers
from whichwhale.augment.air import (
    LEVELS,
    changed,
    colour_noise,
    contrast,
    exposure,
    haze,
    looked_up,
    shifted,
    spread_out,
    through,
    values_of,
    veil,
)
from whichwhale.augment.draws import Numbers

PICTURE = np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)
SPREAD = np.random.default_rng(0).normal(0, 0.1, (30, 3)) @ np.random.default_rng(1).normal(0, 0.3, (3, 3)) + 0.5


def values(pixels: list) -> np.ndarray:
    """Of a picture of these pixels, as float32."""
    levels = np.repeat(np.arange(256.0)[:, None], 3, 1)
    return np.concatenate([levels, np.array(pixels, float)]).astype(np.float32)


def drawn(k: int, name: str) -> Numbers:
    return numbers(generator(k), name)


def test_values_are_the_levels_and_a_sample_of_the_pixels() -> None:
    found = values_of(PICTURE)
    assert found.dtype == np.float32 and found.shape == (LEVELS + 4 * 6, 3)
    np.testing.assert_array_equal(found[:LEVELS], values([[0, 0, 0]])[:LEVELS])
    np.testing.assert_array_equal(found[LEVELS:].reshape(4, 6, 3), PICTURE[::4, ::4])
    assert len(values_of(PICTURE[:15, :23])) == LEVELS + 4 * 6 and len(values_of(PICTURE[:1, :1])) == LEVELS + 1


def test_a_picture_goes_through_its_table_channel_by_channel() -> None:
    new = np.random.default_rng(2).uniform(0, 255, (LEVELS + 5, 3)).astype(np.float32)
    by_hand = np.stack([np.rint(new[:LEVELS, k])[PICTURE[..., k]] for k in range(3)], -1)
    np.testing.assert_array_equal(through(PICTURE, new), by_hand)
    tables = np.random.default_rng(3).integers(0, 256, (2, 256), dtype=np.uint8)
    expected = np.stack([tables[0][PICTURE[..., 0]], PICTURE[..., 1], tables[1][PICTURE[..., 2]]], -1)
    before = PICTURE.copy()
    np.testing.assert_array_equal(looked_up(PICTURE, tables[0], None, tables[1]), expected)
    np.testing.assert_array_equal(PICTURE, before)


def test_a_veil_by_hand() -> None:
    found = values([[40, 200, 7]])
    veil(found, (200.0, 100.0, 56.0), 0.25)
    expected = [[50, 25, 14], [125, 100, 89], [241.25, 216.25, 205.25], [80, 175, 19.25]]
    np.testing.assert_allclose(found[[0, 100, 255, 256]], expected)
    same = values([[40, 200, 7]])
    veil(same, (9.0, 9.0, 9.0), 0.0)
    np.testing.assert_array_equal(same, values([[40, 200, 7]]))


def test_haze_takes_contrast_away_and_nothing_else() -> None:
    for k in range(20):
        found = values([[1, 2, 3]])
        haze(found, drawn(k, "haze"))
        for channel in range(3):  # out = a in + b, 0.55 <= a <= 0.9
            a, b = np.polyfit(np.arange(256), found[:256, channel], 1)
            assert 0.549 < a < 0.901 and 0 < b < 0.46 * 255
            np.testing.assert_allclose(found[:256, channel], a * np.arange(256) + b, atol=1e-3)


def test_contrast_by_hand() -> None:
    pixels = [[0, 60, 90], [90, 120, 240]]  # mean 100
    for factor, expected in [(1.5, [[0, 40, 85], [85, 130, 255]]), (0.5, [[50, 80, 95], [95, 110, 170]])]:
        found = values(pixels)
        spread_out(found, factor)
        np.testing.assert_allclose(found[LEVELS:], expected, atol=1e-4)
        ends = np.clip([100 - factor * 100, 100 + factor * 155], 0, 255)
        np.testing.assert_allclose(found[[0, 255], 1], ends, atol=1e-4)


def test_exposure_is_a_factor_and_contrast_keeps_the_mean() -> None:
    dark, grey = PICTURE // 4 + 10, PICTURE // 4 + 96  # that no draw clips
    factors, spreads = [], []
    for k in range(200):
        brighter, wider = values_of(dark), values_of(grey)
        exposure(brighter, drawn(k, "exposure"))
        contrast(wider, drawn(k, "contrast"))
        ratio = brighter[10:74, 0] / np.arange(10, 74)
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5)
        factors.append(ratio[0])
        spreads.append(wider[LEVELS:].std() / values_of(grey)[LEVELS:].std())
        assert abs(wider[LEVELS:].mean() - values_of(grey)[LEVELS:].mean()) < 1e-2
    for logarithms in (np.log2(factors), np.log2(spreads)):
        assert np.abs(logarithms).max() < 0.6001 and logarithms.min() < -0.55 and logarithms.max() > 0.55


def test_exposure_does_not_pass_white() -> None:
    found = values([[200, 200, 200]])
    exposure(found, Numbers([0.999]))
    assert found.max() == 255 and found[100, 0] == pytest.approx(100 * 2 ** (1.2 * 0.999 - 0.6), rel=1e-5)


def test_the_shift_is_the_papers() -> None:
    """[p1 p2 p3] [a1 l1, a2 l2, a3 l3]^T in units of 255: for the alpha along each component, and for their sum."""
    pixels = 255 * SPREAD
    covariance = np.cov(SPREAD.T, bias=True)
    eigenvalues, components = np.linalg.eigh(covariance)
    for alpha in [*np.eye(3), np.array([0.3, -1.2, 0.7])]:
        found = values(pixels)
        shifted(found, (components @ alpha).tolist())
        expected = 255 * components @ (alpha * eigenvalues)
        np.testing.assert_allclose(found[LEVELS:] - pixels, np.tile(expected, (30, 1)), atol=2e-3)
        np.testing.assert_allclose(found[128] - 128, expected, atol=2e-3)


def test_colour_noise_is_normal_along_the_components() -> None:
    """As if each component had a normal alpha of its own: their shifts are independent, each with 255 spread times eigenvalue."""
    pixels = 255 * SPREAD
    eigenvalues, components = np.linalg.eigh(np.cov(SPREAD.T, bias=True))
    shifts = []
    for k in range(500):
        found = values(pixels)
        colour_noise(found, drawn(k, "pca"), 2.0)
        shifts.append(found[128] - 128)
    along = np.array(shifts) @ components
    np.testing.assert_allclose(along.std(0), 255 * 2.0 * eigenvalues, rtol=0.13)  # 4 sigma of 500 draws
    assert np.abs(np.corrcoef(along.T) - np.eye(3)).max() < 0.18


def test_a_grey_pictures_noise_is_grey() -> None:
    found = values([[level] * 3 for level in range(0, 200, 7)])
    colour_noise(found, drawn(3, "pca"), 1.0)
    assert np.ptp(found[128]) < 1e-3 and abs(found[128, 0] - 128) > 1


def test_all_changes_go_through_one_table_and_know_of_the_ones_before() -> None:
    pieces = ("haze", "exposure", "contrast", "pca")
    for k in range(20):
        draw = generator(7, k)
        found = changed(PICTURE, pieces, {piece: numbers(draw, piece) for piece in pieces}, 0.6)
        pixels = PICTURE[::4, ::4].reshape(-1, 3).astype(float)
        by_hand, whole = pixels.copy(), PICTURE.astype(float)

        own = numbers(draw, "haze")
        green = own.uniform(120, 225)
        colour = np.array([green * own.uniform(0.72, 0.98), green, min(green * own.uniform(0.88, 1.12), 255)])
        share = own.uniform(0.1, 0.45)
        by_hand, whole = (v + share * (colour - v) for v in (by_hand, whole))
        factor = 2 ** numbers(draw, "exposure").uniform(-0.6, 0.6)
        by_hand, whole = (np.minimum(v * factor, 255) for v in (by_hand, whole))
        factor, mean = 2 ** numbers(draw, "contrast").uniform(-0.6, 0.6), by_hand.mean()
        by_hand, whole = (np.clip(mean + factor * (v - mean), 0, 255) for v in (by_hand, whole))
        own = numbers(draw, "pca")
        shift = 255 * np.cov(by_hand.T / 255, bias=True) @ [own.normal(0.6), own.normal(0.6), own.normal(0.6)]
        assert np.abs(found - np.clip(whole + shift, 0, 255)).max() <= 0.51  # rounded once

    alone = {piece: numbers(generator(7), piece) for piece in pieces}
    table = np.rint(np.minimum(np.arange(256) * 2 ** numbers(generator(7), "exposure").uniform(-0.6, 0.6), 255)).astype(np.uint8)
    assert np.abs(changed(PICTURE, ("exposure",), alone, 0.6).astype(int) - cv2.LUT(PICTURE, table)).max() <= 1
