"""Mixup and cutmix: two pictures of a batch in one.

Each item draws by its own key how much of another picture it takes, and where; the other is its partner in the batch, whose
order is keyed too. So a resumed fit mixes what the one that ran through would have mixed.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor

from whichwhale.augment.config import MixConfig
from whichwhale.augment.draws import Draw, numbers

Mix = NDArray[np.float32]  # [5]: left, top, right, bottom (px, ends not included), and the weight of the other picture therein


def draw_mix(config: MixConfig, draw: Draw, size: tuple[int, int]) -> Mix:
    """What a picture of `size` (width, height) px takes of its partner; zeros: nothing.

    mixup: all of it, at weight 1 - share. cutmix: at weight 1, in a rectangle that takes 1 - share of the picture, less what lies
    outside (Yun et al. 2019, equation 2). The share is the greater part of a Beta(alpha, alpha).
    """
    own = numbers(draw, "mix")
    lucky, kind = own.random() < config.chance, own.random()
    if not lucky or not (config.mixup or config.cutmix):
        return np.zeros(5, np.float32)
    cut = config.cutmix and (kind < 0.5 or not config.mixup)
    alpha = config.cutmix if cut else config.mixup
    share = float(betaincinv(alpha, alpha, own.random()))
    share = max(share, 1 - share)
    width, height = size
    if not cut:
        return np.array([0, 0, width, height, 1 - share], np.float32)
    x, y, half = own.uniform(0, width), own.uniform(0, height), sqrt(1 - share) / 2
    left, right = (min(max(round(x + side * half * width), 0), width) for side in (-1, 1))
    top, bottom = (min(max(round(y + side * half * height), 0), height) for side in (-1, 1))
    return np.array([left, top, right, bottom, 1], np.float32)


def partner(values: Tensor) -> Tensor:
    """For each row of a batch the row whose picture it is mixed with: half a batch on, or back.

    Not the next one: in batches of some photos of each of some whales that would mostly be the same whale.
    """
    half = len(values) // 2
    return torch.cat([values[half:], values[:half]])


def mixed(images: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
    """Images [B, C, H, W] with their partners mixed in by `mix` [B, 5], float32, and each one's own share [B] of itself.

    What comes back lies channels-last in memory, as batches of passports do.
    """
    (count, channels), (height, width) = images.shape[:2], images.shape[2:]
    left, top, right, bottom, weight = mix.float()[:, :, None].unbind(1)
    x, y = (torch.arange(side, device=images.device) for side in (width, height))
    across = (((x >= left) & (x < right)) * weight).repeat_interleave(channels, 1)  # [B, W C]: channels lie innermost
    other = ((y >= top) & (y < bottom))[:, :, None] * across[:, None, :]
    rows = images.permute(0, 2, 3, 1).reshape(count, height, -1).float()
    blended = torch.lerp(rows, partner(rows), other).view(count, height, width, channels).permute(0, 3, 1, 2)
    return blended, 1 - ((right - left) * (bottom - top) * weight)[:, 0] / (height * width)
