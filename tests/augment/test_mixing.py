"""Mixup and cutmix: shares and pixels by hand, draws by key."""

import numpy as np
import pytest
import torch

from whichwhale.augment import MixConfig, generator
from whichwhale.augment.mixing import draw_mix, mixed, partner

SIZE = (8, 4)  # width, height


def test_mixed_by_hand() -> None:
    images = torch.arange(3)[:, None, None, None] * torch.full((3, 3, 4, 8), 100, dtype=torch.uint8)  # 0, 100, 200
    mix = torch.tensor([[0, 0, 8, 4, 0.25], [2, 1, 6, 3, 1.0], [0, 0, 0, 0, 0.0]])
    pictures, share = mixed(images, mix)
    assert pictures.dtype == torch.float32
    assert (pictures[0] == 25).all()  # 3/4 of 0 and 1/4 of 100
    by_hand = torch.full((3, 4, 8), 100.0)
    by_hand[:, 1:3, 2:6] = 200
    assert torch.equal(pictures[1], by_hand)
    assert (pictures[2] == 200).all()
    assert share.tolist() == [0.75, 1 - 8 / 32, 1.0]


def test_a_picture_takes_of_the_one_half_a_batch_away() -> None:
    assert partner(torch.tensor([5, 6, 7])).tolist() == [6, 7, 5]
    assert partner(torch.tensor([1, 1, 2, 2, 3, 3])).tolist() == [2, 3, 3, 1, 1, 2]  # two photos a whale: always another whale
    assert partner(torch.tensor([4])).tolist() == [4]
    images = torch.tensor([10.0, 20.0])[:, None, None, None].expand(2, 3, 4, 8)
    pictures, share = mixed(images, torch.tensor([[0, 0, 0, 0, 0], [0, 0, 4, 4, 1.0]]))
    assert pictures[1, 0, 0].tolist() == [10] * 4 + [20] * 4
    assert share.tolist() == [1.0, 0.5]


def test_pictures_lie_in_memory_as_they_did() -> None:
    """A channels-last batch stays so: else every convolution would turn it round."""
    images = torch.zeros((2, 4, 8, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    pictures, _ = mixed(images, torch.zeros(2, 5))
    assert pictures.is_contiguous(memory_format=torch.channels_last)


def test_the_partners_share_is_the_lesser_part_of_a_beta() -> None:
    """Of B ~ Beta(a, a), whose mean is 1/2 and whose variance is 1 / (4 (2 a + 1)): that variance is the mean of (B - 1/2)^2."""
    weights = np.array([draw_mix(MixConfig(mixup=0.4, chance=1.0), generator(0, k), SIZE) for k in range(2000)])
    np.testing.assert_array_equal(weights[:, :4], np.tile([0, 0, 8, 4], (2000, 1)))
    assert weights[:, 4].min() >= 0 and weights[:, 4].max() <= 0.5
    assert ((weights[:, 4] - 0.5) ** 2).mean() == pytest.approx(1 / (4 * 1.8), abs=0.01)


def test_cutmix_takes_its_share_of_the_picture_where_it_fits() -> None:
    """Rectangles of the picture's shape, at most half of its area, which is uniform before the clipping."""
    size = (400, 200)
    boxes = np.array([draw_mix(MixConfig(cutmix=1.0, chance=1.0), generator(1, k), size) for k in range(1500)])
    left, top, right, bottom, weight = boxes.T
    assert (weight == 1).all()
    assert (left >= 0).all() and (top >= 0).all() and (right <= 400).all() and (bottom <= 200).all()
    assert (right >= left).all() and (bottom >= top).all()
    np.testing.assert_array_equal(boxes, np.rint(boxes))  # whole pixels, so that the share is exact
    inside = (left > 0) & (top > 0) & (right < 400) & (bottom < 200)
    assert inside.sum() > 300
    np.testing.assert_allclose((right - left)[inside], 2 * (bottom - top)[inside], atol=2.1)
    # A side that is s = sqrt(u) long, u uniform up to 1/2, keeps s - s^2/4 of it on the average.
    u = np.linspace(0, 0.5, 100001)
    assert np.mean((right - left) * (bottom - top)) / 8e4 == pytest.approx(np.mean((np.sqrt(u) - u / 4) ** 2), abs=0.012)


def test_chance_and_kind() -> None:
    both = np.array([draw_mix(MixConfig(mixup=0.4, cutmix=1.0, chance=0.5), generator(2, k), SIZE) for k in range(1000)])
    mixed_at_all, cut = both[:, 4] > 0, both[:, 4] == 1
    assert mixed_at_all.mean() == pytest.approx(0.5, abs=0.065)
    assert cut.mean() == pytest.approx(0.25, abs=0.06)
    assert not draw_mix(MixConfig(chance=1.0), generator(3), SIZE).any()


def test_draws_belong_to_the_key_alone() -> None:
    config, used = MixConfig(mixup=0.4, cutmix=1.0, chance=1.0), generator(5, 6)
    used.random(100)
    np.testing.assert_array_equal(draw_mix(config, used, SIZE), draw_mix(config, generator(5, 6), SIZE))
