"""How a competition lies on the disk: Kaggle's tables, or one folder of photos a class; and reading either."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from whichwhale.competition import class_folders, tables
from whichwhale.competition.problems import CompetitionError, Problem, error, errors
from whichwhale.competition.tables import Competition

Layout = Literal["auto", "tables", "folders"]


def read(root: str | Path, **how: str | float) -> Competition:
    """Read a competition from the folder `root`, as `inspect` is told; photos are not opened (see `check`).

    Raises:
        CompetitionError: a file is missing, or its rows or columns contradict themselves or each other; lists every reason.
    """
    competition, problems = inspect(root, **how)
    if errors(problems):
        raise CompetitionError(errors(problems))
    return competition


def inspect(
    root: str | Path,
    train: str = "train.csv",
    sample_submission: str = "sample_submission.csv",
    images: str = "imgs",
    layout: Layout = "auto",
    test_share: float = 0.2,
    group: str = "",
) -> tuple[Competition, list[Problem]]:
    """As `read`, but return what is usable together with all problems found.

    Args:
        root: the competition's folder.
        train, sample_submission, images: names in it, of tables and of the folder of photos.
        layout: `tables`, `folders`, or `auto`: folders if there is no table and some folder has photos.
        test_share, group: of folders, see `class_folders.inspect`.

    Raises:
        CompetitionError: nothing is usable.
    """
    root = Path(root)
    no_table = not any((root / table).exists() for table in (train, sample_submission))
    if layout == "folders" or (layout == "auto" and no_table and class_folders.are_here(root, images)):
        return class_folders.inspect(root, test_share, group)
    if group:
        advice = f"groups are for folders of classes (data.layout=folders); {train} has no use for the pattern"
        raise CompetitionError([error("unusable pattern", f"data.group={group}", advice)])
    return tables.inspect(root, train, sample_submission, images)
