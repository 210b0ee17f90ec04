"""folds.csv: which photos each fold model leaves out. One file for all stages (contract 1).

`Image, fold, kind`: fold −1 always trains (whales with one photo), 0 … n−1 is left out by that fold's models, −2 by all of them
(set aside to calibrate on; a fit on all photos still learns from it).
kind `closed`: stratified, each fold model knows every whale; kind `disjoint`: whales are held out whole.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from whichwhale.files import write_text

COLUMNS = ["Image", "fold", "kind"]
KINDS = ("closed", "disjoint")
CALIBRATION = -2
Kind = Literal["closed", "disjoint"]


class FoldsError(ValueError):
    """Folds can't be made as asked, or a folds file contradicts itself or the photos."""


def train_validation(folds: pd.DataFrame, k: int | Literal["all"]) -> tuple[list[str], list[str]]:
    """Photos that fold k's model trains on, and those it leaves out, among them those that every fold's model leaves out, in the
    table's order; k='all' leaves out none.

    Raises:
        FoldsError: there is no fold k.
    """
    images = folds["Image"]
    if k == "all":
        return images.tolist(), []
    left_out = (folds["fold"] == k).to_numpy()
    if not left_out.any() or k < 0:
        raise FoldsError(f"there is no fold {k}; the file has {', '.join(map(str, numbers(folds)))}, and 'all'")
    left_out = left_out | (folds["fold"] == CALIBRATION).to_numpy()
    return images[~left_out].tolist(), images[left_out].tolist()


def without(folds: pd.DataFrame, kept: pd.DataFrame, skipped: pd.DataFrame) -> pd.DataFrame:
    """The folds of the photos `kept`, when those `skipped` are not there; both are tables [Image, whaleID].

    Nothing is dealt anew: each photo keeps its fold, whatever else is skipped. But in closed folds a whale whose remaining photos
    all lie in one fold always trains from now on (−1), so that each fold model knows every whale.

    Raises:
        FoldsError: a fold has no photo left.
    """
    whale = dict(zip(kept["Image"], kept["whaleID"], strict=True))
    left = folds[folds["Image"].isin(list(whale))].reset_index(drop=True)
    whales = left["Image"].map(whale)
    dealt = left["fold"].where(left["fold"] != CALIBRATION)
    several = dealt.groupby(whales).transform("nunique") > 1
    alone = whales.isin(set(skipped["whaleID"])) & ~several & (left["kind"] == "closed") & dealt.notna()
    left.loc[alone, "fold"] = -1
    if gone := sorted(set(numbers(folds)) - set(numbers(left))):
        raise FoldsError(f"fold {gone[0]} has no photo left when {len(skipped)} are skipped; ask for fewer folds, or mend them")
    return left


def repeat_file(path: str | Path, repeat: int) -> Path:
    """Where partition `repeat` of a data set is, whose folds.csv is `path`: folds.csv, folds1.csv, ..."""
    path = Path(path)
    return path.with_name(f"{path.stem}{repeat}{path.suffix}") if repeat else path


def numbers(folds: pd.DataFrame) -> list[int]:
    """The folds to fit, ascending: 0 … n−1."""
    return sorted(int(fold) for fold in set(folds["fold"]) if fold >= 0)


def fingerprint(folds: pd.DataFrame) -> str:
    """Of what is dealt where (hex SHA-256), for run folders to keep."""
    return hashlib.sha256(folds.to_csv(index=False).encode()).hexdigest()


def read(path: str | Path) -> pd.DataFrame:
    """Read folds.csv into a DataFrame [Image, fold (int64), kind], in the file's order.

    Raises:
        FoldsError: missing file, wrong columns, a photo twice, a fold that is no whole number ≥ −2, folds that are not 0 … n−1,
            an unknown kind or two kinds; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FoldsError(f"{path}: the file is missing; make it with `python -m whichwhale.competition folds ROOT --out {path}`")
    seen: dict[str, int] = {}
    values: list[int] = []
    kinds: set[str] = set()
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != COLUMNS:
            raise FoldsError(f"{path}: the columns must be {','.join(COLUMNS)}, not {','.join(header)}")
        for cells in filter(None, reader):
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(COLUMNS):
                raise FoldsError(f"{where}: {len(cells)} cells where the header has {len(COLUMNS)}; is the file cut off?")
            image, fold, kind = cells
            if image in seen:
                raise FoldsError(f"{where}: {image} is on line {seen[image]} too; a photo has one fold")
            if not fold.removeprefix("-").isdecimal() or int(fold) < CALIBRATION:
                raise FoldsError(f"{where}: fold {fold!r} of {image} must be a whole number, −2 or more")
            if kind not in KINDS:
                raise FoldsError(f"{where}: kind {kind!r} of {image} must be one of {', '.join(KINDS)}")
            seen[image] = reader.line_num
            values.append(int(fold))
            kinds.add(kind)
    if len(kinds) > 1:
        raise FoldsError(f"{path}: two kinds in one file ({', '.join(sorted(kinds))}); keep one file a kind")
    used = sorted(set(values) - {-1, CALIBRATION})
    if used != list(range(len(used))) or len(used) < 2:
        raise FoldsError(f"{path}: folds are {used}; they must be 0, 1, … without a gap, two or more")
    return pd.DataFrame({"Image": list(seen), "fold": np.array(values, np.int64), "kind": kinds.pop()})


def write(path: str | Path, folds: pd.DataFrame, replace: bool = False) -> None:
    """Write folds.csv, beside and then renamed. The same folds again change nothing.

    Raises:
        FoldsError: the file exists with other photos or other folds, and `replace` is not set: models already fitted with it
            would silently be scored on photos that they saw.
    """
    path = Path(path)
    if path.exists() and not replace:
        old = dict(zip(*(read(path)[name] for name in ("Image", "fold")), strict=True))
        new = dict(zip(folds["Image"], folds["fold"], strict=True))
        if old == new:
            return
        differ = sorted(old.keys() ^ new.keys())
        what = f"covers other photos ({len(differ)} differ, first {differ[0]})" if differ else "deals the photos out otherwise"
        raise FoldsError(f"{path}: exists and {what}; choose another file, or remove it together with the runs that used it")
    write_text(path, folds[COLUMNS].to_csv(index=False, lineterminator="\n"))
