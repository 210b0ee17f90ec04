"""Changes of a catalogue: build, add, remove, merge, split. Each checks everything first and writes last, all or nothing."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue import gallery as galleries
from whichwhale.catalogue import generations
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.doubles import told_from_others, without_doubles
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming, refuse_other_model, unchecked
from whichwhale.catalogue.lock import LOCK, writing
from whichwhale.catalogue.manifest import UNNAMED
from whichwhale.catalogue.table import APPROVED

NO_NAMES = frozenset(("unknown", "unk", "unidentified", "na", "n/a", "nan", "none", "null", "no id", "?", "??", "-", "--", "x"))
NAMED = 20  # photos of a command that is advised
Told = list[str]


def build(folder: str | Path, incoming: Incoming, config: CatalogueConfig, keep_doubles: bool = False) -> tuple[Gallery, Told]:
    """A new catalogue; beside it what there is to tell, a line each.

    Args:
        keep_doubles: take in a picture that is there under two names.

    Raises:
        CatalogueError: there is a catalogue already, no photo has an animal, the vectors name no model, one picture under two
            animals, another writer.
    """
    folder = Path(folder)
    refuse_built(folder)
    if incoming.model.weights_sha == UNNAMED:
        raise CatalogueError(
            f"{folder}: nobody says which model made the vectors, so those of another one could not be told; write its name into "
            "the .npz as `model`, one text"
        )
    incoming = _named(incoming)
    with writing(folder, "build", new=True) as died:
        _refuse_another(folder)  # one that was built since; what comes next would wipe it
        generations.clear(folder, None)
        incoming = without_doubles(incoming, None, config.storage, keep_doubles)
        gallery = generations.create(folder, incoming.model, config, incoming.table, incoming.vectors)
    told = [*mourned(died), *incoming.told, *doubtful_names(gallery.animals)]
    if len(gallery.animals) == 1:
        told.append(f"the catalogue knows one animal, {gallery.animals[0]}: search gives no probabilities until there are more")
    return gallery, told


def refuse_built(folder: str | Path) -> None:
    """Raises CatalogueError if no catalogue can be built there: one is there, or something else is."""
    folder = Path(folder)
    _refuse_another(folder)
    if folder.exists() and not (folder.is_dir() and _left_by_a_build(folder)):
        raise CatalogueError(f"{folder}: is there already and is no catalogue; name another folder")


def add(folder: str | Path, incoming: Incoming, keep_doubles: bool = False) -> tuple[Gallery, Told]:
    """More photos, of known animals or of new ones; those that are in the catalogue already are passed over, so that an addition
    that was cut off can simply be made again.

    Raises:
        CatalogueError: vectors of another model, no photo has an animal, a photo's name or picture is there under another animal,
            another writer.
    """
    folder = Path(folder)
    refuse_other_model(incoming.model, galleries.read(folder).manifest.model, str(folder))
    with writing(folder, f"add {len(incoming)} photos") as died:
        gallery = galleries.read(folder)
        refuse_other_model(incoming.model, gallery.manifest.model, str(folder))
        incoming = told_from_others(incoming, gallery)
        said, incoming = incoming.table, _named(incoming)
        generations.clear(folder, gallery.manifest)
        incoming = without_doubles(incoming, gallery, gallery.manifest.config.storage, keep_doubles)
        more = _not_taken(said, gallery)  # those there are the same photos
        new = sorted(set(incoming.table["animal"]) - set(gallery.animals))
        doubtful = [*_news(new, gallery.animals), *doubtful_names(new, gallery.animals)]
        if len(incoming):
            gallery = generations.append(gallery, incoming.table, incoming.vectors)
    return gallery, [*mourned(died), *unchecked(incoming.model), *incoming.told, *more, *doubtful]


def remove(folder: str | Path, photos: Sequence[str] = (), animals: Sequence[str] = ()) -> tuple[Gallery, Told]:
    """Without some photos, and without all photos of some animals.

    Their vectors are dropped from disk with the next rewriting of the vectors (when 3 of 10 were removed); nothing finds them
    before.

    Raises:
        CatalogueError: names that the catalogue doesn't have, nothing would be left, another writer.
    """
    with writing(Path(folder), "remove") as died:
        gallery = galleries.read(folder)
        rows = np.zeros(len(gallery), bool)
        rows[rows_of(gallery, photos)] = True
        for animal in animals:
            rows |= rows_of_animal(gallery, animal)
        if rows.all():
            raise CatalogueError(f"{folder}: that would remove every photo; delete the folder if that is meant")
        if rows.any():
            gallery = generations.commit(gallery, gallery.table[~rows].reset_index(drop=True))
    return gallery, [*mourned(died), f"removed {int(rows.sum())} photos"]


def merge(folder: str | Path, animals: Sequence[str], into: str) -> tuple[Gallery, Told]:
    """What was taken for several animals is one, called `into` (one of them, another one, or a new name). The name that a photo
    came with stands in the column `was`, so that `split` can take it back.

    Raises:
        CatalogueError: an animal that the catalogue doesn't have, another writer.
    """
    with writing(Path(folder), "merge") as died:
        gallery = galleries.read(folder)
        rows = np.zeros(len(gallery), bool)
        for animal in animals:
            rows |= rows_of_animal(gallery, animal)
        before = gallery.table
        gallery = generations.commit(gallery, _renamed(gallery, rows, into))
    into = unicodedata.normalize("NFC", into)
    told = f"{into} now has {int((gallery.table['animal'] == into).sum())} photos"
    return gallery, [*mourned(died), told, *_way_back(before, gallery.table, into)]


def _way_back(before: pd.DataFrame, after: pd.DataFrame, into: str) -> Told:
    """A line a former animal, how it is parted from the others again; none where nothing was put together."""
    own = (after["animal"] == into).to_numpy()
    if before["animal"][own].nunique() < 2:
        return []
    told, was, photos = [], after[tables.WAS].to_numpy(object), after["photo"].to_numpy(object)
    for name in sorted(set(before["animal"][own]) - {into}):
        mine = own & (before["animal"] == name).to_numpy()
        names = sorted(set(was[mine]))
        plain = not any("|" in one or ".." in one for one in names)  # a filter would read them otherwise
        if plain and not (np.isin(was, names) & own & ~mine).any():
            which = ["--where", f"{tables.WAS}={'|'.join(names)}"]
        elif mine.sum() <= NAMED:  # others came with that name too
            which = ["--photos", *photos[mine].tolist()]
        else:
            told.append(f"{name} is told from other photos that came with its name by nothing any more")
            continue
        told.append(f"if {name} is another animal after all, `{shlex.join(['split', into, *which, '--to', name])}`")
    return told


def split(
    folder: str | Path, animal: str, photos: Sequence[str], to: str, conditions: Sequence[str] = ()
) -> tuple[Gallery, Told]:
    """Some photos of an animal show another one, `to` (a new name, or an animal that is known).

    Args:
        photos: which; without them, those of the animal that meet the conditions (filters.py).

    Raises:
        CatalogueError: photos that are not the animal's, none or all of its photos, `to` is the animal itself, another writer.
    """
    with writing(Path(folder), "split") as died:
        gallery = galleries.read(folder)
        animal, to = (unicodedata.normalize("NFC", name) for name in (animal, to))
        own, rows = rows_of_animal(gallery, animal), rows_of(gallery, photos)
        if conditions:
            meets = own & matching(gallery.table, conditions)
            rows = rows[meets[rows]] if photos else np.flatnonzero(meets)
            photos = gallery.table["photo"].iloc[rows].tolist()
            if not len(rows):
                raise CatalogueError(f"{folder}: no photo of {animal} meets {', '.join(conditions)}; `list` shows what there is")
        if to == animal or not len(rows):
            raise CatalogueError(f"{folder}: split takes some photos of {animal} and another animal's name")
        if foreign := [photo for photo, row in zip(photos, rows, strict=True) if not own[row]]:
            row = gallery.photos.get_loc(foreign[0])
            raise CatalogueError(f"{folder}: {foreign[0]} is not of {animal} but of {gallery.table['animal'].iloc[row]}")
        if len(set(rows.tolist())) == own.sum():
            raise CatalogueError(
                f"{folder}: these are all photos of {animal}; to rename it, `{shlex.join(['merge', animal, '--into', to])}`"
            )
        moved = np.zeros(len(gallery), bool)
        moved[rows] = True
        gallery = generations.commit(gallery, _renamed(gallery, moved, to))
    left, there = ((gallery.table["animal"] == name).sum() for name in (animal, to))
    return gallery, [*mourned(died), f"{animal} now has {left} photos, {to} {there}"]


def doubtful_names(new: Sequence[str], there: Sequence[str] = ()) -> Told:
    """Lines about animals' names that may be no names, or another's in other letters; they are taken as they are."""
    told, alike = [], {}
    for name in dict.fromkeys([*there, *new]):
        alike.setdefault("".join(name.casefold().split()), []).append(name)
    for name in sorted(set(new) - set(there)):
        if name.casefold() in NO_NAMES:
            told.append(f"{name!r} is taken as one animal; where nobody knows who it is, leave the cell empty")
        elif name != alike["".join(name.casefold().split())][0]:
            first = alike["".join(name.casefold().split())][0]
            told.append(
                f"{name!r} and {first!r} are two animals; if they are one, `{shlex.join(['merge', name, '--into', first])}`"
            )
    return told


def _named(incoming: Incoming) -> Incoming:
    """The photos whose animal is known, with a status."""
    table = incoming.table
    if "animal" not in table.columns or (table["animal"] == "").all():
        raise CatalogueError(
            f"of none of the {len(table)} photos the animal is known; give --table with the columns photo and animal, or a "
            "folder that has a folder an animal"
        )
    incoming = incoming.only((table["animal"] != "").to_numpy(), "nobody says which animal they show")
    table = incoming.table.copy()
    status = table["status"] if "status" in table.columns else ""
    table["status"] = pd.Series(
        np.where(status == "", APPROVED, status) if "status" in table.columns else APPROVED, table.index, "str"
    )
    tables.check(table, "what is to go in")
    return Incoming(table, incoming.vectors, incoming.model, incoming.told)


def _news(new: Sequence[str], there: Sequence[str]) -> Told:
    """A line about animals that the catalogue did not know: a slip of the pen would be one. Numbers are all alike: no advice."""
    if not new:
        return []
    near = {name: difflib.get_close_matches(name, there[:10_000], 1, 0.8) for name in new[:20] if name.isalpha()}
    meant = [f"is {name} {found[0]}?" for name, found in near.items() if found]
    told = f"{len(new)} new animal{'s' if len(new) > 1 else ''}: {listed(new)}"
    return [f"{told}; {' '.join(meant)}" if meant else told]


def _not_taken(said: pd.DataFrame, gallery: Gallery) -> Told:
    """A line if more, or something else, is said of photos that are there, which adding them again does not change."""
    rows = gallery.photos.get_indexer(pd.Index(said["photo"]))
    there, other, columns = rows >= 0, np.zeros(len(said), bool), []
    for name in said.columns:
        if name in ("photo", "animal", "path", "photo_sha", "learned", tables.WAS):  # compared, or it comes with the photo
            continue
        ours = gallery.table[name].to_numpy(object)[rows] if name in gallery.table.columns else np.full(len(said), "", object)
        differs = there & (said[name] != "").to_numpy() & (said[name].to_numpy(object) != ours)
        if differs.any():
            other |= differs
            columns.append(str(name))
    if not columns:
        return []
    return [f"of {int(other.sum())} photos that are there {listed(columns)} would change; `set --table` takes what a table says"]


def _refuse_another(folder: Path) -> None:
    if galleries.exists(folder):
        raise CatalogueError(f"{folder}: is a catalogue already; `add` to it, name another folder, or delete it")


def _left_by_a_build(folder: Path) -> bool:
    """Whether a folder holds nothing but what a killed build left."""
    ours = {path.name for pattern in generations.OURS for path in folder.glob(pattern)} | {LOCK}
    return {path.name for path in folder.iterdir()} <= ours


def mourned(died: str | None) -> Told:
    """What there is to tell if the writer before was killed, as `lock.writing` says."""
    return [f"an earlier writer was killed: {died}; what it had not finished is gone, the rest is whole"] if died else []


def rows_of_animal(gallery: Gallery, animal: str) -> NDArray[np.bool_]:
    """[N]: which photos show the animal. Raises CatalogueError if none does, naming the nearest name."""
    animal = unicodedata.normalize("NFC", animal)
    rows = (gallery.table["animal"] == animal).to_numpy()
    if not rows.any():
        raise CatalogueError(f"{gallery.folder}: has no animal {animal!r}{_near(animal, gallery.animals)}")
    return rows


def rows_of(gallery: Gallery, photos: Sequence[str]) -> NDArray[np.int64]:
    """The photos' rows, in their order. Raises CatalogueError for one that is not there, naming the nearest name."""
    wanted = [unicodedata.normalize("NFC", photo) for photo in photos]
    rows = gallery.photos.get_indexer(pd.Index(wanted, dtype="str")) if photos else np.zeros(0, np.int64)
    if missing := [photo for photo, row in zip(photos, rows, strict=True) if row < 0]:
        raise CatalogueError(
            f"{gallery.folder}: has no photo {listed(missing)}{_near(missing[0], gallery.table['photo'].tolist())}"
        )
    return rows.astype(np.int64)


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known[:10_000], 1)
    return f"; did you mean {near[0]!r}?" if near else "; `list` shows what there is"


def _renamed(gallery: Gallery, rows: NDArray[np.bool_], animal: str) -> pd.DataFrame:
    if not animal.strip():
        raise CatalogueError("an animal must have a name")
    table, animal = gallery.table.copy(), unicodedata.normalize("NFC", animal)
    before = table["animal"].to_numpy(object)
    was = table[tables.WAS].to_numpy(object, copy=True) if tables.WAS in table.columns else np.full(len(table), "", object)
    renamed = rows & (before != animal)
    was[renamed] = np.where(was[renamed] == "", before[renamed], was[renamed])
    was[was == table["animal"].where(~rows, animal).to_numpy(object)] = ""  # it has the name that it came with again
    table.loc[rows, "animal"] = animal
    table[tables.WAS] = pd.Series(was, table.index, "str")
    tables.check(table, str(gallery.folder))
    return table
