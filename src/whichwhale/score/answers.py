"""Whatever holds somebody's answers, read as one table: a submission's CSV, or a predictions.npz (contract 3)."""

from pathlib import Path

import numpy as np
from scipy.special import softmax

from whichwhale import predictions
from whichwhale.predictions import ROLE_NAMES, ROLE_TRAIN, Predictions, split_item
from whichwhale.score import submission
from whichwhale.score.submission import Submission


def read_answers(path: str | Path) -> Submission:
    """Probabilities of a file, by its ending: `.npz` is a predictions.npz, anything else a submission, plain or gzipped.

    Raises:
        ValueError: as `submission.read` and `predictions.read`, or as `of_predictions`.
    """
    if str(path).endswith(".npz"):
        return of_predictions(predictions.read(path), path)
    return submission.read(path)


def of_predictions(table: Predictions, path: str | Path) -> Submission:
    """The rows that a fit did not learn from, as probabilities: softmax of the logits, of the animal that the label means (`#0`).

    Whales that the fit never saw have no column: it can't name them.

    Args:
        path: of the table, for messages.

    Raises:
        ValueError: no logits, no such row, or a photo that is both a validation and a test row.
    """
    if not table.logits.shape[1]:
        raise ValueError(
            f"{path}: has no logits, only an embedding; ensemble.py makes logits of it: "
            "name MODEL_neighbours among the members, and score that"
        )
    rows: dict[str, int] = {}
    for row, (item, role) in enumerate(zip(table.item.tolist(), table.role.tolist(), strict=True)):
        image, k = split_item(item)
        if k or role == ROLE_TRAIN:
            continue
        if image in rows:
            before = ROLE_NAMES[table.role[rows[image]]]
            raise ValueError(f"{path}: row {row}: {image} is {ROLE_NAMES[role]} here and {before} in row {rows[image]}; keep one")
        rows[image] = row
    if not rows:
        raise ValueError(f"{path}: has training rows only; a model can't be judged by what it learned from")
    seen = ~np.isnan(table.logits).any(axis=0)
    logits = table.logits[list(rows.values())][:, seen].astype(np.float64)
    return Submission(list(rows), table.class_id[seen].tolist(), softmax(logits, axis=1))
