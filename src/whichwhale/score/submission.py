"""The competition's submission file: one row a test photo, one probability a whale.

`Image,whale_00195,whale_02411,...` then `w_1.jpg,0.0012,...`; gzipped when the path ends in .gz.
"""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whichwhale.files import write_atomically
from whichwhale.score.problems import Problems, SubmissionError

__all__ = ["Submission", "SubmissionError", "read", "validate", "validate_for", "write"]

SUM_TOLERANCE = 1e-3
ROUNDING = 5e-6
"""Largest relative error of `%.6g`, so of a row's sum as well."""


@dataclass(frozen=True)
class Submission:
    """A submission as read: `image` [N], `class_id` [C], `p` float64 [N, C] as written in the file (not rescaled)."""

    image: list[str]
    class_id: list[str]
    p: NDArray[np.float64]


def _check_entries(p: NDArray[np.float64], row_name: Sequence[str], class_id: Sequence[str], problems: Problems) -> None:
    """Add every infinite or negative entry of `p` [N, C]."""
    for kind, bad in (("infinite", np.isinf(p)), ("negative", p < 0)):
        for row, column in np.argwhere(bad):
            problems.add(kind, f"{row_name[int(row)]}, column {class_id[int(column)]}: {p[row, column]:g}")


def _check_photos(images: Sequence[str], row_name: Sequence[str], problems: Problems) -> None:
    """Add every photo that came before."""
    first: dict[str, str] = {}
    for image, name in zip(images, row_name, strict=True):
        if first.setdefault(image, name) != name:
            problems.add("photo more than once", f"{name}, first in {first[image]}")


def _check_sums(p: NDArray[np.float64], row_name: Sequence[str], tolerance: float, problems: Problems) -> None:
    total = p.sum(axis=1)
    # Rows that are not finite are told of by cell already.
    for row in np.flatnonzero(np.isfinite(total) & (np.abs(total - 1) > tolerance)):
        problems.add(f"row sum off 1 by more than {SUM_TOLERANCE:g}", f"{row_name[int(row)]}: sum {total[row]:.6g}")


def write(path: str | Path, images: Sequence[str], class_id: Sequence[str], p: ArrayLike) -> None:
    """Write a submission, whole or not at all. The same table gives the same bytes, gzipped or not.

    Values are written with `%.6g`: relative error at most 5e-6 each, so a row's sum moves by at most 5e-6 of itself.

    Args:
        path: file to write; gzipped if it ends in `.gz`.
        images: [N] photo names.
        class_id: [C] whales, in the order of `sample_submission.csv`.
        p: [N, C] probabilities, rows summing to 1 within 1e-3.

    Raises:
        SubmissionError: shapes differ, names double or not fit for a CSV, NaN, infinite or negative entries, sums off.
    """
    table = np.asarray(p, dtype=np.float64)
    if table.shape != (len(images), len(class_id)) or not table.size:
        raise SubmissionError(f"{path}: p has shape {table.shape}, for {len(images)} photos and {len(class_id)} classes")
    problems = Problems(path)
    for name in (*images, *class_id):
        if not name or name != name.strip() or any(character in name for character in ',"\r\n'):
            problems.add("name that can't stand in the CSV", repr(name))
    problems.add_double("column more than once", ("Image", *class_id))
    names = [f"row {row} ({image})" for row, image in enumerate(images)]
    _check_photos(images, names, problems)
    for row, column in np.argwhere(np.isnan(table)):
        problems.add("not a number", f"{names[int(row)]}, column {class_id[int(column)]}: NaN")
    _check_entries(table, names, class_id, problems)
    # Stricter by the rounding, so that what is written passes validate().
    _check_sums(table, names, SUM_TOLERANCE - 2 * ROUNDING, problems)
    problems.refuse_if_any()

    pattern = ",%.6g" * len(class_id)
    rows = (image + pattern % tuple(row) for image, row in zip(images, table.tolist(), strict=True))
    write_lines(path, [",".join(("Image", *class_id)), *rows])


def write_lines(path: str | Path, lines: Sequence[str]) -> None:
    """Write lines of text, whole or not at all, gzipped if the path ends in `.gz`. The same lines give the same bytes."""
    text = "".join(line + "\n" for line in lines).encode("utf-8")

    def to_stream(stream: BinaryIO) -> None:
        if str(path).endswith(".gz"):
            # Neither time nor file name in the header, so that the bytes depend on the content alone.
            with gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0, compresslevel=6) as packed:
                packed.write(text)
        else:
            stream.write(text)

    write_atomically(path, to_stream)


def content(path: str | Path) -> bytes:
    """What a file says, unpacked if it is gzipped, whatever its name is: downloads lose their .gz.

    Raises:
        SubmissionError: missing or unreadable file.
    """
    try:
        packed = Path(path).read_bytes()
        return gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except FileNotFoundError:
        raise SubmissionError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise SubmissionError(f"{path}: can't be read as a CSV or gzipped CSV: {error}") from error


