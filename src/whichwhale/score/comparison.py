"""Is one model better than another on the same photos?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.score.bootstrap import Interval, paired_bootstrap
from whichwhale.score.matching import Matched, match
from whichwhale.score.ranking import map_at_5, ranked_lists
from whichwhale.score.submission import Submission


@dataclass(frozen=True)
class Comparison:
    """Ours minus theirs, over the photos that both answer; log loss and top-1 over those whose whale has a column in both."""

    photos: int
    log_loss: Interval
    top_1: Interval
    map_at_5: Interval
    """over all photos that both answer"""

    @property
    def verdict(self) -> str:
        """Whether the interval of the log loss leaves a doubt: 'better', 'worse' or 'can't be told apart'."""
        return "better" if self.log_loss.high < 0 else "worse" if self.log_loss.low > 0 else "can't be told apart"


def compare(
    ours: Submission, theirs: Submission, truth: Mapping[str, str], *, new_whale: float | None = None, seed: int = 0
) -> Comparison:
    """Paired bootstrap over photos.

    Args:
        truth: photo to whale; photos that either lacks are left out.
        new_whale: as `evaluate`; seed: of the bootstrap intervals.

    Raises:
        ValueError: no photo that both answer, or none whose whale has a column in both.
    """
    both = set(ours.image) & set(theirs.image)
    shared = {image: whale for image, whale in truth.items() if image in both}
    if not shared:
        raise ValueError("no photo of the truth is answered by both")
    one, other = match(ours, shared), match(theirs, shared)
    known = one.known & other.known
    if not known.any():
        raise ValueError("no photo that both answer shows a whale with a column in both")

    def difference(values: Callable[[Matched], NDArray]) -> Interval:
        pair = [_spread(side, values(side))[known] for side in (one, other)]
        return paired_bootstrap(*pair, seed=seed)

    precision = [
        [map_at_5([guesses], [right]) for guesses, right in zip(_lists(side, new_whale), side.answers, strict=True)]
        for side in (one, other)
    ]
    return Comparison(
        int(known.sum()),
        difference(Matched.log_loss),
        difference(lambda side: side.rank() < 1),
        paired_bootstrap(*precision, seed=seed),
    )


def _spread(side: Matched, values: NDArray) -> NDArray[np.float64]:
    """Values of the photos whose whale has a column, on all photos [N]; NaN elsewhere."""
    spread = np.full(len(side.image), np.nan)
    spread[side.known] = values
    return spread


def _lists(side: Matched, new_whale: float | None) -> list[list[str]]:
    return ranked_lists(side.p, side.class_id, new_whale=new_whale)
