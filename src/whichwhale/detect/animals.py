"""Which parts are one animal's, and which animal is #0."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

REACH = 8.0  # sizes of the leading part from its centre: further away lies nothing of its animal (a fluke lies about 4 off)


def number(part: NDArray[np.int64], box: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.int64]:
    """The animal of each box [n, 4] (x, y, width, height), n numbers from 0 on; an animal has each part at most once.

    The first part that is there (0: the leading one, a head) makes the animals, numbered from the largest box down, of equal
    ones that nearest the photo's centre first (`size`: width, height, px). Boxes of the other parts go to them so that all lie
    as near as can be, in sizes of their leading part. What is left over makes further animals in the same way.
    """
    item = np.full(len(part), -1, np.int64)
    next_one = 0
    while (left := np.flatnonzero(item < 0)).size:
        lead = part[left].min()
        leaders = left[part[left] == lead]
        leaders = leaders[np.lexsort((_off_centre(box[leaders], size), -box[leaders, 2:].prod(1)))]
        item[leaders] = next_one + np.arange(len(leaders))
        for other in np.unique(part[left]):
            if other != lead:
                _join(item, leaders, left[part[left] == other], box)
        next_one += len(leaders)
    return item


def _join(item: NDArray[np.int64], leaders: NDArray[np.int64], others: NDArray[np.int64], box: NDArray[np.float64]) -> None:
    centre = box[:, :2] + box[:, 2:] / 2
    reach = np.sqrt(box[leaders, 2:].prod(1))
    distance = np.linalg.norm(centre[leaders, None] - centre[None, others], axis=-1) / reach[:, None]
    for i, j in zip(*linear_sum_assignment(distance), strict=True):
        if distance[i, j] <= REACH:
            item[others[j]] = item[leaders[i]]


def _off_centre(box: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.float64]:
    if any(math.isnan(side) for side in size):
        return np.zeros(len(box))
    return np.linalg.norm(box[:, :2] + box[:, 2:] / 2 - (np.array(size) - 1) / 2, axis=1)
