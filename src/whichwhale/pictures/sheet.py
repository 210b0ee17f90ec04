"""A sheet of drawn photos, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def two_a_row(drawn: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures of one size, uint8 [H, W, 3], in rows of two [rows * H, 2 * W, 3]; a last one alone has black beside it."""
    places = [*drawn, *[np.zeros_like(drawn[0])] * (len(drawn) % 2)]
    return np.concatenate([np.concatenate(places[i : i + 2], 1) for i in range(0, len(places), 2)])
