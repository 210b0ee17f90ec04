"""Reading a competition: its tables and photos, checks before training, folds."""

from whichwhale.competition import folds
from whichwhale.competition.check import check, read_checked, skip_bad
from whichwhale.competition.layout import read
from whichwhale.competition.photos import PhotoError, decode, size
from whichwhale.competition.problems import CompetitionError, Problem
from whichwhale.competition.tables import Competition

__all__ = [
    "Competition",
    "CompetitionError",
    "PhotoError",
    "Problem",
    "check",
    "decode",
    "folds",
    "read",
    "read_checked",
    "size",
    "skip_bad",
]
