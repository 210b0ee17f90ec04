"""What is known of the photos of a catalogue, changed: status, date, place, encounter and whatever columns a user has."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import generations
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.editing import Told, mourned, rows_of, rows_of_animal
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.lock import writing

FIXED = {
    tables.KEY: "it is the catalogue's own",
    "photo": "`remove` it and `add` it under the other name",
    "animal": "`merge` and `split` say who is who",
    tables.WAS: "`merge` and `split` write it",
    "photo_sha": "it is of the photo's bytes",
}


def describe(
    folder: str | Path,
    known: Mapping[str, str],
    photos: Sequence[str] = (),
    animals: Sequence[str] = (),
    conditions: Sequence[str] = (),
) -> tuple[Gallery, Told]:
    """Say the same of several photos: `known`, column -> text ("" for nothing known).

    Args:
        photos, animals: of these, of all photos of these; of all photos if neither is named.
        conditions: and of these only (filters.py).

    Raises:
        CatalogueError: names or columns that the catalogue doesn't have, no photo meets the conditions, a column that can't be
            changed so, a date that is none, another writer.
    """
    if not known:
        raise CatalogueError("say what is known of the photos: column=value, such as status=approved")
    for column in known:
        if column in FIXED:
            raise CatalogueError(f"the column {column!r} can't be set: {FIXED[column]}")
    with writing(Path(folder), "set") as died:
        gallery = galleries.read(folder)
        rows = np.full(len(gallery), not (photos or animals))
        rows[rows_of(gallery, photos)] = True
        for animal in animals:
            rows |= rows_of_animal(gallery, animal)
        rows &= matching(gallery.table, conditions)
        if not rows.any():
            raise CatalogueError(f"{folder}: no photo meets {', '.join(conditions)}; `list --where` shows what there is")
        at = np.flatnonzero(rows)
        texts = {column: unicodedata.normalize("NFC", value.strip()) for column, value in known.items()}
        gallery, told = _change(gallery, at, {column: np.full(len(at), text, object) for column, text in texts.items()})
    return gallery, [*mourned(died), told]


def describe_by(folder: str | Path, labels: pd.DataFrame, where: str) -> tuple[Gallery, Told]:
    """Say of each photo what its row of a table says (`table.read_labels`), which comes from the file `where`; an `animal` there
    must be the catalogue's.

    Raises:
        CatalogueError: no photo of the table is in the catalogue, another animal than the catalogue has, another writer.
    """
    told = []
    with writing(Path(folder), "set") as died:
        gallery = galleries.read(folder)
        place = tables.places(labels["photo"], gallery.photos)
        here = place >= 0
        if not here.any():
            raise CatalogueError(f"{where}: none of its {len(labels)} photos is in {folder}; `add` takes new ones")
        if not here.all():
            others = labels["photo"][~here].tolist()
            told.append(f"{where}: {len(others)} rows are of photos that are not in the catalogue: {listed(others)}")
        labels, at = labels[here], place[here]
        told += _doubtful(labels["photo"], gallery.table["photo"].iloc[at], gallery.photos, where)
        if "animal" in labels.columns:
            ours, theirs = gallery.table["animal"].to_numpy(object)[at], labels["animal"].to_numpy(object)
            if (other := (theirs != "") & (theirs != ours)).any():
                first = int(other.argmax())
                raise CatalogueError(
                    f"{where}: {labels['photo'].iloc[first]} is {theirs[first]} there and {ours[first]} in {folder} "
                    f"({int(other.sum())} such photos); `merge` and `split` say who is who"
                )
        columns = {str(name): labels[name].to_numpy(object) for name in labels.columns if name not in FIXED}
        if not columns:
            raise CatalogueError(f"{where}: has no column to set beside {listed(list(labels.columns))}")
        gallery, changed = _change(gallery, at, columns)
    return gallery, [*mourned(died), *told, changed]


def _doubtful(rows: pd.Series, meant: pd.Series, photos: pd.Index, where: str) -> Told:
    """Lines about rows that name photos [N] by their files alone, and about those that name one whose file's name other photos of
    the catalogue have, which the table has no row of."""
    by_file = rows.to_numpy(object) != meant.to_numpy(object)
    told = []
    if by_file.any():
        first = int(by_file.argmax())
        one = f"{rows.iloc[first]} for {meant.iloc[first]}"
        told.append(f"{where}: {int(by_file.sum())} photos are named by their files alone, such as {one}")
    others = photos[~photos.isin(pd.Index(meant)) & photos.str.contains("/", regex=False)]
    files = pd.Index(others.str.rpartition("/").get_level_values(2)) if len(others) else others
    if (like := rows.isin(files).to_numpy() & ~by_file).any():
        first = str(rows.iloc[int(like.argmax())])
        told.append(
            f"{where}: {first} is taken for {first}, not for {others[list(files).index(first)]} ({int(like.sum())} such rows)"
        )
    return told


def _change(gallery: Gallery, at: NDArray[np.int64], columns: Mapping[str, NDArray[np.object_]]) -> tuple[Gallery, str]:
    """Write the values [len(at)] of each column into rows `at`; the catalogue then, and what there is to tell."""
    table, changed = gallery.table.copy(), np.zeros(len(at), bool)
    for name, values in columns.items():
        if name == "status":
            values = np.where(values == "", tables.APPROVED, values)
        before = table[name].to_numpy(object, copy=True) if name in table.columns else np.full(len(table), "", object)
        changed |= before[at] != values
        before[at] = values
        table[name] = pd.Series(before, table.index, "str")
    tables.check(table, str(gallery.folder))
    same, new = len(at) - int(changed.sum()), [name for name in columns if name not in gallery.table.columns]
    if changed.any():
        gallery = generations.commit(gallery, table)
    told = f"{int(changed.sum())} photos changed" + (f", {same} were so already" if same else "")
    return gallery, told + (f"; new columns: {listed(new)}" if new else "")
