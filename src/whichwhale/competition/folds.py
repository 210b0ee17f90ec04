"""folds.csv: which photos each fold model leaves out. One file for all stages (contract 1).

`Image, fold, kind`: fold −1 always trains (whales with one photo), 0 … n−1 is left out by that fold's models, −2 by all of them
(set aside to calibrate on; a fit on all photos still learns from it).
kind `closed`: stratified, each fold model knows every whale; kind `disjoint`: whales are held out whole.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
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


def make(
    images: Sequence[str],
    whales: Sequence[str],
    folds: int = 3,
    seed: int = 0,
    kind: Kind = "closed",
    groups: Mapping[str, str] | None = None,
    calibration: float = 0.0,
    repeat: int = 0,
) -> pd.DataFrame:
    """Deal photos out to folds; depends on the set of (image, whale) and the seed, not on their order.

    closed: photos per fold, whales per fold, and photos of one whale per fold each differ by at most one between folds, and no
    fold holds all photos of a whale. disjoint: whales per fold differ by at most one, photos by at most the largest whale's.

    Args:
        images: photo names, each once.
        whales: the whale in each of them.
        folds: number of folds, at least 2.
        seed: for the shuffles.
        kind: 'closed' or 'disjoint'.
        groups: photo to its group, each of one whale (encounters, say): groups are then dealt in place of photos, and all of one
            lie in one fold.
        calibration: share of the photos of whales with three or more, at most a third, that no fold's model sees (closed folds).
        repeat: 1, 2, ... are further partitions, as if the seed were another; the photos set aside stay the same.

    Returns:
        DataFrame [Image, fold (int64), kind], sorted by Image.

    Raises:
        FoldsError: a photo twice, lengths that differ, fewer than 2 folds, or too few photos to fill each fold; calibration
            outside 0 to 1/3, or with disjoint folds.
    """
    if len(images) != len(whales):
        raise FoldsError(f"{len(images)} images but {len(whales)} whales; give one whale for each image")
    twice = [image for image, count in Counter(images).items() if count > 1]
    if twice:
        raise FoldsError(f"{len(twice)} photos appear twice, first {twice[0]}; remove the duplicate rows from the training table")
    if folds < 2:
        raise FoldsError(f"folds={folds}: cross-validation needs at least 2")
    if kind not in KINDS:
        raise FoldsError(f"kind={kind!r}: must be one of {', '.join(KINDS)}")
    if not 0 <= calibration <= 1 / 3 or (calibration and kind == "disjoint"):
        raise FoldsError(f"calibration={calibration:g}: a share from 0 to 1/3 of closed folds; disjoint ones hold whales out")
    if groups:
        whale_of = {groups[image]: whale for image, whale in zip(images, whales, strict=True)}
        units = make(list(whale_of), list(whale_of.values()), folds, seed, kind, None, calibration, repeat)
        dealt_groups = units.set_index("Image")["fold"]
        names = sorted(images)
        return pd.DataFrame({"Image": names, "fold": dealt_groups[[groups[name] for name in names]].to_numpy(), "kind": kind})
    photos: dict[str, list[str]] = {}
    for image, whale in sorted(zip(images, whales, strict=True)):
        photos.setdefault(whale, []).append(image)
    several = {whale: names for whale, names in sorted(photos.items()) if len(names) > 1}
    aside = _aside(several, calibration, seed) if calibration else set()
    several = {whale: [name for name in names if name not in aside] for whale, names in several.items()}
    rng = np.random.default_rng(np.random.SeedSequence([seed, folds, KINDS.index(kind), *([repeat] * bool(repeat))]))
    dealt = _closed(several, folds, rng) if kind == "closed" else _disjoint(several, folds, rng)
    if len(set(dealt.values())) < folds:
        raise FoldsError(
            f"{len(several)} whales with two or more photos ({len(dealt)} photos) can't fill {folds} {kind} folds; ask for fewer"
        )
    dealt |= dict.fromkeys(aside, CALIBRATION)
    names = sorted(images)
    return pd.DataFrame({"Image": names, "fold": np.array([dealt.get(name, -1) for name in names], np.int64), "kind": kind})


def _aside(photos: dict[str, list[str]], share: float, seed: int) -> set[str]:
    """About that share of the photos of whales with three or more, dealt over the whales as folds are: of each at least two are
    left, so that every fold model knows it."""
    many = {whale: names for whale, names in photos.items() if len(names) > 2}
    rng = np.random.default_rng(np.random.SeedSequence([seed, *b"calibration"]))
    return {name for name, seat in _closed(many, round(1 / share), rng).items() if seat == 0}


def extend(
    folds: pd.DataFrame, images: Sequence[str], whales: Sequence[str], groups: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Folds of `images` in which every photo of `folds` that is still there keeps its own, and the others are dealt to them.

    closed: a new photo comes to the fold that has fewest of its whale, then fewest in all. disjoint: to its whale's fold; a new
    whale to the fold with fewest photos. The only photo of a whale always trains, and so do in disjoint folds those that come to
    such a whale later, for it can't be held out whole. A new photo of a group that is there comes to the group.

    Args and Raises as `make`.
    """
    numbered, kind = numbers(folds), folds["kind"].iloc[0]
    old = dict(zip(folds["Image"], folds["fold"].tolist(), strict=True))
    unit_of = {image: (groups or {}).get(image, image) for image in images}
    whale_of = {unit_of[image]: whale for image, whale in zip(images, whales, strict=True)}
    of_whale: dict[str, list[str]] = {}
    for unit, whale in sorted(whale_of.items()):
        of_whale.setdefault(whale, []).append(unit)
    dealt = {unit_of[image]: old[image] for image in images if image in old}
    size = Counter(dealt.values())
    for _, units in sorted(of_whale.items()):
        there = [dealt[unit] for unit in units if unit in dealt]
        for unit in [unit for unit in units if unit not in dealt]:
            if len(units) == 1:
                fold = -1
            elif kind == "disjoint" and there:
                fold = there[0]
            else:
                fold = min(numbered, key=lambda fold, there=there: (there.count(fold), size[fold], fold))
            dealt[unit] = fold
            size[fold] += 1
            there.append(fold)
    names = sorted(images)
    return pd.DataFrame({"Image": names, "fold": np.array([dealt[unit_of[name]] for name in names], np.int64), "kind": kind})


def _closed(photos: dict[str, list[str]], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Deal all photos like cards, whale after whale, without starting over: so two photos of a whale never meet in one fold
    before each fold has one. Whales with fewer photos than folds go first, for then whales per fold are even as well."""
    order = [list(photos)[i] for i in rng.permutation(len(photos))]
    order.sort(key=lambda whale: len(photos[whale]) >= folds)
    cards = [photos[whale][i] for whale in order for i in rng.permutation(len(photos[whale]))]
    seats = rng.permutation(folds)
    return {image: int(seats[turn % folds]) for turn, image in enumerate(cards)}


def _disjoint(photos: dict[str, list[str]], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """From the most photographed whale down, each round gives one whale to each fold, the largest to the so far smallest fold."""
    order = [list(photos)[i] for i in rng.permutation(len(photos))]
    order.sort(key=lambda whale: -len(photos[whale]))
    size = np.zeros(folds, dtype=np.int64)
    dealt = {}
    for start in range(0, len(order), folds):
        smallest_first = np.lexsort((rng.permutation(folds), size))
        for whale, fold in zip(order[start : start + folds], smallest_first, strict=False):
            dealt.update(dict.fromkeys(photos[whale], int(fold)))
            size[fold] += len(photos[whale])
    return dealt


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
