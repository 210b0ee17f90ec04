"""What a reader of a blend's scores must know: which photos have no prediction, and what became of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.assemble import Member
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.rows import OutOfFold
from whichwhale.competition import Competition

TEST_ROWS = {
    "folds": "mean of the fold models",
    "all": "the model fitted on all photos",
    "both": "half from the fold models, half from the model fitted on all photos",
}


def remarks(
    members: Sequence[Member], rows: OutOfFold, tables: Competition, predicted_by: NDArray[np.int64], config: EnsembleConfig
) -> list[str]:
    """What is missing where, one line each."""
    photos_of = tables.train["whaleID"].value_counts()
    whale_of = dict(zip(tables.train["Image"], tables.train["whaleID"], strict=True))
    complete, none = int(rows.complete.sum()), int((~rows.answered).sum())
    some = len(rows.images) - complete - none
    notes = [
        f"Out-of-fold: {complete} photos with a row of every member, on which the weights are fitted; {some} with rows of some "
        f"members only; {none} without any, counted with the class prior, as such test photos are."
    ]
    for member, lost in zip(members, rows.lost, strict=True):
        alone = sum(photos_of[whale_of[image]] == 1 for image in member.always)
        notes.append(
            f"{member.name}: {len(member.always)} labelled photos always train, {alone} of them the only one of their whale, and "
            f"have no out-of-fold row; {len(member.absent)} are in no fold's file; {lost} rows lost since another member trained "
            f"on them; {len(member.unseen)} whales unseen by some fit."
        )
    if not config.folds(tables) and any(member.absent for member in members):
        notes.append(f"Without {config.runs / 'folds.csv'} photos that no member has a row for are not counted.")
    if config.fit_on == "calibration":
        notes.append("These are the photos that no fold model saw, and their rows means over the fold models, as test rows are.")
    none, some = int((predicted_by == 0).sum()), int(((predicted_by > 0) & (predicted_by < len(members))).sum())
    return [
        *notes,
        f"Test rows: {TEST_ROWS[config.test]}, to the power {config.test_power:g}.",
        f"Test photos: {none} without any prediction get the class prior, {some} are predicted by some members "
        f"only{', with weights fitted for these' * bool(some)}.",
    ]
