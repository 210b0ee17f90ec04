"""Scoring a submission against a table of true whales."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whichwhale.score.bootstrap import Interval, mean_interval
from whichwhale.score.breakdown import Group, WhaleScore, by_count, by_quarter, by_whale
from whichwhale.score.calibration import Calibration
from whichwhale.score.matching import match
from whichwhale.score.novelty import Novelty, novelty
from whichwhale.score.quality import UNKNOWN, Quality
from whichwhale.score.ranking import macro_accuracy, map_at_5, ranked_lists
from whichwhale.score.submission import Submission, csv_lines

PLACES_2016 = ((1, 0.596), (2, 1.076), (3, 1.150), (4, 1.336), (5, 1.469), (10, 2.138))
"""(place, log loss) of the competition's final table."""

CAVEAT = "only comparable on the competition's own test photos"


@dataclass(frozen=True)
class Evaluation:
    """What a submission is worth. All but `map_at_5` are over the `photos` whose whale has a column."""

    photos: int
    whales: int
    without_column: int
    """photos whose whale has no column: no probability can be right, so they count in `map_at_5` only, as `new_whale`"""
    without_truth: int
    """photos in the submission that the truth doesn't name, left out"""
    log_loss: Interval
    top_1: float
    top_3: float
    top_5: float
    map_at_5: float
    macro_accuracy: float
    by_training_photos: tuple[Group, ...]
    """empty if the training table isn't given"""
    without_answer: int
    """photos of the truth that the submission lacks, left out"""
    novelty: Novelty | None
    """whether strangers are told from whales with a column; None where there is no stranger"""
    by_distance: tuple[Group, ...]
    """by d in pixels of the photo, quarters of those whose quality is known"""
    by_uncertainty: tuple[Group, ...]
    """by the points' standard deviation over d; empty where nobody knows it"""
    without_quality: int
    """photos whose quality was asked for and is not known"""
    by_whale: tuple[WhaleScore, ...]
    """every whale, the worst first"""
    calibration: Calibration | None
    """whether the first guess's probability means what it says; None of fewer than two photos"""


def read_truth(path: str | Path) -> dict[str, str]:
    """Photo to whale, from a CSV with the columns `Image` and `whaleID` (others are ignored), gzipped or not: `train.csv`.

    Raises:
        ValueError: missing or unreadable file, missing columns, empty cells, a photo named twice with different whales; by line.
    """
    truth: dict[str, str] = {}
    lines = csv_lines(path)
    _, header = next(lines, (1, []))
    if absent := {"Image", "whaleID"} - set(header):
        raise ValueError(f"{path}: line 1: no column {' and '.join(sorted(absent))}; needs Image,whaleID")
    columns = header.index("Image"), header.index("whaleID")
    for number, cells in lines:
        image, whale = (cells[column] if column < len(cells) else "" for column in columns)
        if not image or not whale:
            raise ValueError(f"{path}: line {number}: empty Image or whaleID")
        if truth.setdefault(image, whale) != whale:
            raise ValueError(f"{path}: line {number}: {image} is {whale}, but {truth[image]} above; keep one")
    if not truth:
        raise ValueError(f"{path}: no rows below the header")
    return truth


def evaluate(
    submission: Submission,
    truth: Mapping[str, str],
    *,
    train: Mapping[str, str] | None = None,
    quality: Mapping[str, Quality] | None = None,
    new_whale: float | None = None,
    seed: int = 0,
    partial: bool = False,
) -> Evaluation:
    """Score a submission.

    Args:
        submission: probabilities of each photo; rows need not sum to 1.
        truth: photo to whale; each of its photos must be in the submission.
        train: photo to whale of the training photos, for scores by their number.
        quality: of each photo, for scores by it.
        new_whale: probability below which a guess comes after `new_whale` in the MAP@5 lists; None: they never name it.
        seed: of the bootstrap interval.
        partial: photos of the truth that the submission lacks are left out, and counted.

    Raises:
        ValueError: photos of the truth that the submission lacks, no photo whose whale has a column, all-zero rows.
    """
    matched = match(submission, truth, partial)
    known, loss, rank = matched.known, matched.log_loss(), matched.rank()
    whale = [name for name, has in zip(matched.whale, known.tolist(), strict=True) if has]
    photos_of = None if train is None else Counter(train.values())
    training = np.array([(photos_of or {}).get(name, 0) for name in whale], dtype=np.int64)
    shown = [(quality or {}).get(image, UNKNOWN) for image, has in zip(matched.image, known.tolist(), strict=True) if has]
    distance, uncertainty = (np.array([getattr(one, name) for one in shown]) for name in ("distance", "uncertainty"))
    guess = [matched.class_id[column] for column in matched.p[known].argmax(axis=1)]
    lists = ranked_lists(matched.p, matched.class_id, new_whale=new_whale)
    return Evaluation(
        photos=len(whale),
        whales=len(set(whale)),
        without_column=int((~known).sum()),
        without_truth=matched.without_truth,
        log_loss=mean_interval(loss, seed=seed),
        top_1=float((rank < 1).mean()),
        top_3=float((rank < 3).mean()),
        top_5=float((rank < 5).mean()),
        map_at_5=map_at_5(lists, matched.answers),
        macro_accuracy=macro_accuracy(matched.p[known], matched.column[known]),
        by_training_photos=by_count(loss, rank, training) if train else (),
        without_answer=matched.without_answer,
        novelty=None if known.all() else novelty(matched.p, matched.column),
        by_distance=by_quarter(loss, rank, distance),
        by_uncertainty=by_quarter(loss, rank, uncertainty),
        without_quality=int(np.isnan(distance).sum()) if quality is not None else 0,
        by_whale=by_whale(loss, whale, guess, photos_of),
        calibration=Calibration.of(matched.p[known], matched.column[known], seed=seed) if len(whale) > 1 else None,
    )


def place_in_2016(loss: float) -> str:
    """Where a log loss would have ranked in the competition's final table, as far as the known places tell."""
    better = [place for place, theirs in PLACES_2016 if theirs < loss]
    if not better:
        return "1st"
    if len(better) == len(PLACES_2016):
        return "after the 10th"
    first, last = better[-1] + 1, PLACES_2016[len(better)][0]
    return {2: "2nd", 3: "3rd"}.get(first, f"{first}th") if first == last else f"{first}th to {last}th"
