"""Which members' logits are cosines times a scale, and what centring took off them.

Centred logits say how much likelier one whale is than another. How near the nearest of all is, and so whether a member has seen
anything like the photo at all, is in the mean that was taken off; for neighbours that is a cosine and means the same for every
fit. Logits of softmax layers have no such zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from whichwhale.blend.assemble import Member


@dataclass(frozen=True, eq=False)
class Cosines:
    """Of M members and N photos.

    scale   what multiplies a cosine to a logit [M]; NaN where logits are no cosines
    level   mean cosine of a photo over the whales [M, N]; NaN where there is none
    """

    scale: NDArray[np.float64]
    level: NDArray[np.float64]

    def rows(self, at: NDArray[np.int64]) -> Cosines:
        """Of the photos `at`."""
        return Cosines(self.scale, self.level[:, at])

    def of_members(self, at: Sequence[int]) -> Cosines:
        """Of the members `at`, in this order."""
        return Cosines(self.scale[list(at)], self.level[list(at)])

    def of(self, member: int, z: NDArray[np.floating]) -> NDArray[np.float64]:
        """The cosines [N, C] behind a member's centred logits."""
        return z / self.scale[member] + self.level[member][:, None]


def cosines_of_labelled(members: Sequence[Member], images: Sequence[str]) -> Cosines:
    """Of labelled photos [N]."""
    return _of(members, images, [dict(zip(member.images, member.level, strict=False)) for member in members])


def cosines_of_test(members: Sequence[Member], images: Sequence[str]) -> Cosines:
    """Of test photos [N]."""
    return _of(members, images, [dict(zip(member.test_images, member.test_level, strict=False)) for member in members])


def _of(members: Sequence[Member], images: Sequence[str], levels: Sequence[dict[str, float]]) -> Cosines:
    scale = np.array([member.scale for member in members], np.float64)
    level = np.array([[of.get(image, np.nan) for image in images] for of in levels], np.float64).reshape(
        len(members), len(images)
    )
    return Cosines(scale, level / scale[:, None])
