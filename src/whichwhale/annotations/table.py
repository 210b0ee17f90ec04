"""annotations.csv, contract 1: one row a part found, made by hand or by a run.

Pixels of the upright photo, x right, y down, pixel centres at integers: a whole photo of 4 x 3 pixels is the box
x=-0.5, y=-0.5, width=4, height=3. Point names are the columns' own: any NAME with NAME_x, NAME_y, NAME_v, NAME_sd.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from whichwhale.files import write_text

BOX = ["x", "y", "width", "height"]
BEFORE = ["Image", "item", "part", *BOX, "score"]
AFTER = ["source", "fold", "photo_width", "photo_height", "status"]
SUFFIXES = ["_x", "_y", "_v", "_sd"]
ABSENT, HIDDEN, VISIBLE = 0, 1, 2  # NAME_v, as COCO has it
BY_HAND, MEAN_OF_FOLDS = -1, -2  # fold
LARGEST = 1e9  # px of a photo's side
STATUS = ("ok", "none", "unreadable")
TEXT = {"Image", "item", "part", "source", "status"}


class AnnotationsError(ValueError):
    """Annotations that break contract 1; `problems` lists every reason by line and column, the message the first twenty."""

    def __init__(self, where: str | Path, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        more = [f"... and {len(self.problems) - 20} more"] if len(self.problems) > 20 else []
        super().__init__("\n".join(f"{where}: {problem}" for problem in self.problems[:20] + more))


def columns(points: Iterable[str]) -> list[str]:
    """The columns of a table with these point names, in order."""
    return [*BEFORE, *(name + suffix for name in points for suffix in SUFFIXES), *AFTER]


def point_names(table: pd.DataFrame) -> list[str]:
    """Names of the points that the table has columns for, in order."""
    return [str(name).removesuffix("_x") for name in table.columns if str(name).endswith("_x")]


def build(rows: Iterable[Mapping[str, object]], points: Sequence[str]) -> pd.DataFrame:
    """A table from rows that say only what they know.

    Left out: item is `Image#0`, part `head`, boxes, scores, points, sd and photo sizes empty (NaN, NAME_v 0), source `hand`,
    fold −1, status `ok`. Nothing is checked beyond types; `write` and `validate` do.

    Returns:
        DataFrame with `columns(points)`: text columns str, NAME_v and fold int64, the others float64 with NaN for empty (the
        photo's sizes too, since an unreadable photo has none).
    """
    rows = list(rows)
    defaults: dict[str, object] = {"part": "head", "source": "hand", "fold": BY_HAND, "status": "ok"}
    defaults |= {f"{name}_v": ABSENT for name in points}
    table = {}
    for column in columns(points):
        missing = defaults.get(column, math.nan)
        values = [row.get(column, f"{row['Image']}#0" if column == "item" else missing) for row in rows]
        table[column] = pd.Series(values, dtype=str if column in TEXT else np.int64 if _whole(column) else np.float64)
    unknown = sorted({key for row in rows for key in row} - table.keys())
    if unknown:
        raise ValueError(f"rows have {', '.join(unknown)}: no columns of contract 1 with points {', '.join(points)}")
    return pd.DataFrame(table)


def validate(table: pd.DataFrame) -> list[str]:
    """What breaks contract 1, each by line (the header is line 1) and column; empty if nothing does."""
    problems = _check_columns([str(name) for name in table.columns])
    for column in table.columns.difference(list(TEXT)):
        right = is_integer_dtype if _whole(column) else is_numeric_dtype
        if not right(table[column]):
            problems.append(f"column {column} holds {table[column].dtype}, must hold {'whole ' * _whole(column)}numbers")
    if problems:
        return problems
    return [f"line {row + 2} ({table['item'].iloc[row]}), {why}" for row, why in broken_rows(table)]


def broken_rows(table: pd.DataFrame) -> list[tuple[int, str]]:
    """What breaks contract 1 in a table as `build` makes it: the row, counted from 0, and column and reason."""
    found: list[tuple[int, str]] = []

    def refuse(bad: object, column: str, why: str) -> None:
        rows = np.flatnonzero(np.asarray(bad)).tolist()
        values = table[column].iloc[rows].tolist()
        found.extend((i, f"column {column}: {value!r} {why}") for i, value in zip(rows, values, strict=True))

    image, item, status = table["Image"], table["item"], table["status"]
    points = point_names(table)
    for column in sorted(TEXT):
        refuse(table[column].isna() | (table[column] == ""), column, "is empty; each row needs it")
    prefix = [text.rpartition("#")[0] for text in item]
    k = [text.rpartition("#")[2] for text in item]
    wrong = [a != b or not n.isdecimal() for a, b, n in zip(prefix, image, k, strict=True)]
    refuse(wrong, "item", "must be Image#k, k = 0, 1, …")
    refuse(table.duplicated(["item", "part"]), "item", "has this part already on a line above; number animals #0, #1, …")
    refuse(~status.isin(STATUS), "status", f"must be one of {', '.join(STATUS)}")
    refuse(table["fold"] < MEAN_OF_FOLDS, "fold", "must be -2 (mean of all), -1 (by hand) or a fold")

    box = table[BOX].to_numpy(float)
    has_box = np.isfinite(box).all(axis=1)
    for i, column in enumerate(BOX):
        refuse(~np.isfinite(box[:, i]) & ~np.isnan(box).all(axis=1), column, "must be a number where the row has a box")
    for column in ("width", "height"):
        refuse(table[column] <= 0, column, "must be above 0")
    refuse(np.isinf(table["score"]), "score", "must be a number or empty")
    has_point = np.zeros(len(table), bool)
    for name in points:
        v, sd = table[f"{name}_v"], table[f"{name}_sd"]
        refuse(~v.isin([ABSENT, HIDDEN, VISIBLE]), f"{name}_v", "must be 0 (absent), 1 (hidden) or 2 (visible)")
        refuse((sd < 0) | np.isinf(sd), f"{name}_sd", "must be 0 or more, in pixels, or empty")
        for axis in ("_x", "_y"):
            value = table[name + axis]
            refuse((v > ABSENT) & ~np.isfinite(value), name + axis, f"must be a number, for {name}_v says the point is there")
            refuse((v == ABSENT) & ~value.isna(), name + axis, f"must be empty, for {name}_v says the point is absent")
        has_point |= (v > ABSENT).to_numpy()
    something = has_box | has_point
    refuse((status == "ok") & ~something, "status", "needs a box or a point; a photo with nothing found is none")
    refuse((status != "ok") & something, "status", "can't have a box or a point")
    refuse((status != "ok") & image.duplicated(keep=False), "status", f"must be the only row of its photo, {BEFORE[1]} #0")
    for column in ("photo_width", "photo_height"):
        value = table[column]
        wrong = (value <= 0) | (value > LARGEST) | (value % 1 != 0) & ~value.isna()
        refuse(wrong, column, "must be a whole number of pixels or empty")
        first = value.groupby(image).transform("first")
        refuse((value != first) & ~first.isna(), column, "differs from another row of the same photo")
    return sorted(found, key=lambda one: one[0])


def _refuse_ragged(path: Path) -> None:
    """Raises AnnotationsError for rows of more cells than the header, which pandas would cut off."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        problems = [
            f"line {reader.line_num}: has {len(cells)} cells, the header {len(header)}; quote cells that hold a comma"
            for cells in reader
            if len(cells) > len(header)
        ]
    if problems:
        raise AnnotationsError(path, problems)


