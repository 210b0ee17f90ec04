"""The catalogue's table: a row a photo.

`key` (of its vector), `photo` (a name, unique), `animal`, `status` (approved, or a word of the user's own) stand in every
catalogue. Optional: `date` (YYYY, YYYY-MM or YYYY-MM-DD), `encounter` (photos of one meeting; calibration leaves them out
together, and no measurement compares two of one animal), `was` (the name it came with, where `merge` or `split` gave its
animal another one), `learned` (yes | no: whether the model learned from the photo), `path` (of the photo, for pictures),
`photo_sha`, and whatever other columns came along, such as place and side. All but `key` are text; empty where nothing is known.
"""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.score.ranking import NEW_WHALE

KEY = "key"
WAS = "was"
ALWAYS = ["photo", "animal", "status"]
APPROVED = "approved"
ALIASES = {"Image": "photo", "image": "photo", "whaleID": "animal", "Id": "animal", "individual_id": "animal"}
DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


def is_date(text: str) -> bool:
    """Whether it is a year, a month or a day that there is, as YYYY, YYYY-MM or YYYY-MM-DD."""
    if not DATE.fullmatch(text):
        return False
    try:
        return len(text) < 10 or bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False


def plain(texts: pd.Series) -> pd.Series:
    """Texts without blanks about them, each character in one form (Unicode's NFC): folders of some systems take letters with
    accents apart, and a name would be two."""
    return texts.str.strip().str.normalize("NFC")


def places(names: pd.Series, photos: pd.Index, others: pd.Index | None = None) -> NDArray[np.int64]:
    """The place of each name among `photos` [N], -1 where there is none: of the photo that is called so, or of the only other one
    whose file is, if it lies in a folder and the name says none, nor is the name of one of `others`."""
    found = photos.get_indexer(pd.Index(names)).astype(np.int64)
    if (found >= 0).all() or not len(photos):
        return found
    files = pd.Index(photos.str.rpartition("/").get_level_values(2))
    lone = ~files.duplicated(keep=False)
    lone[found[found >= 0]] = False
    only = pd.Series(np.flatnonzero(lone), index=files[lone], dtype="int64")
    rest = found < 0
    if others is not None:
        rest &= others.get_indexer(pd.Index(names)) < 0
    found[rest] = only.reindex(names[rest]).fillna(-1).to_numpy().astype(np.int64)
    return found


def to_csv(table: pd.DataFrame) -> bytes:
    """Without columns that are empty throughout, except those that stand in every catalogue."""
    kept = [name for name in table.columns if name in (KEY, *ALWAYS) or (table[name] != "").any()]
    return table[kept].to_csv(index=False, lineterminator="\n").encode("utf-8")


def read(path: Path, sha: str | None = None) -> pd.DataFrame:
    """A table that `to_csv` wrote; raises CatalogueError if it is damaged, FileNotFoundError if it is gone.

    Args:
        sha: SHA-256 of the file as it was written: half a table would pass for a smaller catalogue.
    """
    try:
        content = path.read_bytes()
        if sha is not None and hashlib.sha256(content).hexdigest() != sha:
            raise CatalogueError(
                f"{path}: not as it was written: cut off, or changed by hand (`set`, `merge` and `split` change it); copy the "
                "catalogue anew from where it is whole"
            )
        table = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8")
        table[KEY] = table[KEY].astype("int64")
    except (FileNotFoundError, CatalogueError):
        raise
    except (OSError, ValueError, KeyError) as error:
        raise CatalogueError(f"{path}: not readable ({error}); copy the catalogue anew from where it is whole") from None
    if missing := [name for name in ALWAYS if name not in table.columns]:
        raise CatalogueError(f"{path}: has no column {missing[0]}; copy the catalogue anew from where it is whole")
    return table


def read_labels(path: str | Path) -> pd.DataFrame:
    """A user's table, one row a photo: `photo` (or `Image`), and any of `animal` (or `whaleID`, `Id`), status, date, place, …

    Raises:
        CatalogueError: not a CSV, no column of photos, a photo twice, an empty name, a date that is none; names line and fix.
    """
    path = Path(path)
    try:
        table = _cells(path)
    except FileNotFoundError:
        raise CatalogueError(f"{path}: no such table; correct the name") from None
    except CatalogueError:
        raise
    except UnicodeDecodeError:
        raise CatalogueError(f"{path}: its letters are not UTF-8; save it as `CSV UTF-8`, as spreadsheets call it") from None
    except (OSError, ValueError, csv.Error) as error:
        raise CatalogueError(f"{path}: not a readable CSV ({error})") from None
    table = table.rename(
        columns={name: new for name, new in ALIASES.items() if name in table.columns and new not in table.columns}
    )
    if "photo" not in table.columns:
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if any(separator in column for column in table.columns):
                raise CatalogueError(f"{path}: its columns are parted by {name}; save it with commas")
        raise CatalogueError(f"{path}: has no column photo (or Image); its columns are {listed(list(table.columns))}")
    if KEY in table.columns:
        raise CatalogueError(f"{path}: its column {KEY!r} would be mistaken for the catalogue's own; give it another name")
    for name in table.columns:
        table[name] = plain(table[name])
    if (table["photo"] == "").any():
        raise CatalogueError(f"{path}: line {int((table['photo'] == '').to_numpy().argmax()) + 2}: no photo's name")
    if (double := table["photo"].duplicated()).any():
        line = int(double.to_numpy().argmax())
        raise CatalogueError(f"{path}: line {line + 2}: {table['photo'].iloc[line]} has a row already; keep one of them")
    if "animal" in table.columns:  # strangers, as the answers of a competition call them: nobody says who they are
        table["animal"] = table["animal"].where(table["animal"] != NEW_WHALE, "")
    check(table, str(path), first_line=2)
    return table