def csv_lines(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Line number (from 1) and cells of each line that isn't empty, of a plain or gzipped CSV.

    Raises:
        SubmissionError: missing or unreadable file.
    """
    text = content(path)
    try:
        reader = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise SubmissionError(f"{path}: can't be read as a CSV or gzipped CSV: {error}") from error


def _number(text: str) -> float:
    """NaN for what is no number: text, an empty cell, and `1_000`, which Python would take."""
    try:
        return math.nan if "_" in text else float(text)
    except ValueError:
        return math.nan


def _parse(path: str | Path, problems: Problems) -> tuple[Submission, list[str]]:
    """The table, and a name for each of its rows (line and photo). Cells that are no number become NaN and a problem."""
    lines = csv_lines(path)
    _, header = next(lines, (0, []))
    if len(header) < 2 or header[0] != "Image":
        raise SubmissionError(f"{path}: line 1: must be 'Image' and one column a whale, but starts {','.join(header)[:60]!r}")
    class_id, images, names, rows = header[1:], [], [], []
    problems.add_double("column more than once", class_id)
    for line, (image, *cells) in lines:
        name = f"line {line} ({image})"
        try:
            values = list(map(float, cells))
            sound = len(cells) == len(class_id) and not math.isnan(sum(values)) and "_" not in "".join(cells)
        except ValueError:
            sound = False
        if not sound:  # once more, slowly, to say where
            if len(cells) == len(class_id):
                values = [_number(cell) for cell in cells]
                for column, cell, value in zip(class_id, cells, values, strict=True):
                    if math.isnan(value):
                        problems.add("not a number", f"{name}, column {column}: {cell[:40]!r}")
            else:
                values = [math.nan] * len(class_id)
                problems.add("wrong number of cells", f"{name}: {len(cells) + 1}, the header has {len(header)}")
        images.append(image)
        names.append(name)
        rows.append(np.array(values, dtype=np.float64))
    if not rows:
        raise SubmissionError(f"{path}: no rows below the header")
    return Submission(images, class_id, np.stack(rows)), names


def read(path: str | Path) -> Submission:
    """Read a submission, plain or gzipped. Its rows need not sum to 1 (the competition rescales them): see :func:`validate`.

    Raises:
        SubmissionError: missing or broken file; by line and column: double photos or columns, entries that are no finite number
            or negative.
    """
    problems = Problems(path)
    table, names = _parse(path, problems)
    _check_photos(table.image, names, problems)
    _check_entries(table.p, names, table.class_id, problems)
    problems.refuse_if_any()
    return table


def validate(path: str | Path, sample_path: str | Path) -> None:
    """Refuse a submission that the competition would refuse or that is not what it seems.

    Photos may come in another order than in the sample; columns may not.

    Args:
        path: the submission, plain or gzipped.
        sample_path: the competition's `sample_submission.csv`; only its header and photos are looked at.

    Raises:
        SubmissionError: photos missing, unknown or double; columns missing, unknown, double or in another order; entries that
            are no number, NaN, infinite or negative; row sums off 1 by more than 1e-3. By line (the header is 1), photo and
            column, ten of a kind and a count.
    """
    sample = csv_lines(sample_path)
    _, (first, *expected) = next(sample, (0, [""]))
    wanted = {cells[0] for _, cells in sample}
    if first != "Image" or not expected or not wanted:
        raise SubmissionError(f"{sample_path}: not a sample_submission.csv (header 'Image,...' and one row a photo)")
    validate_for(path, wanted, expected)


def validate_for(path: str | Path, images: Collection[str], class_id: Sequence[str]) -> None:
    """As `validate`, where no sample says what is wanted: the photos `images`, each once, and the columns `class_id`, in order.

    Raises:
        SubmissionError: as `validate`.
    """
    wanted, expected = set(images), list(class_id)
    problems = Problems(path)
    table, names = _parse(path, problems)
    for column in sorted(set(expected) - set(table.class_id)):
        problems.add("column missing", repr(column))
    for column in sorted(set(table.class_id) - set(expected)):
        problems.add("column not in the sample", repr(column))
    if sorted(table.class_id) == sorted(expected):
        for place, (ours, theirs) in enumerate(zip(table.class_id, expected, strict=True), start=2):
            if ours != theirs:
                problems.add("column in another order than the sample's", f"column {place}: {ours!r}, the sample has {theirs!r}")
    for image in sorted(wanted - set(table.image)):
        problems.add("photo missing", repr(image))
    for image, name in zip(table.image, names, strict=True):
        if image not in wanted:
            problems.add("photo not in the sample", name)
    _check_photos(table.image, names, problems)
    _check_entries(table.p, names, table.class_id, problems)
    _check_sums(table.p, names, SUM_TOLERANCE, problems)
    problems.refuse_if_any()
