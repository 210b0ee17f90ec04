"""How a config names a competition and its folds; every room with models has these keys."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
import pydantic

from whichwhale.competition import dealing, folds
from whichwhale.competition.check import read_checked
from whichwhale.competition.folds import FoldsError
from whichwhale.competition.layout import Layout, read
from whichwhale.competition.tables import Competition
from whichwhale.config import Config, input_dir


class DataConfig(Config):
    """A competition's folder, relative to the input folder, and how it lies there: tables and a folder of photos, or one folder
    of photos a class (`layout: folders`; auto finds out)."""

    root: str = "survey"
    train: str = "train.csv"
    sample_submission: str = "sample_submission.csv"
    images: str = "imgs"
    layout: Layout = "auto"
    test_share: float = pydantic.Field(0.2, ge=0, lt=1)  # folders: share of the photos (or groups) that are test photos
    group: str = ""  # folders: pattern in the file names; a class's photos in which it finds the same stay together
    skip_bad: bool = False  # go on without training photos that are missing, truncated or contradictory

    def read(self, home: Path) -> Competition:
        """Read the tables and look at every photo; what decoding finds out is kept in the data set's folder `home` of runs/.

        Raises:
            CompetitionError: whatever is wrong, all of it; with `skip_bad` only what can't be skipped.
        """
        files = self.model_dump(exclude={"root", "skip_bad"})
        return read_checked(input_dir() / self.root, self.skip_bad, progress=True, remember=home / "photos.json", **files)

    def read_tables(self) -> Competition:
        """Read the tables alone. Raises CompetitionError if they contradict themselves or each other."""
        return read(input_dir() / self.root, **self.model_dump(exclude={"root", "skip_bad"}))


class FoldsConfig(Config):
    """How folds.csv is dealt when the data set has none yet; every model of the data set then uses the same file."""

    count: int = pydantic.Field(3, ge=2)
    seed: pydantic.NonNegativeInt = 0
    kind: Literal["closed", "disjoint"] = "closed"

    def open(self, path: str | Path, data: Competition) -> pd.DataFrame:
        """The folds in the file `path`, dealt and written if there is none. One that is there may be the user's own.

        Skipped photos are dealt like the others, so that the file does not change with what is skipped; what is returned has the
        photos of `data.train` alone (see `folds.without`).

        Raises:
            FoldsError: it covers other photos than the training table, or has another number or kind of folds than asked for.
        """
        path, listed = Path(path), pd.concat([data.train, data.skipped])
        if not path.exists():
            photos, whales = list(listed["Image"]), list(listed["whaleID"])
            folds.write(path, self._make(photos, whales, data.groups))
        dealt = folds.read(path)
        covered = set(dealt["Image"])
        if differ := sorted((set(data.train["Image"]) - covered) | (covered - set(listed["Image"]))):
            raise FoldsError(
                f"{path}: covers other photos than {data.root} ({len(differ)} differ, first {differ[0]}); "
                "remove it together with the runs that used it; or, so that no photo moves, deal the new ones to its folds and "
                f"fit anew: python -m whichwhale.competition folds {data.root} --extend --out {path}"
            )
        there = len(folds.numbers(dealt)), dealt["kind"].iloc[0]
        if there != (self.count, self.kind):
            raise FoldsError(
                f"{path}: has {there[0]} {there[1]} folds, the config asks for {self.count} {self.kind} ones; "
                f"say folds.count={there[0]} folds.kind={there[1]}, or remove the file together with the runs that used it"
            )
        aside = int((dealt["fold"] == folds.CALIBRATION).sum())
        if bool(aside) != bool(self._calibration):
            has = f"sets {aside} photos aside to calibrate on" if aside else "sets no photo aside to calibrate on"
            asks = f"calibration={self._calibration:g}" if self._calibration else "none (localizers can't have any)"
            raise FoldsError(f"{path}: {has}, the config asks for {asks}; give it a dataset= of its own, with another folds.csv")
        return folds.without(dealt, data.train, data.skipped)

    @property
    def _calibration(self) -> float:
        return 0.0

    def _make(self, photos: list[str], whales: list[str], groups: dict[str, str], repeat: int = 0) -> pd.DataFrame:
        return dealing.make(photos, whales, self.count, self.seed, self.kind, groups, self._calibration, repeat)


class RepeatedFoldsConfig(FoldsConfig):
    """Folds as identification models may have them, to learn how test rows are to be trusted (benchmarks/test_averaging.py).

    repeat       so many partitions: folds.csv, folds1.csv, folds2.csv, ... Fold r count + k is fold k of partition r, and every
                 labelled photo has `repeat` out-of-fold rows, whose mean is as sure as a mean over fold models is
    calibration  about that share of the photos is seen by no fold's model
    """

    repeat: int = pydantic.Field(1, ge=1)
    calibration: float = pydantic.Field(0.0, ge=0, le=1 / 3)

    @pydantic.model_validator(mode="after")
    def _closed_alone(self) -> RepeatedFoldsConfig:
        if self.calibration and self.kind != "closed":
            raise ValueError(f"calibration={self.calibration:g} is for kind=closed; disjoint folds hold whole whales out anyway")
        return self

    @property
    def _calibration(self) -> float:
        return self.calibration

    def open_repeats(self, path: str | Path, data: Competition) -> list[pd.DataFrame]:
        """The partitions after that of `open`, whose file is `path`; those not there yet are dealt and written beside it.

        Raises FoldsError: one of them covers other photos, sets others aside, or has another number or kind of folds.
        """
        first, listed, found = folds.read(path), pd.concat([data.train, data.skipped]), []
        for repeat in range(1, self.repeat):
            file = folds.repeat_file(path, repeat)
            if not file.exists():
                folds.write(file, self._make(list(listed["Image"]), list(listed["whaleID"]), data.groups, repeat))
            dealt = folds.read(file)
            if _frame(dealt) != _frame(first):
                raise FoldsError(
                    f"{file}: is no other partition of {path}: photos, those set aside, number and kind of folds must be the "
                    "same; remove it together with the runs that used it"
                )
            found.append(folds.without(dealt, data.train, data.skipped))
        return found


def _frame(dealt: pd.DataFrame) -> tuple[set[str], set[str], list[int], str]:
    """What partitions of the same photos have in common: photos, those set aside, folds, kind."""
    aside = dealt.loc[dealt["fold"] == folds.CALIBRATION, "Image"]
    return set(dealt["Image"]), set(aside), folds.numbers(dealt), dealt["kind"].iloc[0]
