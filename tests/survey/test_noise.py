import numpy as np
import pytest

from whichwhale.survey import noise


@pytest.mark.parametrize("draw", [noise.smooth, noise.fractal])
def test_noise_has_zero_mean_unit_variance_and_its_shape(draw):
    image = draw(np.random.default_rng(0), (301, 407), 6.0)
    assert image.shape == (301, 407) and image.dtype == np.float32
    assert abs(image.mean()) < 0.1
    assert 0.8 < image.std() < 1.2


def test_coarser_noise_is_smoother():
    fine, coarse = (noise.smooth(np.random.default_rng(0), (200, 200), cell) for cell in (3.0, 20.0))
    assert np.abs(np.diff(coarse, axis=1)).mean() < 0.4 * np.abs(np.diff(fine, axis=1)).mean()


def test_veins_stay_between_0_and_1():
    image = noise.ridged(np.random.default_rng(0), (64, 80), 9.0)
    assert image.min() >= 0 and image.max() <= 1


def test_step_rises_from_low_to_high():
    assert noise.step(np.array([0.0, 1.0, 2.0, 3.0, 9.0], np.float32), 1.0, 3.0).tolist() == [0, 0, 0.5, 1, 1]


def test_blend_replaces_the_share():
    under, over = np.zeros((2, 2, 3), np.float32), np.array([1.0, 2.0, 4.0], np.float32)
    share = np.array([[0, 1], [0.5, 0.25]], np.float32)
    assert noise.blend(under, over, share)[..., 2].tolist() == [[0, 4], [2, 1]]


def test_grid_counts_pixels():
    x, y = noise.grid((2, 3))
    assert x.tolist() == [[0, 1, 2], [0, 1, 2]] and y.tolist() == [[0, 0, 0], [1, 1, 1]]
