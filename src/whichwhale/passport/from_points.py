"""A store cut from photos: each animal is turned, scaled and shifted so that its two points lie at their fixed places.

What lies outside the photo is black. A mirrored border would invent a second head with callosities that the whale does not
have; black says nothing, and `outside` says how much of it there is.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from whichwhale.competition import photos
from whichwhale.competition.photos import PhotoError, decode
from whichwhale.files import sha256
from whichwhale.geometry import Affine, apply, compose, invert, scale_of, scaling, warp
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.points import Animal, animals
from whichwhale.passport.store import MATRIX, SCHEMA, Store, StoreError, find_or_make, write_store

CODE_VERSION = 1  # raise it with any change of code, here or in geometry and decoding, that changes a pixel of a store

Passport = tuple[NDArray[np.uint8] | None, dict]
_Job, _Result = TypeVar("_Job"), TypeVar("_Result")


def store_from_points(
    folder: str | Path,
    table: pd.DataFrame,
    photo_path: Callable[[str], Path],
    config: PassportConfig,
    threads: int | None = None,
    elsewhere: Iterable[Path] = (),
) -> Store:
    """Open the store of all animals in `table` (contract 1), cutting it from the photos if there is none of exactly this input.

    One row an item, photo by photo. status `ok`; `none` (black): the annotations have no points for it; `unreadable` (black): the
    photo is missing or damaged. `threads` (default: one a core, at most 8) changes nothing but the time. A store of exactly this
    input may also lie in a folder `elsewhere`.

    Raises:
        PointsError: the table is empty, or has not the points or the part that `config` names.
        StoreError: points were set on a photo of another size; `folder` holds something else.
    """
    folder = Path(folder)
    herd = animals(table, config)
    paths = {animal.image: photo_path(animal.image) for animal in herd}
    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        progress = tqdm(paths.values(), desc="reading photos", unit="photo", delay=2)
        digests = dict(zip(paths, _in_order(pool, _fingerprint, progress), strict=True))
        key = _key(herd, digests, config)
        view = config.store_view()
        jobs = [list(group) for _, group in groupby(herd, key=lambda animal: animal.image)]

        def make() -> Store:
            done = _in_order(pool, lambda job: cut(paths[job[0].image], job, config), jobs)
            bar = tqdm(done, total=len(jobs), desc="passports", unit="photo", delay=2)
            about = {"key": key, "kind": "points", "plane_to_store": view.matrix(), "size": view.size}
            return write_store(folder, **about, count=len(herd), passports=(one for group in bar for one in group))

        return find_or_make(folder, key, elsewhere, make)


def _key(herd: list[Animal], digests: dict[str, str | None], config: PassportConfig) -> str:
    """Fingerprint of everything that a store's content depends on: points, photo bytes, geometry, code."""
    rows = [[one.item, one.status, np.ravel(one.points).tolist(), repr(one.sd), digests[one.image]] for one in herd]
    # a config that adds keys of its own, such as where the annotations lie, must not change the key
    geometry = config.model_dump(mode="json", include=set(PassportConfig.model_fields))
    return hashlib.sha256(json.dumps([SCHEMA, CODE_VERSION, "points", geometry, rows], sort_keys=True).encode()).hexdigest()


def _fingerprint(path: Path) -> str | None:
    """Of the photo's bytes, since a copied or restored file may keep size and time; None if it can't be opened."""
    try:
        return sha256(path)
    except OSError:
        return None


def cut(path: Path, herd: list[Animal], config: PassportConfig) -> list[Passport]:
    """The passports of all animals of one photo, which is decoded once, and no finer than the finest of them needs.

    Each is an image uint8 RGB of `config.store_view()` (None: no points, or the photo is unreadable) and its index row.
    """
    size = config.store_view().size
    matrices = {one.item: config.alignment(one.points) for one in herd if one.points is not None}
    empty = dict.fromkeys([*MATRIX, "sampling", "sd", "outside"], math.nan)
    if not matrices:
        return [(None, {"item": one.item, "status": one.status} | empty) for one in herd]
    try:
        whole = photos.size(path)
        longest = _longest(whole, max(scale_of(matrix) for matrix in matrices.values()))
        _refuse_other_size(path, herd, whole)
        image = decode(path, longest)
    except PhotoError:
        return [(None, {"item": one.item, "status": "unreadable"} | empty) for one in herd]
    factor = photos.reduction(whole, longest)
    to_whole = scaling(factor, factor, (-0.5, -0.5))  # pixel centres of the reduced photo, in the whole one
    passports: list[Passport] = []
    for one in herd:
        if one.points is None:
            passports.append((None, {"item": one.item, "status": one.status} | empty))
            continue
        matrix = matrices[one.item]
        passport = warp(image, compose(to_whole, matrix), size, border=cv2.BORDER_CONSTANT)
        row = {"item": one.item, **dict(zip(MATRIX, matrix.ravel().tolist(), strict=True)), "status": "ok"}
        row |= {"sampling": scale_of(matrix), "sd": one.sd, "outside": _share_outside(matrix, size, whole)}
        passports.append((passport, row))
    return passports


def _longest(whole: tuple[int, int], sampling: float) -> int:
    """Longest side to decode a photo to, so that it is not coarser than a store with `sampling` (store px per photo px)."""
    factor = next((s for s in photos.REDUCTIONS if s * sampling <= 1), 1)
    return -(-max(whole) // factor)


def _refuse_other_size(path: Path, herd: list[Animal], whole: tuple[int, int]) -> None:
    for one in herd:
        if one.photo_size is not None and one.photo_size != whole:
            was, now = (f"{width} x {height}" for width, height in (one.photo_size, whole))
            raise StoreError(
                f"{path}: has {now} pixels upright, but the points of {one.item} were set on {was}; "
                "use that photo, or annotate this one"
            )


def _share_outside(matrix: Affine, size: tuple[int, int], whole: tuple[int, int]) -> float:
    """Share of the store's pixels whose centres lie outside the photo of `whole` (width, height) pixels."""
    back = invert(matrix)
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    inside = apply(back, np.stack([x, y], -1))
    return float(1 - ((inside >= -0.5) & (inside <= np.array(whole) - 0.5)).all(-1).mean())


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[_Job], _Result], jobs: Iterable[_Job], ahead: int = 32
) -> Iterator[_Result]:
    """Results in the order of the jobs, at most `ahead` of them waiting: `pool.map` would hold every passport in memory."""
    waiting: deque[Future[_Result]] = deque()
    for job in jobs:
        waiting.append(pool.submit(work, job))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
