"""Answers and truth brought together, photo by photo."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.score.log_loss import log_loss_rows
from whichwhale.score.ranking import NEW_WHALE, rank_of_truth
from whichwhale.score.submission import Submission

SHOWN = 10


@dataclass(frozen=True, eq=False)
class Matched:
    """The photos that both the answers and the truth name, in order of the names, so that no figure depends on the files' order.

    image, whale    photo and true whale [N]
    class_id        whales with a column [C]
    p               float64 [N, C], rows sum to 1
    column          the true whale's column [N], -1 where it has none
    """

    image: list[str]
    whale: list[str]
    class_id: list[str]
    p: NDArray[np.float64]
    column: NDArray[np.int64]
    without_answer: int  # photos of the truth that are not here
    without_truth: int  # photos of the answers that are not here

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which photos' whales have a column [N]."""
        return self.column >= 0

    @property
    def answers(self) -> list[str]:
        """The right answer of each photo [N]: its whale, `new_whale` where that has no column."""
        return [name if has else NEW_WHALE for name, has in zip(self.whale, self.known.tolist(), strict=True)]

    def log_loss(self) -> NDArray[np.float64]:
        """Loss of each photo whose whale has a column [known], nats."""
        return log_loss_rows(self.p[self.known], self.column[self.known])

    def rank(self) -> NDArray[np.int64]:
        """Place of the true whale [known], 0 is the first guess."""
        return rank_of_truth(self.p[self.known], self.column[self.known])


def match(submission: Submission, truth: Mapping[str, str], partial: bool = False) -> Matched:
    """Bring a submission and photo -> whale together.

    Args:
        partial: photos of the truth that the submission lacks are left out, and counted; otherwise they are an error.

    Raises:
        ValueError: photos of the truth that the submission lacks, no photo in common or whose whale has a column, all-zero rows.
    """
    missing = sorted(truth.keys() - set(submission.image))
    if missing and not partial:
        raise ValueError(
            f"{len(missing)} photos of the truth are not in the submission: {', '.join(missing[:SHOWN])}; "
            "predict them, or leave them out (--partial)"
        )
    scored = sorted((row for row, image in enumerate(submission.image) if image in truth), key=lambda row: submission.image[row])
    if not scored:
        raise ValueError(f"no photo of the truth is in the submission; the truth names {min(truth)!r}, ...")
    whale = [truth[submission.image[row]] for row in scored]
    column_of = {name: column for column, name in enumerate(submission.class_id)}
    column = np.array([column_of.get(name, -1) for name in whale], dtype=np.int64)
    if not (column >= 0).any():
        columns = f"columns are {submission.class_id[0]!r}, ..."
        raise ValueError(f"no whale of the truth has a column in the submission: the truth names {whale[0]!r}, {columns}")
    p = submission.p[scored]
    total = p.sum(axis=1, keepdims=True)
    if not total.all():
        image = submission.image[scored[int(np.argmin(total))]]
        raise ValueError(f"{image}: all probabilities are 0, so the row can't be rescaled to sum 1")
    images = [submission.image[row] for row in scored]
    return Matched(images, whale, submission.class_id, p / total, column, len(missing), len(submission.image) - len(scored))