def _cells(path: Path) -> pd.DataFrame:
    """A CSV's cells, texts; blanks about column names count for nothing, nor do empty cells behind the last column."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        header = [name.strip() for name in next(reader, [])]
        while header and not header[-1]:
            header.pop()
        if double := sorted({name for name in header if header.count(name) > 1}):
            raise CatalogueError(f"{path}: line 1: column {double[0]!r} more than once; keep one of them")
        rows = []
        for cells in reader:
            if not cells:
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                more = f"{len(cells)} cells, but the header has {len(header)}"
                raise CatalogueError(f"{path}: line {reader.line_num}: {more}; quote cells that hold a comma")
            rows.append([*cells, *[""] * (len(header) - len(cells))][: len(header)])
    return pd.DataFrame(rows, columns=header, dtype="str")


def meetings(table: pd.DataFrame) -> NDArray[np.int64] | None:
    """A number an encounter [N], photos without one each their own; None if the table has no such column."""
    if "encounter" not in table or (table["encounter"] == "").all():
        return None
    numbers, _ = pd.factorize(table["encounter"])
    lone = (table["encounter"] == "").to_numpy()
    return np.where(lone, -1 - np.arange(len(table)), numbers).astype(np.int64)


def check(table: pd.DataFrame, where: str, first_line: int = 0) -> None:
    """Raises CatalogueError for names and texts that can't stand in the table, and for dates that are none."""
    check_texts(table, where, first_line)
    if "animal" in table.columns and (stranger := table["animal"] == NEW_WHALE).any():
        photo = table["photo"].iloc[int(stranger.to_numpy().argmax())]
        raise CatalogueError(f"{where}: {photo}: {NEW_WHALE} is what nobody's animal is called; give it a name, or none")
    for name in ("photo", "animal"):
        if name not in table.columns:
            continue
        bad = table[name].str.contains("[\r\n]", regex=True) | (table[name] != table[name].str.strip())
        if bad.any():
            row = int(bad.to_numpy().argmax())
            raise CatalogueError(
                f"{where}: row {row + first_line}: {name} {table[name].iloc[row]!r} has blanks or breaks about it"
            )
    if "date" in table.columns:
        dates = {one: not one or is_date(one) for one in table["date"].unique()}
        bad = ~table["date"].map(dates).to_numpy(bool)
        if bad.any():
            row = int(bad.argmax())
            raise CatalogueError(
                f"{where}: row {row + first_line} ({table['photo'].iloc[row]}): date {table['date'].iloc[row]!r}; "
                "write YYYY, YYYY-MM or YYYY-MM-DD, of a day that there is"
            )
    if "learned" in table.columns and not (known := set(table["learned"].unique())) <= {"yes", "no", ""}:
        raise CatalogueError(f"{where}: column learned says {listed(sorted(known))}; it is yes, no or empty")


def check_texts(table: pd.DataFrame, where: str, first_line: int = 0) -> None:
    """Raises CatalogueError for texts that a CSV in UTF-8 can't hold, or would not give back as they are."""
    for name in table.columns:
        if name == KEY:
            continue
        if "\r" in name or "\n" in name:
            raise CatalogueError(f"{where}: column {name!r} has a line break in its name; give it another one")
        texts = table[name].astype(str)
        for number, one in enumerate(texts.unique().tolist()):
            if problem := _unwritable(one):
                row = int((texts == one).to_numpy().argmax())
                photo = ascii(table["photo"].iloc[row]) if "photo" in table.columns else number
                raise CatalogueError(f"{where}: row {row + first_line} ({photo}): {name} {one!a} {problem}")


def _unwritable(text: str) -> str:
    if "\r" in text:
        return "has a carriage return; write a line feed, or a blank"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8; give it another name, without these letters or in UTF-8"
    return ""
