"""Out-of-fold and test tables of one model, assembled from the predictions of its fold models.

Everything here is *centred logits*: z = logits minus their mean over the classes that the fit saw. They give the same softmax as
logits or log-softmax (which differ from them by a constant a row), so averaging any of the three over fold models and pooling
any of the three log-linearly comes to the same; but only centred logits have a zero that means something: no evidence. Hence

* a class that a fit never saw (a NaN column, or a class that its file does not name) gets z = 0, the row's mean log-probability.
  Then the class gets at most the average class's share of that row (by AM-GM), exactly the uniform share where the model is
  clueless, whatever the temperature; and in a pool the members that did see the class decide. The row's least logit would
  say instead that the model is as sure of the class's absence as of its surest other one, which it has no grounds for;
* an average over fits takes for each class those that saw it;
* a member without a row for a photo, such as one whose head was not found, contributes nothing to that photo.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.neighbours import scale_of
from whichwhale.blend.pool import TestFrom
from whichwhale.competition import folds as partitions
from whichwhale.competition.folds import CALIBRATION
from whichwhale.files import sha256
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions, read, split_item

Floats = NDArray[np.float64]
IMPORTED = "imported.json"  # in a member that was made of somebody's files (blend/outside.py)
# While rows of fits are averaged, what centring took off them stands behind the classes as one more number, which every fit has.
_Row = tuple[Floats, NDArray[np.bool_]]  # z and level [C + 1], classes that the fit saw [C + 1]
_TestRows = tuple[float, dict[str, Floats], NDArray[np.bool_]]  # weight of the fit, photo -> z and level, classes it saw


class AssembleError(ValueError):
    """Fitted models whose predictions can't be put together; names the folder, the photo and the fix."""


@dataclass(frozen=True)
class Fit:
    """One run folder that took part: its name below the model, fingerprints of its weights and of its predictions.npz."""

    name: str
    weights_sha: str
    predictions_sha: str


@dataclass(frozen=True, eq=False)
class Member:
    """One model's tables. Columns are the competition's class_id; z float64, centred logits (see the module's head).

    images, fold, z         out-of-fold: photo [N] in train.csv's order, the fold model that left it out [N], z [N, C]. With
                            several partitions the fold is that of the first and z the mean over them; a photo that every fold
                            model left out, to calibrate on, has fold -2 and the mean of all of them
    test_images, test_z     test: photo [T], z [T, C]
    always                  labelled photos without an out-of-fold row that the fold models trained on, such as the only photo of
                            a whale
    absent                  labelled photos in none of the fold models' files, such as those whose head was not found
    unseen                  classes that at least one fit that took part never saw
    scale                   what multiplies cosines to the logits, where they are cosines, as neighbours' are; NaN otherwise
    level, test_level       mean logit over the classes that the fit saw, which centring took off [N], [T]
    """

    name: str
    images: list[str]
    fold: NDArray[np.int64]
    z: Floats
    test_images: list[str]
    test_z: Floats
    always: list[str]
    absent: list[str]
    unseen: list[str]
    fits: list[Fit]
    scale: float = np.nan
    level: Floats = field(default_factory=lambda: np.zeros(0))
    test_level: Floats = field(default_factory=lambda: np.zeros(0))


