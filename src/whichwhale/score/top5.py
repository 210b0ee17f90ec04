"""The later whale competitions' submission: a row a photo, its five best guesses, best first.

`Image,Id` then `w_1.jpg,whale_48024 new_whale whale_00195 whale_11242 whale_29070`; gzipped when the path ends in .gz.

Source: Kaggle, "Humpback Whale Identification" (2018), Evaluation, Submission File.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whichwhale.score.problems import Problems, SubmissionError
from whichwhale.score.ranking import NEW_WHALE
from whichwhale.score.submission import csv_lines, write_lines

HEADER = ["Image", "Id"]
GUESSES = 5


@dataclass(frozen=True)
class TopFive:
    """As read: `image` [N] and `guesses` [N], five ids each, best first."""

    image: list[str]
    guesses: list[list[str]]


def is_top5(path: str | Path) -> bool:
    """Whether a file begins as this format does. Raises SubmissionError if it can't be read."""
    return next(csv_lines(path), (0, []))[1] == HEADER


def write(path: str | Path, images: Sequence[str], guesses: Sequence[Sequence[str]], class_id: Collection[str]) -> None:
    """Write a submission, whole or not at all. The same guesses give the same bytes, gzipped or not.

    Args:
        path: file to write; gzipped if it ends in `.gz`.
        images: [N] photo names; guesses: [N] lists of five distinct ids of `class_id` or `new_whale`, best first.

    Raises:
        SubmissionError: photos double, names that can't stand in the file, lists that are not five distinct known ids.
    """
    if len(images) != len(guesses) or not images:
        raise SubmissionError(f"{path}: {len(guesses)} lists of guesses for {len(images)} photos")
    problems = Problems(path)
    for name in (*images, *class_id):
        if not name or name != name.strip() or any(character in name for character in ',"\r\n'):
            problems.add("name that can't stand in the CSV", repr(name))
    for name in class_id:
        if " " in name:
            problems.add("id with a blank, which parts ids in this format", repr(name))
    _check(images, guesses, [f"row {row} ({image})" for row, image in enumerate(images)], set(class_id), problems)
    problems.refuse_if_any()
    rows = (f"{image},{' '.join(ids)}" for image, ids in zip(images, guesses, strict=True))
    write_lines(path, [",".join(HEADER), *rows])


def read(path: str | Path, class_id: Collection[str] | None = None) -> TopFive:
    """Read and check a submission, plain or gzipped.

    Args:
        class_id: the whales that may be named beside `new_whale`; None: any.

    Raises:
        SubmissionError: missing or broken file, another header, photos double, rows without five distinct known ids; by line.
    """
    table, names, problems = _parse(path)
    _check(table.image, table.guesses, names, None if class_id is None else set(class_id), problems)
    problems.refuse_if_any()
    return table


def validate(path: str | Path, sample_path: str | Path) -> None:
    """Refuse a submission that the competition would refuse.

    Args:
        sample_path: the sample submission, in this format (its photos count) or with one column a whale (its whales too).

    Raises:
        SubmissionError: as `validate_for`.
    """
    sample = csv_lines(sample_path)
    _, (first, *rest) = next(sample, (0, [""]))
    images = [cells[0] for _, cells in sample]
    if first != "Image" or not rest or not images:
        raise SubmissionError(f"{sample_path}: not a sample submission (header 'Image,...' and one row a photo)")
    validate_for(path, images, None if rest == HEADER[1:] else rest)


def validate_for(path: str | Path, images: Collection[str], class_id: Collection[str] | None) -> None:
    """As `validate`, where no sample says what is wanted: the photos `images`, each once, in any order, and ids of `class_id`.

    Raises:
        SubmissionError: photos missing, unknown or double; rows without five distinct ids, or with unknown ones.
    """
    wanted = set(images)
    table, names, problems = _parse(path)
    for image in sorted(wanted - set(table.image)):
        problems.add("photo missing", repr(image))
    for image, name in zip(table.image, names, strict=True):
        if image not in wanted:
            problems.add("photo not in the sample", name)
    _check(table.image, table.guesses, names, None if class_id is None else set(class_id), problems)
    problems.refuse_if_any()


def _parse(path: str | Path) -> tuple[TopFive, list[str], Problems]:
    """The table, and a name for each of its rows (line and photo)."""
    problems = Problems(path)
    lines: Iterator[tuple[int, list[str]]] = csv_lines(path)
    _, header = next(lines, (0, []))
    if header != HEADER:
        raise SubmissionError(f"{path}: line 1: must be Image,Id, but starts {','.join(header)[:60]!r}")
    images, guesses, names = [], [], []
    for line, cells in lines:
        name = f"line {line} ({cells[0]})"
        if len(cells) != len(HEADER):
            problems.add("wrong number of cells", f"{name}: {len(cells)}, the header has 2")
        images.append(cells[0])
        names.append(name)
        guesses.append((cells[1] if len(cells) > 1 else "").split())
    if not images:
        raise SubmissionError(f"{path}: no rows below the header")
    return TopFive(images, guesses), names, problems


def _check(
    images: Sequence[str], guesses: Sequence[Sequence[str]], names: Sequence[str], known: set[str] | None, problems: Problems
) -> None:
    first: dict[str, str] = {}
    for image, ids, name in zip(images, guesses, names, strict=True):
        if first.setdefault(image, name) != name:
            problems.add("photo more than once", f"{name}, first in {first[image]}")
        if len(ids) != GUESSES:
            problems.add(f"not {GUESSES} ids", f"{name}: {len(ids)}")
        for one in sorted({one for one in ids if list(ids).count(one) > 1}):
            problems.add("id more than once in a row", f"{name}: {one}")
        if known is not None:
            for one in ids:
                if one not in known and one != NEW_WHALE:
                    problems.add("unknown id", f"{name}: {one[:40]!r}")
