"""Rows that several members answer: of labelled photos, out-of-fold, and of test photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.assemble import AssembleError, Floats, Member
from whichwhale.blend.parts import partition
from whichwhale.competition.folds import CALIBRATION

FitOn = Literal["out_of_fold", "calibration"]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Labelled photos that the fold models of every member left out, those without any prediction too.

    images, fold    photo [N], the fold that it was left out in [N] (the first member's that has it, else folds.csv's)
    z, has          centred logits [M, N, C], 0 (no evidence) where a member has no row; whether it has one [M, N]
    lost            rows of each member that are not here, since another member trained on the photo [M]
    """

    images: list[str]
    fold: NDArray[np.int64]
    z: Floats
    has: NDArray[np.bool_]
    lost: list[int]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which photos all members have a row for [N]: those that weights are fitted on."""
        return self.has.all(axis=0)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which photos some member has a row for [N]; the others get the class prior, as test photos do."""
        return self.has.any(axis=0)

    def prior(self, truth: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> Floats:
        """What a photo without any prediction gets [N, C]: the share of each whale among the labelled photos of the other folds,
        smoothed as `Competition.prior` is. The photo's own fold stays out, as it does of everything else.

        truth: true columns [N]; labels: true columns of all labelled photos.
        """
        counts = np.bincount(labels, minlength=classes) + 1.0
        p = np.empty((len(truth), classes))
        for k in np.unique(self.fold):
            here = self.fold == k
            rest = counts - np.bincount(truth[here], minlength=classes)
            p[here] = rest / rest.sum()
        return p


def rows_out_of_fold(
    members: Sequence[Member], labelled: Sequence[str], folds: Mapping[str, int], fit_on: FitOn = "out_of_fold"
) -> OutOfFold:
    """The labelled photos that are scored, in the order of `labelled`: those that no member's fold models trained on throughout.

    A photo that no member has a row for is scored if `folds` (photo to its fold in folds.csv; empty if there is none) says that a
    fold leaves it out which all members have fitted. Of the others nobody knows whether they were to be left out.

    With `fit_on` calibration they are those photos instead that no fold model saw, dealt into five parts by their names.

    Raises:
        AssembleError: no member, or no row that all members have.
    """
    if not members:
        raise AssembleError("no members to blend; name at least one model")
    members = [_of_kind(member, fit_on) for member in members]
    if fit_on == "calibration":
        folds = {}
    places = [{image: row for row, image in enumerate(member.images)} for member in members]
    shared = set.intersection(*map(set, places))
    if not shared:
        raise AssembleError(f"no photo has out-of-fold rows in all of {', '.join(member.name for member in members)}")
    fitted = set.intersection(*(set(member.fold.tolist()) for member in members))
    trained = set().union(*(member.always for member in members))
    some = set().union(*places)

    def scored(image: str) -> bool:
        left_out = folds[image] in fitted if image in folds else image in some
        return image in shared or (left_out and image not in trained)

    images = [image for image in labelled if scored(image)]
    has = np.array([[image in place for image in images] for place in places], bool)
    z = np.zeros((*has.shape, members[0].z.shape[1]))
    fold = np.array([folds.get(image, -1) for image in images], np.int64)
    for m in reversed(range(len(members))):  # the first member has the last word on the fold
        rows = [places[m][image] for image in images if image in places[m]]
        z[m, has[m]], fold[has[m]] = members[m].z[rows], members[m].fold[rows]
    if fit_on == "calibration":
        fold = partition(images, 0)
    return OutOfFold(images, fold, z, has, [len(m.images) - int(row.sum()) for m, row in zip(members, has, strict=True)])


def rows_of_test(members: Sequence[Member], images: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    """z [M, T, C] for the photos asked for, 0 (no evidence) where a member has no row, and how many members have one [T]."""
    z = np.zeros((len(members), len(images), members[0].test_z.shape[1]))
    count = np.zeros(len(images), np.int64)
    for m, member in enumerate(members):
        place = {image: row for row, image in enumerate(member.test_images)}
        has = np.array([image in place for image in images], bool)
        z[m, has] = member.test_z[[place[image] for image in images if image in place]]
        count += has
    return z, count


def _of_kind(member: Member, fit_on: FitOn) -> Member:
    """The member with those of its rows alone that are out-of-fold, or set aside to calibrate on."""
    kept = (member.fold == CALIBRATION) == (fit_on == "calibration")
    if not kept.any():
        raise AssembleError(
            f"{member.name}: no photo was set aside to calibrate on; fit it with folds.calibration=0.1, or leave fit_on out"
            if fit_on == "calibration"
            else f"{member.name}: has no rows but those set aside to calibrate on; say fit_on=calibration"
        )
    if kept.all():
        return member
    images = [image for image, here in zip(member.images, kept, strict=True) if here]
    level = member.level[kept] if len(member.level) else member.level
    return replace(member, images=images, fold=member.fold[kept], z=member.z[kept], level=level)