def assemble(folder: str | Path, class_id: Sequence[str], labelled: Sequence[str], test: TestFrom = "both") -> Member:
    """Read `folder`/fold0 .. foldK-1 (and foldall, unless test='folds') and put their rows together.

    Rows are those of the animal that the photo's label means, item "photo#0"; further animals of a photo are left aside.

    Args:
        folder: `<runs>/<dataset>/<model>`.
        class_id: [C] whales in the submission's order.
        labelled: photos of train.csv.
        test: test rows from the mean over the fold models, from the model fitted on all photos, or half from each.

    Raises:
        AssembleError: a fold without predictions, an unknown class, a model without logits, a validation row of a photo that is
            unlabelled, that the same fit trained on, or that another fold model of the same partition left out as well, a
            partition that lacks folds, test photos or views that differ between fits.
        PredictionsError: a damaged file.
    """
    folder = Path(folder)
    if (folder / IMPORTED).is_file() and not (folder / "foldall").exists():
        test = "folds"  # a model from elsewhere has the fits that its maker gave
    known = set(labelled)
    left_out: dict[str, dict[int, _Row]] = {}
    tests: list[_TestRows] = []
    fits: list[Fit] = []
    shown: dict[tuple[str, int], str] = {}  # how views were averaged -> the first fit that did so
    unseen = np.zeros(len(class_id), bool)
    trained: set[str] = set()
    for name, share in shares(_fold_numbers(folder), test).items():
        path = folder / name / "predictions.npz"
        if not path.is_file():
            fix = "; or say test=folds" if name == "foldall" else ""
            raise AssembleError(f"{path}: missing; fit or finish {name} of {folder.name}{fix}")
        predictions = read(path)
        shown.setdefault((predictions.averaging, predictions.views), name)
        if len(shown) > 1 and not (folder / IMPORTED).is_file():
            ((averaging, views), first), _ = shown.items()
            raise AssembleError(
                f"{path}: made otherwise than {first}: {predictions.averaging!r} ({predictions.views} views), not "
                f"{averaging!r} ({views}); run predict.py for {first} and {name} with one config"
            )
        logits = by_name(predictions, class_id, path)
        z, seen = centred(logits)
        fits.append(Fit(name, predictions.weights_sha, sha256(path)))
        unseen |= ~seen
        z, seen = np.c_[z, logits[:, seen].mean(axis=1, dtype=np.float64)], np.append(seen, True)
        for image, row in _left_out(predictions, path).items():
            if name == "foldall":
                raise AssembleError(f"{path}: {image} is a validation row, but this fit claims to have trained on all photos")
            if image not in known:
                raise AssembleError(
                    f"{path}: {image} is a validation row, but the training table does not label it; blend with the tables, or "
                    "the data.test_share, that the model was fitted with"
                )
            left_out.setdefault(image, {})[int(name.removeprefix("fold"))] = z[row], seen
        if name != "foldall":
            trained |= _first_animals(predictions, ROLE_TRAIN).keys()
        if told := sorted(known & _first_animals(predictions, ROLE_TEST).keys()):
            raise AssembleError(
                f"{path}: {told[0]} is a test row, but the training table labels it; blend with the tables, or the "
                "data.test_share, that the model was fitted with"
            )
        if share:
            tests.append((share, {image: z[row] for image, row in _first_animals(predictions, ROLE_TEST).items()}, seen))
    out_of_fold = _one_row_each(left_out, folder)
    images = [image for image in labelled if image in out_of_fold]
    if not images:
        raise AssembleError(f"{folder}: no fold model has a validation row: nothing to fit weights on")
    test_images, test_z = _mean_over_fits(tests, folder)
    own_z = np.stack([out_of_fold[image][1] for image in images])
    return Member(
        name=folder.name,
        images=images,
        fold=np.array([out_of_fold[image][0] for image in images], np.int64),
        z=own_z[:, :-1],
        test_images=test_images,
        test_z=test_z[:, :-1],
        always=[image for image in labelled if image not in out_of_fold and image in trained],
        absent=[image for image in labelled if image not in out_of_fold and image not in trained],
        unseen=[whale for whale, one in zip(class_id, unseen, strict=True) if one],
        fits=fits,
        scale=scale_of(folder),
        level=own_z[:, -1],
        test_level=test_z[:, -1],
    )


