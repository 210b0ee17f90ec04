"""Scoring a submission against a table of true whales."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.score.bootstrap import Interval, mean_interval
from whichwhale.score.log_loss import log_loss_rows
from whichwhale.score.ranking import NEW_WHALE, macro_accuracy, map_at_5, rank_of_truth, ranked_lists
from whichwhale.score.submission import Submission

PLACES_2016 = ((1, 0.596), (2, 1.076), (3, 1.150), (4, 1.336), (5, 1.469), (10, 2.138))
"""(place, log loss) of the competition's final table."""

CAVEAT = "only comparable on the competition's own test photos"


@dataclass(frozen=True)
class Group:
    """Scores of the photos whose whale has between `low` and `high` training photos (None: no upper end)."""

    low: int
    high: int | None
    photos: int
    log_loss: float
    top_1: float
    top_5: float


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


def read_truth(path: str | Path) -> dict[str, str]:
    """Photo to whale, from a CSV with the columns `Image` and `whaleID` (others are ignored); for example `train.csv`.

    Raises:
        ValueError: missing or unreadable file, missing columns, empty cells, a photo named twice with different whales; by line.
    """
    truth: dict[str, str] = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            absent = {"Image", "whaleID"} - set(reader.fieldnames or ())
            if absent:
                raise ValueError(f"{path}: line 1: no column {' and '.join(sorted(absent))}; needs Image,whaleID")
            for row in reader:
                image, whale = row["Image"], row["whaleID"]
                if not image or not whale:
                    raise ValueError(f"{path}: line {reader.line_num}: empty Image or whaleID")
                if truth.setdefault(image, whale) != whale:
                    raise ValueError(f"{path}: line {reader.line_num}: {image} is {whale}, but {truth[image]} above; keep one")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: can't be read as a CSV: {error}") from error
    if not truth:
        raise ValueError(f"{path}: no rows below the header")
    return truth


def _groups(loss: NDArray[np.float64], rank: NDArray[np.int64], training: NDArray[np.int64]) -> tuple[Group, ...]:
    """Scores by number of training photos; the arguments are [photos]. Empty groups are left out."""
    groups = []
    for low, high in ((0, 0), (1, 1), (2, 4), (5, 9), (10, 19), (20, None)):
        inside = (training >= low) & (training <= (training.max() if high is None else high))
        if inside.any():
            means = (float(values[inside].mean()) for values in (loss, rank < 1, rank < 5))
            groups.append(Group(low, high, int(inside.sum()), *means))
    return tuple(groups)


def evaluate(
    submission: Submission,
    truth: Mapping[str, str],
    *,
    train: Mapping[str, str] | None = None,
    new_whale: float | None = None,
    seed: int = 0,
) -> Evaluation:
    """Score a submission.

    Args:
        submission: probabilities of each photo; rows need not sum to 1.
        truth: photo to whale; each of its photos must be in the submission.
        train: photo to whale of the training photos, for scores by their number.
        new_whale: probability below which a guess comes after `new_whale` in the MAP@5 lists; None: they never name it.
        seed: of the bootstrap interval.

    Raises:
        ValueError: photos of the truth that the submission lacks, no photo whose whale has a column, all-zero rows.
    """
    missing = sorted(truth.keys() - set(submission.image))
    if missing:
        shown = ", ".join(missing[:10])
        raise ValueError(
            f"{len(missing)} photos of the truth are not in the submission: {shown}; predict them or leave them out of the truth"
        )
    # In order of the names, so that the interval doesn't depend on the order of the file's rows.
    scored = sorted((row for row, image in enumerate(submission.image) if image in truth), key=lambda row: submission.image[row])
    whale = [truth[submission.image[row]] for row in scored]
    column_of = {name: column for column, name in enumerate(submission.class_id)}
    column = np.array([column_of.get(name, -1) for name in whale], dtype=np.int64)
    known = column >= 0
    if not known.any():
        columns = f"columns are {submission.class_id[0]!r}, ..."
        raise ValueError(f"no whale of the truth has a column in the submission: the truth names {whale[0]!r}, {columns}")
    everything = submission.p[scored]
    total = everything.sum(axis=1, keepdims=True)
    if not total.all():
        image = submission.image[scored[int(np.argmin(total))]]
        raise ValueError(f"{image}: all probabilities are 0, so the row can't be rescaled to sum 1")
    p, right = everything[known], column[known]
    loss, rank = log_loss_rows(p, right), rank_of_truth(p, right)
    photos_of = Counter((train or {}).values())
    training = np.array([photos_of[submission.class_id[c]] for c in right], dtype=np.int64)
    answers = [name if name in column_of else NEW_WHALE for name in whale]
    return Evaluation(
        photos=len(right),
        whales=len(set(right.tolist())),
        without_column=int((~known).sum()),
        without_truth=len(submission.image) - len(scored),
        log_loss=mean_interval(loss, seed=seed),
        top_1=float((rank < 1).mean()),
        top_3=float((rank < 3).mean()),
        top_5=float((rank < 5).mean()),
        map_at_5=map_at_5(ranked_lists(everything / total, submission.class_id, new_whale=new_whale), answers),
        macro_accuracy=macro_accuracy(p, right),
        by_training_photos=_groups(loss, rank, training) if train else (),
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
