"""A model from elsewhere becomes a member: its rows are dealt into the files that a model of this house would have written.

Nobody outside knows our folds, and need not. What makes a row out-of-fold is that the model that wrote it had not learned from
the photo; in which of the files `fold<k>/predictions.npz` it lies only says with which other rows weights are cross-fitted. So
rows go where folds.csv puts their photos, or, where a data set has no folds.csv, where the file's own column `fold` does.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from whichwhale import predictions
from whichwhale.blend import outside_csv
from whichwhale.blend.assemble import IMPORTED, AssembleError, Member, assemble, by_name
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.outside_csv import Outside
from whichwhale.competition import Competition
from whichwhale.files import sha256, write_json
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions
from whichwhale.score.answers import of_predictions
from whichwhale.score.problems import Problems

LEAST = 1e-15  # the competition's clip


class OutsideError(ValueError):
    """Predictions that can't become a member; the message names the file and the row, or what is missing."""


@dataclass(frozen=True, eq=False)
class Imported:
    """A member that was made, and what there is to say of it, a line each."""

    member: Member
    told: list[str] = field(default_factory=list)


def take_in(files: Sequence[Path], config: EnsembleConfig, name: str, replace: bool = False) -> Imported:
    """Make the member `name` of the data set of `config` from somebody's files; all is written, or nothing.

    Args:
        files: CSVs (see `outside_csv`) and predictions.npz without training rows, which are put together; or one predictions.npz
            a fit, with the photos that it learned from as training rows.
        replace: the member may be there already, if it was made here.

    Raises:
        OutsideError, SubmissionError, PredictionsError, AssembleError: what is wrong, with file, row and column.
    """
    tables, home = config.competition(), config.runs / name
    if not name or name != Path(name).name or name.startswith("."):
        raise OutsideError(f"name {name!r}: must be that of a folder below {config.runs}")
    if home.exists() and not (home / IMPORTED).is_file():
        raise OutsideError(f"{home}: is there and was not made from files; choose another name")
    if home.exists() and not replace:
        raise OutsideError(f"{home}: is there already; choose another name, or say --replace")
    if len(set(files)) < len(files):
        raise OutsideError(f"{next(path for path in files if files.count(path) > 1)}: is named twice; name each file once")
    read = {path: predictions.read(path) for path in files if path.suffix == ".npz"}
    roles = [set(table.role.tolist()) for table in read.values()]
    fits = any(ROLE_TRAIN in each for each in roles) or sum(ROLE_VALIDATION in each for each in roles) > 1
    if fits and len(read) < len(files):
        raise OutsideError(f"{files[0]}: one predictions.npz a fit can't be put together with CSVs; convert one or the other")
    beside = home.with_name(f".{name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        told, how = _write_fits(read, beside, config, tables) if fits else _write_rows(files, read, beside, config, tables)
        about = {"files": [{"name": path.name, "sha256": sha256(path)} for path in files], "folds": how}
        write_json(beside / IMPORTED, about)
        member = _assembled(beside, home, tables)
        write_json(beside / IMPORTED, about | {"out of fold": len(member.images), "test": len(member.test_images)})
        _swap(beside, home)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    told.append(
        f"{len(member.images)} out-of-fold rows, {how}; {len(member.test_images)} of {len(tables.test)} test photos; "
        f"{len(member.unseen)} of {len(tables.class_id)} whales without a column"
    )
    return Imported(member, told)


def _assembled(beside: Path, home: Path, tables: Competition) -> Member:
    """The finished member, read as every blend reads it. Raises OutsideError."""
    try:
        member = assemble(beside, tables.class_id, tables.train["Image"].tolist(), "both")
    except AssembleError as error:
        raise OutsideError(str(error).replace(str(beside), str(home))) from None
    return dataclasses.replace(member, name=home.name)


def _write_rows(
    files: Sequence[Path], read: dict[Path, Predictions], folder: Path, config: EnsembleConfig, tables: Competition
) -> tuple[list[str], str]:
    """Tables of rows, dealt into folds; the test rows, which are means over somebody's fits already, stand in every file."""
    parts = [_of_npz(path, read[path]) if path in read else outside_csv.read(path, tables.class_id) for path in files]
    _check(parts, tables)
    named = parts[0].class_id
    for part in parts[1:]:
        if differing := sorted(set(part.class_id) ^ set(named)):
            raise OutsideError(f"{part.path}: names other whales than {parts[0].path} ({len(differing)}, first {differing[0]})")
    logs, told = zip(*(_log_p(part) for part in parts), strict=True)
    logits = np.concatenate(
        [log[:, [part.class_id.index(whale) for whale in named]] for log, part in zip(logs, parts, strict=True)]
    )
    images, labelled, asked = [image for part in parts for image in part.where], set(tables.train["Image"]), set(tables.test)
    own = {image: fold for part in parts for image, fold in part.fold.items()}
    fold, how, more = _folds([image for image in images if image in labelled], own, config, tables, files[0])
    if skipped := len(images) - sum(image in labelled or image in asked for image in images):
        more.append(f"{skipped} rows left out: their photos are skipped")
    test = [row for row, image in enumerate(images) if image in asked]
    for number in sorted(set(fold.values())):
        rows = [row for row, image in enumerate(images) if fold.get(image) == number]
        role = [ROLE_VALIDATION] * len(rows) + [ROLE_TEST] * len(test)
        items = [f"{images[row]}#0" for row in [*rows, *test]]
        table = Predictions.of(items, role, named, logits[[*rows, *test]], averaging="as somebody else's file says")
        (folder / f"fold{number}").mkdir(parents=True)
        predictions.write(folder / f"fold{number}" / "predictions.npz", table)
    if not test:
        more.append("no test rows: test photos are answered by the other members alone, with weights fitted for these")
    return [line for lines in told for line in lines] + more, how


def _of_npz(path: Path, table: Predictions) -> Outside:
    answers = of_predictions(table, path)
    row = {item: number for number, item in enumerate(table.item.tolist())}
    where = {image: f"row {row[f'{image}#0']} ({image})" for image in answers.image}
    seen = ~np.isnan(table.logits).any(axis=0)
    log_p = log_softmax(table.logits[[row[f"{image}#0"] for image in answers.image]][:, seen].astype(np.float64), axis=1)
    return Outside(path, answers.class_id, where, answers.p, log_p)


def _check(parts: Sequence[Outside], tables: Competition) -> None:
    """Every photo is one of the data set, once, and shows the whale that the file says. Raises SubmissionError."""
    whale_of = dict(zip(tables.train["Image"].tolist(), tables.train["whaleID"].tolist(), strict=True))
    known = whale_of.keys() | set(tables.test) | set(tables.skipped["Image"])
    first: dict[str, str] = {}
    for part in parts:
        problems = Problems(part.path, outside_csv.REFUSAL)
        for whale in sorted(set(part.class_id) - set(tables.class_id)):
            problems.add("no whale of the data set", repr(whale))
        for image, where in part.where.items():
            if image not in known:
                problems.add("photo that is neither labelled nor a test photo", where)
            if first.setdefault(image, f"{part.path}, {where}") != f"{part.path}, {where}":
                problems.add("photo more than once", f"{where}, first in {first[image]}")
            if part.truth.get(image) not in (None, whale_of.get(image)):
                shown = whale_of.get(image, "unknown to the training table")
                problems.add("another whale than in the training table", f"{where}: {part.truth[image]}, which is {shown}")
        problems.refuse_if_any()


def _folds(
    labelled: Sequence[str], own: dict[str, int], config: EnsembleConfig, tables: Competition, path: Path
) -> tuple[dict[str, int], str, list[str]]:
    """The fold of each labelled photo with a row, where it comes from, and what is left out. Raises OutsideError."""
    if not labelled:
        raise OutsideError(
            f"{path}: has no row of a labelled photo, and a member's weight is fitted on out-of-fold rows; give a file of those "
            "too. A submission alone is scored by python -m whichwhale.score"
        )
    dealt, home = config.folds(tables), config.runs / "folds.csv"
    theirs = {image: own[image] for image in labelled if image in own}
    if not dealt:
        if without := [image for image in labelled if image not in theirs]:
            raise OutsideError(
                f"{path}: {without[0]} has no fold ({len(without)} rows), and there is no {home}; add a column `fold`, or "
                f"deal folds: python -m whichwhale.competition folds {config.root} --out {home}"
            )
        numbers = sorted(set(theirs.values()))
        if len(numbers) < 2:
            raise OutsideError(f"{path}: all rows are of fold {numbers[0]}; out-of-fold rows come from two models or more")
        return {image: numbers.index(fold) for image, fold in theirs.items()}, "by the column fold", []
    fold = {image: dealt[image] for image in labelled if image in dealt}
    if not fold:
        raise OutsideError(f"{path}: none of its labelled photos is left out by a fold of {home}")
    there, told = set(fold.values()), []
    if missing := sorted(set(range(max(there))) - there):
        raise OutsideError(f"{path}: has no row of a photo that fold {missing[0]} of {home} leaves out, but of later folds")
    if dropped := len(labelled) - len(fold):
        told.append(f"{dropped} rows left out: their photos always train, so no other model has such rows")
    if short := sum(k in there for k in dealt.values()) - len(fold):
        told.append(f"{short} photos of these folds have no row: as a member's they count with the class prior")
    if pairs := {(fold[image], theirs[image]) for image in fold if image in theirs}:
        same = len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        told.append(f"its own folds are {'those' if same else 'others than those'} of folds.csv")
    return fold, "dealt by folds.csv", told


def _log_p(part: Outside) -> tuple[NDArray[np.float64], list[str]]:
    """log p [N, C] of rescaled rows. A zero has no logarithm: it was rounded off, so it becomes half of the least number that was
    not, within 1e-15 (the competition's clip) and 1e-6 (no file's zero vetoes a whale)."""
    if part.log_p is not None:
        return part.log_p, []
    p = part.p / part.p.sum(axis=1, keepdims=True)
    least = float(np.clip(p[p > 0].min() / 2, LEAST, 1e-6))
    low = int((p < least).sum())
    told = [f"{part.path}: {low} probabilities of zero, or near it, are taken as {least:.3g}"] if low else []
    return np.log(np.maximum(p, least)), told


def _write_fits(
    read: dict[Path, Predictions], folder: Path, config: EnsembleConfig, tables: Competition
) -> tuple[list[str], str]:
    """One predictions.npz a fit, as they are: fold0, fold1, ... and the one without validation rows foldall."""
    left_out = {}
    for path, table in read.items():
        by_name(table, tables.class_id, path)
        images = {predictions.split_item(item)[0] for item in table.item[table.role == ROLE_VALIDATION].tolist()}
        if unknown := sorted(images - set(tables.train["Image"])):
            raise OutsideError(f"{path}: {unknown[0]} is a validation row, but the training table does not label it")
        for other, others in left_out.items():
            if both := sorted(images & others):
                raise OutsideError(
                    f"{path}: {both[0]} is a validation row, but in {other} as well; out-of-fold rows come from one partition"
                )
        left_out[path] = images
    everything = [path for path, images in left_out.items() if not images]
    if len(everything) > 1:
        raise OutsideError(
            f"{everything[1]}: has no validation row, as {everything[0]} has none; one fit may have learned from all"
        )
    parts = [path for path in read if path not in everything]
    dealt = config.folds(tables)
    theirs = [{dealt.get(image) for image in left_out[path]} for path in parts]
    numbers = [next(iter(folds)) for folds in theirs if len(folds) == 1]
    same = sorted(n for n in numbers if n is not None) == list(range(len(parts)))
    names = dict(zip(parts, numbers if same else range(len(parts)), strict=True)) | dict.fromkeys(everything, "all")
    for path, name in names.items():
        (folder / f"fold{name}").mkdir(parents=True)
        predictions.write(folder / f"fold{name}" / "predictions.npz", read[path])
    return [
        f"fold{name}: {path}" for path, name in names.items()
    ], "folds.csv's" if same else "folds of its own, in the files' order"


def _swap(beside: Path, home: Path) -> None:
    """Put a finished folder in place of an older one."""
    old = home.with_name(f".{home.name}.{os.getpid()}.old.part")
    home.parent.mkdir(parents=True, exist_ok=True)
    if home.exists():
        os.replace(home, old)
    os.replace(beside, home)
    shutil.rmtree(old, ignore_errors=True)
