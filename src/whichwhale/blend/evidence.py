"""What a way to blend may look at: the members' centred logits of some photos, and what is known beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from whichwhale.blend.candidates import Candidates
from whichwhale.blend.copies import first_alike
from whichwhale.blend.cosines import Cosines


@dataclass(frozen=True, eq=False)
class Evidence:
    """N photos, C whales, M members.

    members, class_id   names [M], [C]
    z                   centred logits [M, N, C], 0 throughout a row that a member has not (blend/assemble.py)
    prior               share of each whale among the photos that were learned from, smoothed: [N, C], or [1, C] for all
    uncertainty         standard deviation of the points that a photo's passport was cut by, over d [N]; NaN where unknown
    cosines             of members whose logits are cosines times a scale, if anybody knows
    listed              the photos' candidates, if somebody has drawn them up already for many fits on parts of these rows
    """

    members: list[str]
    class_id: list[str]
    z: NDArray[np.floating]
    prior: NDArray[np.floating]
    uncertainty: NDArray[np.floating]
    cosines: Cosines | None = None
    listed: Candidates | None = None

    @classmethod
    def of(
        cls,
        members: Sequence[str],
        class_id: Sequence[str],
        z: ArrayLike,
        prior: ArrayLike | None = None,
        uncertainty: ArrayLike | None = None,
        cosines: Cosines | None = None,
    ) -> Evidence:
        """From arrays; without a prior each whale has the same. Raises ValueError if the shapes don't agree."""
        logits = np.asarray(z)
        if logits.ndim != 3 or logits.shape[0] != len(members) or logits.shape[2] != len(class_id):
            raise ValueError(f"z {logits.shape} is not [{len(members)} members, photos, {len(class_id)} whales]")
        photos, whales = logits.shape[1:]
        shares = np.full((1, whales), 1 / whales) if prior is None else np.atleast_2d(np.asarray(prior))
        unsure = np.full(photos, np.nan) if uncertainty is None else np.asarray(uncertainty)
        if shares.shape not in ((1, whales), (photos, whales)) or unsure.shape != (photos,):
            raise ValueError(f"prior {shares.shape} or uncertainty {unsure.shape} does not go with z {logits.shape}")
        if cosines is not None and cosines.level.shape != logits.shape[:2]:
            raise ValueError(f"cosines {cosines.level.shape} do not go with z {logits.shape}")
        return cls(list(members), list(class_id), logits, shares, unsure, cosines)

    @property
    def has(self) -> NDArray[np.bool_]:
        """Whether a member has a row for a photo [M, N]."""
        return self.z.any(axis=2)

    def rows(self, at: NDArray) -> Evidence:
        """Of the photos `at`, indices or a mask."""
        at = np.flatnonzero(at) if at.dtype == bool else at
        prior = self.prior if len(self.prior) == 1 else self.prior[at]
        listed = None if self.listed is None else self.listed.of_photos(at)
        cosines = None if self.cosines is None else self.cosines.rows(at)
        return replace(self, z=self.z[:, at], prior=prior, uncertainty=self.uncertainty[at], cosines=cosines, listed=listed)

    def of_members(self, names: Sequence[str]) -> Evidence:
        """Of these members, in this order. Raises ValueError if one is not there."""
        if missing := [name for name in names if name not in self.members]:
            raise ValueError(f"there is no member {missing[0]}; there are {', '.join(self.members)}")
        if names == self.members:
            return self
        at = [self.members.index(name) for name in names]
        cosines = None if self.cosines is None else self.cosines.of_members(at)
        return replace(self, members=list(names), z=self.z[at], cosines=cosines, listed=None)

    def of_whales(self, class_id: Sequence[str]) -> Evidence:
        """With the columns in this order."""
        place = {whale: column for column, whale in enumerate(self.class_id)}
        at = [place[whale] for whale in class_id]
        return replace(self, class_id=list(class_id), z=self.z[:, :, at], prior=self.prior[:, at], listed=None)

    def as_type(self, kind: DTypeLike) -> Evidence:
        return replace(self, z=self.z.astype(kind), prior=self.prior.astype(kind))

    @property
    def distinct(self) -> list[str]:
        """Names of the members, sorted, without those whose logits are another's: a copy says nothing new."""
        kept: dict[int, str] = {}
        for name, first in sorted(zip(self.members, first_alike(self.z).tolist(), strict=True)):
            kept.setdefault(first, name)
        return sorted(kept.values())

    @property
    def log_prior(self) -> NDArray[np.floating]:
        """[N, C] or [1, C]."""
        return np.log(self.prior)
