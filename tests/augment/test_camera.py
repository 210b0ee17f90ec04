"""The camera's pieces against the library's transforms of the same names."""

import io

import albumentations.augmentations.pixel.functional as library
import cv2
import numpy as np
import pytest
from PIL import Image

from whichwhale.augment import generator, numbers
from whichwhale.augment.camera import GRAIN, blur, colour, grain, jpeg, motion, noise
from whichwhale.augment.draws import Numbers

SHARP = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)
PICTURE = cv2.GaussianBlur(SHARP, (0, 0), 2)
GREY = np.full((160, 160, 3), 128, np.uint8)


def test_colours_are_those_of_the_library() -> None:
    for k in range(20):
        own = numbers(generator(k), "colour")
        hue, saturation = own.uniform(-12, 12), own.uniform(-35, 35)
        expected = library.shift_hsv(PICTURE, hue, saturation, 0)
        np.testing.assert_array_equal(colour(PICTURE, numbers(generator(k), "colour")), expected)


def test_grey_stays_grey() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, 2)
    np.testing.assert_array_equal(colour(ramp, Numbers([0.9, 0.9])), ramp)


def test_out_of_focus() -> None:
    np.testing.assert_array_equal(blur(PICTURE, Numbers([0.1, 0.1, 0.2])), cv2.GaussianBlur(PICTURE, (3, 3), 1.0))
    np.testing.assert_array_equal(blur(PICTURE, Numbers([0.1, 0.9, 0.2])), cv2.GaussianBlur(PICTURE, (5, 5), 1.0))


def test_too_few_pixels_are_seen_as_blocks() -> None:
    blocks = blur(SHARP, Numbers([0.9, 0.25]))  # a scale of 0.5: every other pixel, twice
    np.testing.assert_array_equal(blocks[::2, ::2], blocks[1::2, 1::2])
    assert set(map(tuple, blocks.reshape(-1, 3))) <= set(map(tuple, SHARP.reshape(-1, 3)))
    assert blur(SHARP[:1, :1], Numbers([0.9, 0.0])).shape == (1, 1, 3)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_a_moved_point_is_a_line(side: int) -> None:
    level = motion(side, Numbers([0.0, 0.5, 0.5, 0.5]))  # no angle, no bias, no shift
    expected = np.zeros((side, side), np.float32)
    expected[side // 2] = 1 / side
    np.testing.assert_allclose(level, expected)
    np.testing.assert_allclose(motion(side, Numbers([0.25, 0.5, 0.5, 0.5])), expected.T)
    for k in range(50):
        kernel = motion(side, numbers(generator(k), "blur"))
        assert kernel.sum() == pytest.approx(1) and 1 <= (kernel > 0).sum() <= side


def test_a_blur_is_each_of_its_kinds_as_often() -> None:
    kinds = [numbers(generator(k), "blur").integer(3) for k in range(600)]
    np.testing.assert_allclose(np.bincount(kinds), 200, atol=47)  # 4 sigma


def test_grain_is_normal_and_as_strong_as_the_library_makes_it() -> None:
    """Drawn at half size and enlarged bilinearly: a pixel mixes 3/4 and 1/4 each way, which leaves 5/8 of the deviation."""
    tile = grain(512, 512).astype(float) - 128
    assert abs(tile.mean()) < 0.5 and tile.std() == pytest.approx(GRAIN * 0.625, rel=0.01)
    assert abs(np.corrcoef(tile.reshape(-1, 3).T) - np.eye(3)).max() < 0.02  # a grain of its own in each channel
    strengths, wanted = [], []
    for k in range(60):
        grainy = noise(GREY, numbers(generator(k), "noise")).astype(float) - 128
        own = numbers(generator(k), "noise")
        own.random(), own.random()
        wanted.append(0.625 * 255 * own.uniform(0.01, 0.06))
        strengths.append(grainy.std())
        assert abs(grainy.mean()) < 0.5
    np.testing.assert_allclose(strengths, wanted, rtol=0.06, atol=0.05)
    theirs = library.generate_noise(
        "gaussian", "per_pixel", GREY.shape, {"mean_range": (0, 0), "std_range": (0.04, 0.04)}, 255, 0.5, np.random.default_rng(0)
    )
    assert theirs.std() == pytest.approx(0.625 * 255 * 0.04, rel=0.03)


def test_grain_lies_elsewhere_each_time_and_fits_any_picture() -> None:
    pictures = {noise(GREY, numbers(generator(k), "noise")).tobytes() for k in range(20)}
    assert len(pictures) == 20
    for shape in [(1, 1), (255, 300), (600, 257)]:
        for at in (0.0, 1 - 1e-12):
            assert noise(np.zeros((*shape, 3), np.uint8), Numbers([at, at, 0.5, 0.1])).shape == (*shape, 3)


def test_jpeg_is_a_jpeg_of_the_drawn_quality() -> None:
    for drawn, quality in [(0.0, 35), (0.5, 63), (0.9999, 90)]:
        file = io.BytesIO()
        Image.fromarray(PICTURE).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        theirs = np.asarray(Image.open(file)).astype(int)
        ours = jpeg(PICTURE, Numbers([drawn])).astype(int)
        assert np.abs(ours - theirs).mean() < 2  # encoders round otherwise
        lost, theirs_lost = (np.abs(picture - PICTURE.astype(int)).mean() for picture in (ours, theirs))
        assert lost == pytest.approx(theirs_lost, rel=0.1) and lost > 0.5
