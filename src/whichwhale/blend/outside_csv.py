"""Somebody else's probabilities as a CSV, of labelled photos, of test photos, or of both.

Wide, as a submission is: `Image`, one column a whale. Or long: `Image,whale,p`, a row a photo and whale; what a photo's rows
leave of 1 is shared by the whales that they do not name. Either may have a column `fold` (which part of the labelled photos the
model that made the row had left out); a wide one also `whaleID`, the true whale, which is checked.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.score.problems import Problems
from whichwhale.score.submission import SUM_TOLERANCE, csv_lines

WHALE, P = ("whale", "whaleID", "class_id", "class"), ("p", "probability")
FOLD, TRUTH = "fold", "whaleID"
REFUSAL = "can't be taken in as predictions"


@dataclass(eq=False)
class Outside:
    """Rows of somebody's file.

    where           photo [N] -> where it stands, for messages: `line 3 (w_1.jpg)`
    class_id, p     whales named [C]; p float64 [N, C], rows sum to 1 but for rounding
    log_p           float64 [N, C], where the file has logarithms; None: to be taken of p
    fold            of each photo that has one
    truth           the whale that the file says a photo shows
    """

    path: Path
    class_id: list[str]
    where: dict[str, str] = field(default_factory=dict)
    p: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    log_p: NDArray[np.float64] | None = None
    fold: dict[str, int] = field(default_factory=dict)
    truth: dict[str, str] = field(default_factory=dict)


def read(path: str | Path, whales: list[str]) -> Outside:
    """Read either form.

    Args:
        whales: those that there are; a file may leave some out, but name no other.

    Raises:
        SubmissionError: missing or broken file, unknown or double columns, double photos, cells that are no probability or no
            fold, rows that do not sum to 1 within 1e-3; by line and column, ten of a kind and a count.
    """
    lines = csv_lines(path)
    problems = Problems(path, REFUSAL)
    _, header = next(lines, (0, []))
    if header[:1] != ["Image"]:
        problems.add("header", f"line 1: the first column must be Image, not {','.join(header)[:60]!r}")
    if header == ["Image", "Id"]:
        problems.add("header", "line 1: lists of guesses are no probabilities; python -m whichwhale.score scores them")
    problems.add_double("column more than once", header)
    problems.refuse_if_any()
    rows = list(lines)
    if not rows:
        problems.add("rows", "none below the header")
    for line, cells in rows:
        if len(cells) != len(header):
            problems.add("wrong number of cells", f"line {line} ({cells[0]}): {len(cells)}, the header has {len(header)}")
    problems.refuse_if_any()
    whale, p = (next((name for name in names if name in header), None) for names in (WHALE, P))
    long = whale is not None and p is not None and set(header) <= {"Image", whale, p, FOLD}
    table = _long(path, header, rows, whales, (whale, p), problems) if long else _wide(path, header, rows, whales, problems)
    problems.refuse_if_any()
    places = list(table.where.values())
    for row in np.flatnonzero(np.abs(table.p.sum(axis=1) - 1) > SUM_TOLERANCE):
        problems.add(f"sum off 1 by more than {SUM_TOLERANCE:g}", f"{places[int(row)]}: sum {table.p[row].sum():.6g}")
    problems.refuse_if_any()
    return table


def _wide(path: str | Path, header: list[str], rows: list, whales: list[str], problems: Problems) -> Outside:
    known = set(whales)
    columns = [column for column, name in enumerate(header) if column and name not in (FOLD, TRUTH)]
    for column in columns:
        if header[column] not in known:
            problems.add("no whale of the data set, and none of Image, fold, whaleID", f"column {column + 1}: {header[column]!r}")
    if not columns:
        problems.add("header", "line 1: no column names a whale")
    problems.refuse_if_any()
    table = Outside(Path(path), [header[column] for column in columns])
    table.p = np.empty((len(rows), len(columns)))
    for row, (line, cells) in enumerate(rows):
        where = f"line {line} ({cells[0]})"
        _photo(table, cells[0], where, problems)
        table.p[row] = [_probability(cells[column], f"{where}, column {header[column]}", problems) for column in columns]
        if FOLD in header:
            _fold(table, cells[0], cells[header.index(FOLD)], where, problems)
        if TRUTH in header and cells[header.index(TRUTH)]:
            table.truth[cells[0]] = cells[header.index(TRUTH)]
    return table


def _long(
    path: str | Path, header: list[str], rows: list, whales: list[str], names: tuple[str, str], problems: Problems
) -> Outside:
    table, place = Outside(Path(path), list(whales)), {whale: column for column, whale in enumerate(whales)}
    of_whale, of_p = (header.index(name) for name in names)
    said: dict[str, dict[int, float]] = {}
    for line, cells in rows:
        image, whale, where = cells[0], cells[of_whale], f"line {line} ({cells[0]})"
        if image not in said:
            _photo(table, image, where, problems)
        own = said.setdefault(image, {})
        if whale not in place:
            problems.add("no whale of the data set", f"{where}: {whale[:40]!r}")
        elif place[whale] in own:
            problems.add("whale more than once in a photo", f"{where}: {whale}")
        else:
            own[place[whale]] = _probability(cells[of_p], f"{where}, column {names[1]}", problems)
        if FOLD in header:
            _fold(table, image, cells[header.index(FOLD)], where, problems)
    table.p = np.zeros((len(said), len(whales)))
    for row, image in enumerate(said):
        columns = list(said[image])
        table.p[row, columns] = list(said[image].values())
        rest, others = 1 - table.p[row].sum(), len(whales) - len(columns)
        if others and rest > 0:
            table.p[row, [column for column in range(len(whales)) if column not in said[image]]] = rest / others
    return table


def _photo(table: Outside, image: str, where: str, problems: Problems) -> None:
    if not image:
        problems.add("photo without a name", where)
    if table.where.setdefault(image, where) != where:
        problems.add("photo more than once", f"{where}, first in {table.where[image]}")


def _probability(text: str, where: str, problems: Problems) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1 + SUM_TOLERANCE:
        problems.add("no probability", f"{where}: {text[:40]!r}")
        return math.nan
    return value


def _fold(table: Outside, image: str, text: str, where: str, problems: Problems) -> None:
    """A labelled photo's fold; empty for a test photo."""
    if not text:
        return
    try:
        number = float(text)  # pandas writes 2.0 where a column has empty cells
    except ValueError:
        number = -1.0
    if number < 0 or number != int(number):
        problems.add("no fold (a whole number, 0 or more; empty for test photos)", f"{where}, column {FOLD}: {text[:40]!r}")
    elif table.fold.setdefault(image, int(number)) != number:
        problems.add("photo in two folds", f"{where}: {text} and {table.fold[image]}")
