"""predictions.npz: what one fitted model (config x fold x seed) says about every photo.

The seam between models and blending, and the door through which a model from any other repository joins: whoever writes
this file takes part. Everything is plain arrays; the file is read with ``allow_pickle=False``, so opening a stranger's is safe.

    predictions = Predictions.of(["w_1.jpg#0", "w_2.jpg#0"], [ROLE_VALIDATION, ROLE_TEST], class_id, logits, views=2)
    write("runs/right_whale_heads/lite0_160/fold0/predictions.npz", predictions)
"""

import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from whichwhale.files import write_atomically

SCHEMA = 1
ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST = 0, 1, 2
ROLE_NAMES = ("train", "validation", "test")
UNIT_LENGTH_TOLERANCE = 1e-3  # float32 normalised under autocast is off by some 1e-4; an unnormalised one by far more
_ITEM = re.compile(r".+#\d+")
# name -> (dtype, dimensions); "U" is unicode of any fixed width
_ARRAYS = {"item": ("U", 1), "role": ("uint8", 1), "class_id": ("U", 1), "logits": ("float32", 2), "embedding": ("float32", 2)}
_Refuse = Callable[[str, str], NoReturn]


class PredictionsError(ValueError):
    """A predictions table that breaks the contract; the message names file, field and row."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Rows of one fitted model. N rows, C classes, D embedding dimensions.

    item         unicode [N]: f"{image}#{k}", k = 0 the animal that the photo's label means
    role         uint8 [N]: ROLE_TRAIN (the fit learned from this photo), ROLE_VALIDATION (it did not), ROLE_TEST (no label)
    class_id     unicode [C]: whale names in the order of the submission's columns
    logits       float32 [N, C], scaled and margin-free, mirror classes folded back to whales; a column that is NaN
                 throughout is a class that this fit never saw; [N, 0] for a model without softmax
    embedding    float32 [N, D], unit length; one space a file, never compared across files; [N, 0] for none
    views        how many test-time views were averaged into each row (1: the plain photo)
    averaging    in which space they were averaged, in words ("none", "logits", "log_softmax", ...)
    weights_sha  fingerprint of the weights that made the rows ("" if unknown)
    pictures     fingerprint of the pictures that they saw ("" if unknown; may be left out of the file)
    """

    item: np.ndarray
    role: np.ndarray
    class_id: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray
    views: int = 1
    averaging: str = "none"
    weights_sha: str = ""
    pictures: str = ""

    @classmethod
    def of(
        cls,
        item: list[str] | np.ndarray,
        role: list[int] | np.ndarray,
        class_id: list[str] | np.ndarray,
        logits: np.ndarray | None = None,
        embedding: np.ndarray | None = None,
        *,
        views: int = 1,
        averaging: str = "none",
        weights_sha: str = "",
        pictures: str = "",
    ) -> "Predictions":
        """From lists and float arrays of any width: casts to the contract's types; None means no columns."""
        none = np.zeros((len(item), 0), np.float32)
        return cls(
            np.asarray(item, dtype=np.str_),
            np.asarray(role, dtype=np.uint8),
            np.asarray(class_id, dtype=np.str_),
            none if logits is None else np.asarray(logits, dtype=np.float32),
            none if embedding is None else np.asarray(embedding, dtype=np.float32),
            views,
            averaging,
            weights_sha,
            pictures,
        )


def split_item(item: str) -> tuple[str, int]:
    """'w_1.jpg#0' -> ('w_1.jpg', 0)."""
    image, _, k = str(item).rpartition("#")
    return image, int(k)


def write(path: str | Path, predictions: Predictions) -> None:
    """Validate, then write the file whole or not at all; equal predictions give equal bytes.

    Raises:
        PredictionsError: the table breaks the contract; nothing is written.
    """
    _validate(predictions, str(path))
    arrays = {name: getattr(predictions, name) for name in (*_ARRAYS, "views", "averaging", "weights_sha")}
    arrays |= {"pictures": predictions.pictures} if predictions.pictures else {}

    def save(file: BinaryIO) -> None:
        # numpy stamps every member 1980-01-01, hence equal bytes for equal content
        np.savez_compressed(file, schema=np.int64(SCHEMA), **arrays)

    write_atomically(Path(path), save)


def read(path: str | Path) -> Predictions:
    """Read and validate; never unpickles.

    Raises:
        PredictionsError: missing or damaged file, another schema, missing field, or a broken contract.
    """
    path = Path(path)
    if not path.is_file():
        raise PredictionsError(f"{path}: no such file; fit the model first, or correct the name")
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            raise PredictionsError(f"{path}: a single array, not an .npz of named arrays")
        with opened as file:
            missing = [name for name in ("schema", *_ARRAYS, "views", "averaging", "weights_sha") if name not in file]
            if missing:
                raise PredictionsError(f"{path}: field {', '.join(missing)} missing; it has {', '.join(file.files) or 'none'}")
            schema = file["schema"]
            if schema.shape != () or schema.dtype.kind not in "iu" or int(schema) != SCHEMA:
                raise PredictionsError(f"{path}: field schema: {schema}, but this code reads {SCHEMA}; write the file anew")
            fields: dict[str, Any] = {name: file[name] for name in _ARRAYS}
            for name in ("views", "averaging", "weights_sha", *({"pictures"} & set(file.files))):
                value = file[name]
                if value.shape != () or value.dtype.kind not in ("iu" if name == "views" else "U"):
                    raise PredictionsError(f"{path}: field {name}: one {'integer' if name == 'views' else 'string'} expected")
                fields[name] = value.item()
    except PredictionsError:
        raise
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise PredictionsError(f"{path}: not a readable predictions.npz ({error}); copy or write it anew") from error
    predictions = Predictions(**fields)
    _validate(predictions, str(path))
    return predictions