def _one_row_each(left_out: Mapping[str, Mapping[int, _Row]], folder: Path) -> dict[str, tuple[int, Floats]]:
    """Photo -> fold and z, of rows by the fold models that left a photo out; see `Member`."""
    if all(len(rows) == 1 for rows in left_out.values()):
        return {image: (fold, z) for image, rows in left_out.items() for fold, (z, _) in rows.items()}
    numbers, file = _fold_numbers(folder), folder.parent / "folds.csv"
    dealt = partitions.read(file) if file.exists() else None
    count = len(numbers) if dealt is None else len(partitions.numbers(dealt))
    aside = set() if dealt is None else set(dealt.loc[dealt["fold"] == CALIBRATION, "Image"])
    if len(numbers) > count and len(numbers) % count:
        raise AssembleError(
            f"{folder}: has {len(numbers)} fold models, which are no whole number of partitions into {count} folds ({file}); "
            f"fit fold{len(numbers)} as well"
        )
    found, repeats = {}, max(1, len(numbers) // count)
    for image, rows in left_out.items():
        by_partition: dict[int, list[int]] = {}
        for fold in rows:
            by_partition.setdefault(fold // count, []).append(fold)
        if twice := [folds for folds in by_partition.values() if len(folds) > 1 and image not in aside]:
            raise AssembleError(
                f"{folder / f'fold{twice[0][1]}' / 'predictions.npz'}: {image} is a validation row in fold{twice[0][0]} as well; "
                "out-of-fold rows come from one partition: fit all folds with the same folds.csv"
            )
        if len(rows) < (len(numbers) if image in aside else repeats):
            continue  # some fold model, or all of some partition, trained on it
        seen = sum(one.astype(np.float64) for _, one in rows.values())
        mean = sum(z for z, _ in rows.values()) / np.where(seen > 0, seen, 1.0)
        found[image] = (CALIBRATION if image in aside else min(rows)), mean
    return found


def centred(logits: NDArray[np.floating]) -> tuple[Floats, NDArray[np.bool_]]:
    """Logits [N, C] with NaN columns -> z [N, C] (row mean over seen classes 0; never-seen classes 0), seen [C]."""
    z = np.array(logits, np.float64)
    seen = np.logical_not(np.isnan(z).any(axis=0))
    z[:, ~seen] = 0
    z[:, seen] -= z.sum(axis=1, keepdims=True) / seen.sum()
    return z, seen


def by_name(predictions: Predictions, class_id: Sequence[str], path: str | Path) -> NDArray[np.float32]:
    """The file's logits with columns in the order of `class_id` [N, C]; NaN where the file does not name the class.

    Raises:
        AssembleError: a class of the file that `class_id` does not know, or no logits at all.
    """
    if not predictions.logits.shape[1]:
        raise AssembleError(f"{path}: has no logits, only an embedding; a pool needs logits")
    place = {whale: column for column, whale in enumerate(class_id)}
    unknown = [whale for whale in predictions.class_id.tolist() if whale not in place]
    if unknown:
        raise AssembleError(f"{path}: class {unknown[0]!r} (and {len(unknown) - 1} more) is no column of the sample submission")
    logits = np.full((len(predictions.item), len(class_id)), np.nan, np.float32)
    logits[:, [place[whale] for whale in predictions.class_id.tolist()]] = predictions.logits
    return logits


def _fold_numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        raise AssembleError(f"{folder}: no such folder; fit the model first, or correct its name among the members")
    found = [re.fullmatch(r"fold(\d+)", path.name) for path in folder.iterdir()]
    numbers = sorted(int(match[1]) for match in found if match)
    if not numbers or numbers != list(range(len(numbers))):
        names = ", ".join(f"fold{k}" for k in numbers) or "no fold"
        raise AssembleError(f"{folder}: has {names}; fold0, fold1, ... without a gap are needed: fit the missing ones")
    return numbers


def _first_animals(predictions: Predictions, role: int) -> dict[str, int]:
    """Photo -> row, of the rows of that role which are the animal that the label means (k = 0)."""
    pairs = ((split_item(item), row) for row, item in enumerate(predictions.item) if predictions.role[row] == role)
    return {image: row for (image, k), row in pairs if k == 0}


def _left_out(predictions: Predictions, path: Path) -> dict[str, int]:
    """Photo -> row of the validation rows; a photo of which any animal was trained on is refused."""
    trained = {split_item(item)[0] for item in predictions.item[predictions.role == ROLE_TRAIN]}
    rows = _first_animals(predictions, ROLE_VALIDATION)
    for image in rows:
        if image in trained:
            raise AssembleError(f"{path}: {image} is a validation row, but another animal of the same photo is a train row")
    return rows


def shares(numbers: Sequence[int], test: TestFrom) -> dict[str, float]:
    """Weight of each fit of a model in the mean for test rows; foldall is not named (nor read) where it would have none."""
    everything = {"folds": 0.0, "all": 1.0, "both": 0.5}[test]
    weights = {f"fold{k}": (1 - everything) / len(numbers) for k in numbers}
    return weights | {"foldall": everything} if everything else weights


def _mean_over_fits(tests: list[_TestRows], folder: Path) -> tuple[list[str], Floats]:
    """Weighted mean of z over the fits; for each class over those that saw it."""
    images = list(tests[0][1])
    for _, rows, _ in tests[1:]:
        differing = sorted(set(images) ^ set(rows))
        if differing:
            raise AssembleError(f"{folder}: {differing[0]} has a test row in some fits only; predict the same photos with each")
    weight = sum((share * seen for share, _, seen in tests), np.zeros(len(tests[0][2])))
    z = np.zeros((len(images), len(weight)))
    for share, rows, _ in tests:
        z += share * np.stack([rows[image] for image in images]) if images else 0.0
    return images, z / np.where(weight > 0, weight, 1.0)