def read(path: str | Path) -> pd.DataFrame:
    """Read annotations.csv; types as `build` returns them.

    Raises:
        AnnotationsError: missing file, columns, cells or rows that break contract 1, by line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise AnnotationsError(path, ["the file is missing"])
    with path.open("rb") as stream:
        begins = stream.read(16).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begins and begins in b"{[<":
        what = "XML" if begins == b"<" else "JSON"
        convert = "" if what == "XML" else f"; `python -m whichwhale.annotations convert {path} annotations.csv` makes one of it"
        raise AnnotationsError(path, [f"is {what}, not a table of contract 1{convert}"])
    try:
        _refuse_ragged(path)
        text = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, csv.Error) as error:
        raise AnnotationsError(path, [f"not a CSV table ({str(error).strip()})"]) from None
    problems = _check_columns([str(name) for name in text.columns])
    if problems:
        raise AnnotationsError(path, problems)
    table = {}
    for column in text.columns:
        if column in TEXT:
            table[column] = text[column]
            continue
        values, bad = _numbers(text[column].tolist(), _whole(column))
        why = "is no whole number" if _whole(column) else "is no number"
        problems += [f"line {i + 2} ({text['item'][i]}), column {column}: {text[column][i]!r} {why}" for i in bad]
        table[column] = pd.Series(values, dtype=np.int64 if _whole(column) else np.float64)
    if problems:
        raise AnnotationsError(path, problems)
    result = pd.DataFrame(table)
    problems = validate(result)
    if problems:
        raise AnnotationsError(path, problems)
    return result


def write(path: str | Path, table: pd.DataFrame) -> None:
    """Check the table, then write annotations.csv beside and rename it. Floats read back to the same bits.

    Raises:
        AnnotationsError: the table breaks contract 1; nothing is written.
    """
    problems = validate(table)
    if problems:
        raise AnnotationsError(path, problems)
    write_text(path, text(table))


def text(table: pd.DataFrame) -> str:
    """A table as the content of annotations.csv, unchecked."""
    # sizes are whole but may be empty, which numpy's integers can't be
    out = table[columns(point_names(table))].astype({"photo_width": "Int64", "photo_height": "Int64"})
    return out.to_csv(index=False, lineterminator="\n")


def _whole(column: str) -> bool:
    return column == "fold" or column.endswith("_v")


def _numbers(cells: list[str], whole: bool) -> tuple[list[float], list[int]]:
    """Each cell's number (NaN where empty, if that is allowed), and the positions of cells that are none."""
    values: list[float] = []
    bad = []
    for i, cell in enumerate(cells):
        try:
            values.append(np.int64(int(cell)) if whole else float(cell) if cell else math.nan)
        except (ValueError, OverflowError):
            values.append(0)
            bad.append(i)
    return values, bad


def _check_columns(names: list[str]) -> list[str]:
    """What is wrong with the header."""
    points = [name.removesuffix("_x") for name in names if name.endswith("_x")]
    expected = columns(points)
    problems = [f"column {name} is missing" for name in expected if name not in names]
    advice = "is not of contract 1; a point NAME has NAME_x, NAME_y, NAME_v, NAME_sd"
    problems += [f"column {name} {advice}" for name in names if name not in expected]
    if not problems and len(set(names)) < len(names):
        problems.append("a column appears twice")
    return problems