def _validate(predictions: Predictions, path: str) -> None:
    """Every promise of the class docstring, cheapest first."""

    def refuse(field: str, what: str) -> NoReturn:
        raise PredictionsError(f"{path}: field {field}: {what}")

    p = predictions
    for name, (kind, dimensions) in _ARRAYS.items():
        array = getattr(p, name)
        if not isinstance(array, np.ndarray) or array.ndim != dimensions:
            refuse(name, f"an array of {dimensions} dimension(s) expected, got {getattr(array, 'shape', type(array).__name__)}")
        if array.dtype.kind != "U" if kind == "U" else array.dtype != kind:
            refuse(name, f"type {'unicode' if kind == 'U' else kind} expected, got {array.dtype}")
    if isinstance(p.views, bool) or not isinstance(p.views, (int, np.integer)) or p.views < 1:
        refuse("views", f"a whole number >= 1 expected, got {p.views!r}")
    for name in ("averaging", "weights_sha", "pictures"):
        if not isinstance(getattr(p, name), str):
            refuse(name, f"a string expected, got {getattr(p, name)!r}")
    rows, classes = len(p.item), len(p.class_id)
    if rows == 0:
        refuse("item", "no rows")
    for name in ("role", "logits", "embedding"):
        if len(getattr(p, name)) != rows:
            refuse(name, f"{len(getattr(p, name))} rows, but item has {rows}")
    if p.logits.shape[1] not in (0, classes):
        refuse("logits", f"{p.logits.shape[1]} columns, but class_id names {classes} classes (0 columns mean: no softmax)")
    if p.logits.shape[1] == 0 and p.embedding.shape[1] == 0:
        refuse("logits", "neither logits nor embedding has a column: the file says nothing")
    _validate_names(p, refuse)
    _validate_numbers(p, refuse)


def _validate_names(p: Predictions, refuse: _Refuse) -> None:
    names, first, counts = np.unique(p.class_id, return_index=True, return_counts=True)
    if (counts > 1).any():
        refuse("class_id", f"{str(names[counts > 1][0])!r} appears {counts[counts > 1][0]} times")
    if "" in names:
        refuse("class_id", f"column {first[names == ''][0]} has an empty name")
    for row, item in enumerate(p.item):
        if not _ITEM.fullmatch(item):
            refuse("item", f"row {row}: {str(item)!r} is not of the form photo#k, such as 'w_1.jpg#0'")
    if (p.role > ROLE_TEST).any():
        row = int(np.argmax(p.role > ROLE_TEST))
        refuse("role", f"row {row} ({p.item[row]}): {p.role[row]} is none of 0 train, 1 validation, 2 test")
    seen: dict[tuple[str, int], int] = {}
    for row, key in enumerate(zip(p.item.tolist(), p.role.tolist(), strict=True)):
        if key in seen:
            refuse("item", f"row {row}: {key[0]} is already in row {seen[key]} with the same role {ROLE_NAMES[key[1]]}")
        seen[key] = row
    for (item, role), row in seen.items():
        if role == ROLE_VALIDATION and (item, ROLE_TRAIN) in seen:
            refuse("item", f"row {row}: {item} is validation here, yet train in row {seen[item, ROLE_TRAIN]}")


def _validate_numbers(p: Predictions, refuse: _Refuse) -> None:
    if p.logits.shape[1]:
        nan = np.isnan(p.logits)
        never_seen = nan.all(axis=0)
        if never_seen.all():
            refuse("logits", "every column is NaN")
        bad = (nan & ~never_seen) | np.isinf(p.logits)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            refuse(
                "logits",
                f"row {row} ({p.item[row]}), class {p.class_id[column]}: {p.logits[row, column]}; "
                "only a class that the fit never saw may be NaN, and then in every row",
            )
    if p.embedding.shape[1]:
        length = np.linalg.norm(p.embedding.astype(np.float64), axis=1)
        bad_rows = ~(np.abs(length - 1) <= UNIT_LENGTH_TOLERANCE)  # NaN compares false, hence the negation
        if bad_rows.any():
            row = int(np.argmax(bad_rows))
            refuse("embedding", f"row {row} ({p.item[row]}): length {length[row]:.6g}, expected 1 within {UNIT_LENGTH_TOLERANCE}")
