"""Dealing photos out to folds: new ones, and photos that come later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from whichwhale.competition.folds import CALIBRATION, KINDS, FoldsError, Kind, numbers


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


def _aside(photos: dict[str, list[str]], share: float, seed: int) -> set[str]:
    """About that share of the photos of whales with three or more, dealt over the whales as folds are: of each at least two are
    left, so that every fold model knows it."""
    many = {whale: names for whale, names in photos.items() if len(names) > 2}
    rng = np.random.default_rng(np.random.SeedSequence([seed, *b"calibration"]))
    return {name for name, seat in _closed(many, round(1 / share), rng).items() if seat == 0}


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
