"""What is to go into a catalogue, or to be asked of it: photos, their vectors, and what is known of them."""

from __future__ import annotations

import hashlib
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale import predictions
from whichwhale.catalogue import learned
from whichwhale.catalogue import table as tables
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.gallery import check_vectors
from whichwhale.catalogue.manifest import UNNAMED, Model
from whichwhale.competition.photos import endings
from whichwhale.files import sha256, write_atomically
from whichwhale.predictions import ROLE_NAMES, ROLE_TRAIN
from whichwhale.runs import trained_on
from whichwhale.runs.trained_on import Photos

OWN = ("vectors", "photo", "model", "schema")  # of an .npz of plain arrays; what else is there tells of the photos


@dataclass(frozen=True, eq=False)
class Incoming:
    """`table` [N]: `photo` and whatever else is known (`animal`, "" if not); `vectors` float32 [N, D], unit length; `model`:
    whose they are; `told`: what was left out and why, a line each; `seen`: what the model learned from, if that is known;
    `of_run`: they are all that a run predicted, so that a table need not name each of them."""

    table: pd.DataFrame
    vectors: NDArray[np.float32]
    model: Model
    told: list[str] = field(default_factory=list)
    seen: Photos | None = None
    of_run: bool = False

    def __len__(self) -> int:
        return len(self.table)

    def only(self, kept: NDArray[np.bool_], why: str = "") -> Incoming:
        """Some of the rows; `why` the others are left out, if that is to be told."""
        if kept.all():
            return self
        left = self.table["photo"][~kept].tolist()
        told = [*self.told, f"{len(left)} photos left out: {why} ({listed(left)})"] if why else self.told
        return replace(self, table=self.table[kept].reset_index(drop=True), vectors=self.vectors[kept], told=told)

    def labelled(self, labels: pd.DataFrame, where: str, others: pd.Index | None = None) -> Incoming:
        """With the columns of a table of labels [photo, …]; it wins over what was known, but an empty cell says nothing. A row
        may name a photo by its file alone, if one alone is called so and none of `others`, photos that are elsewhere
        (`table.places`).

        Raises:
            CatalogueError: none of the photos is in it.
        """
        place, told = _rows_of(labels, self.table["photo"], where, others), list(self.told)
        table, found = self.table.copy(), place >= 0
        by_file = found & (labels["photo"].to_numpy(object)[place] != table["photo"].to_numpy(object))
        if by_file.any():
            first = int(by_file.argmax())
            one = f"{labels['photo'].iloc[place[first]]} for {table['photo'].iloc[first]}"
            told.append(f"{where}: {int(by_file.sum())} photos are named by their files alone, such as {one}")
        for name in labels.columns.drop("photo"):
            values = table[name].to_numpy(object) if name in table.columns else np.full(len(table), "", object)
            said = labels[name].to_numpy(object)[place[found]]
            values[found] = np.where(said != "", said, values[found])
            table[name] = pd.Series(values, dtype="str")
        if self.seen is not None and "learned" not in labels.columns:
            table["learned"] = learned.said(table, self.seen)  # by the animals too, which may be known only now
        return replace(self, table=table, told=told)


def _rows_of(labels: pd.DataFrame, photos: pd.Series, where: str, others: pd.Index | None = None) -> NDArray[np.int64]:
    """The row of each photo [N] in a table of labels, -1 where it has none; raises CatalogueError if no photo has one."""
    of_row = tables.places(labels["photo"], pd.Index(photos), others)
    place = np.full(len(photos), -1, np.int64)
    place[of_row[of_row >= 0]] = np.flatnonzero(of_row >= 0)
    if (place < 0).all():
        raise CatalogueError(
            f"{where}: has a row for none of the {len(photos)} photos; the first there is {labels['photo'].iloc[0]!r}, the first "
            f"photo {photos.iloc[0]!r}"
            if len(labels)
            else f"{where}: has no row"
        )
    return place


def refuse_unlabelled(where: Sequence[str | Path], labels: pd.DataFrame, source: str) -> None:
    """Raises CatalogueError if the table of labels from `source` has a row for none of the photos in files and folders, by
    whatever part of their paths a catalogue may call them: before thousands of them are embedded."""
    photos, named = photos_in(where), set(labels["photo"])
    for path in photos["path"]:
        parts = unicodedata.normalize("NFC", Path(path).absolute().as_posix()).split("/")
        if any("/".join(parts[-depth:]) in named for depth in range(1, len(parts))):
            return
    _rows_of(labels, photos["photo"], source)


def of_file(path: str | Path, roles: Sequence[str] = ROLE_NAMES) -> Incoming:
    """Vectors of an .npz: a predictions.npz (contract 3), or plain arrays of anybody's.

    A predictions.npz of folders of classes names the animals, by the photos' folders. Plain arrays: `vectors` [N, D] of any
    length but 0, `photo` [N] text; optional `model` (one word: whose vectors these are), and any other text [N], such as
    `animal`, `date`, `place`, `side`.

    Args:
        roles: of a predictions.npz, the rows that are wanted: of train, validation, test.

    Raises:
        CatalogueError: not such a file, NaN or zero vectors, photos without a name or twice; PredictionsError as
        `predictions.read`.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise CatalogueError(f"{path}: not an .npz; give a predictions.npz, or an .npz with vectors and photo")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            arrays = {name: file[name] for name in names} if "vectors" in names else {}
    except FileNotFoundError:
        raise CatalogueError(f"{path}: no such file; correct the name, or run predict.py") from None
    except (OSError, EOFError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise CatalogueError(f"{path}: not a readable .npz ({error})") from None
    if "vectors" not in names and "item" not in names:
        raise CatalogueError(
            f"{path}: neither a predictions.npz (item, embedding, …) nor plain arrays (vectors, photo); "
            f"it has {listed(sorted(names))}"
        )
    return _plain(path, arrays) if arrays else _predictions(path, roles)


def write(path: str | Path, photos: Incoming) -> None:
    """Write an .npz of plain arrays that `of_file` reads, atomically: vectors, photo, model, and all that is known of the photos.

    Raises:
        CatalogueError: the name is no .npz's, a column that would be mistaken for one of the file's own.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise CatalogueError(f"{path}: vectors go into an .npz; give it such a name")
    if taken := [name for name in OWN if name in photos.table.columns and name != "photo"]:
        raise CatalogueError(f"the table's column {taken[0]!r} would be mistaken for the file's own; give it another name")
    known = {name: values for name, values in photos.table.items() if name == "photo" or (values != "").any()}
    arrays = {str(name): values.to_numpy(str) for name, values in known.items()}
    arrays |= {"vectors": photos.vectors, "model": np.array(photos.model.weights_sha)}
    write_atomically(path, lambda stream: np.savez(stream, **arrays))


def labelled_file(path: str | Path, labels: Sequence[Path] = ()) -> Incoming:
    """Vectors of an .npz with the columns of tables of labels; of a photo in several of them the last counts."""
    file = of_file(path)
    for table in labels:
        file = file.labelled(tables.read_labels(table), str(table))
    return file


def _predictions(path: Path, roles: Sequence[str]) -> Incoming:
    read = predictions.read(path)
    if not read.embedding.shape[1]:
        raise CatalogueError(f"{path}: has no embedding, so there is nothing to search by; its model has logits alone")
    if unknown := [role for role in roles if role not in ROLE_NAMES]:
        raise CatalogueError(f"role {unknown[0]!r}: it is one of {', '.join(ROLE_NAMES)}")
    kept = np.isin(read.role, [ROLE_NAMES.index(role) for role in roles])
    if not kept.any():
        raise CatalogueError(f"{path}: has no row of role {' or '.join(roles)}")
    photo = [unicodedata.normalize("NFC", item.removesuffix("#0")) for item in read.item[kept].tolist()]
    # a fit with weak labels has seen test photos too: its list has them, without an animal
    fit = learned.of_fit(path.parent) if (path.parent / trained_on.FILE).is_file() else None
    linked = {image for image, animal in fit or () if not animal}
    seen = (read.role[kept] == ROLE_TRAIN) | np.isin(photo, sorted(linked))
    table = pd.DataFrame({"photo": photo, "learned": np.where(seen, "yes", "no")}, dtype="str")
    folders = [name.rpartition("/")[0] for name in photo]
    classes = {unicodedata.normalize("NFC", name) for name in read.class_id.tolist()}
    if set(folders) <= classes:  # photos in folders of classes, which name the animals
        table["animal"] = pd.Series(folders, dtype="str")
    _refuse_double(table, str(path))
    vectors = check_vectors(read.embedding[kept], photo, str(path))
    # without a fingerprint of the weights one file is known by its own embeddings
    sha = read.weights_sha or f"embeddings {hashlib.sha256(read.embedding.tobytes()).hexdigest()}"
    return Incoming(table, vectors, Model(weights_sha=sha, dims=vectors.shape[1]), of_run=True)


def _plain(path: Path, arrays: dict[str, NDArray]) -> Incoming:
    if "photo" not in arrays or arrays["photo"].ndim != 1 or arrays["photo"].dtype.kind != "U":
        raise CatalogueError(f"{path}: has vectors, but no `photo`, a text for each of them")
    photo = arrays["photo"].tolist()
    vectors = check_vectors(arrays["vectors"], photo, str(path))
    columns = {"photo": photo}
    for name, values in arrays.items():
        if name in OWN:
            continue
        if values.shape != (len(photo),) or values.dtype.kind != "U":
            raise CatalogueError(f"{path}: {name} must be text [{len(photo)}], not {values.dtype} {list(values.shape)}")
        columns[name] = values.tolist()
    table = pd.DataFrame(columns, dtype="str")
    for name in table.columns:  # a photo's or an animal's name is taken as it is, or refused
        table[name] = table[name].str.normalize("NFC") if name in ("photo", "animal") else tables.plain(table[name])
    if not len(table):
        raise CatalogueError(f"{path}: has no vectors")
    tables.check(table, str(path))
    _refuse_double(table, str(path))
    model = arrays["model"] if "model" in arrays else np.array(UNNAMED)
    if model.shape != () or model.dtype.kind != "U" or not str(model):
        raise CatalogueError(f"{path}: model must be one text, such as the SHA-256 of the weights")
    return Incoming(table, vectors, Model(weights_sha=str(model), dims=vectors.shape[1]))


def photos_in(where: Sequence[str | Path]) -> pd.DataFrame:
    """Photos of files and folders: `photo` (its name; below a folder the path from there; with more of its path where two would
    have one name), `path`, and `animal` where a folder has a folder an animal and no photo beside those.

    Raises:
        CatalogueError: nothing there, or two photos of one name.
    """
    rows = []
    for one in map(Path, where):
        if not one.is_dir():
            rows.append({"photo": one.name, "path": str(one), "animal": ""})
            continue
        found = sorted(path for path in one.rglob("*") if path.is_file() and not path.name.startswith("."))
        photos = [path for path in found if path.suffix.lower() in endings()]
        if not photos:
            about = f"{len(found)} files, none of which ends as a photo does" if found else "it is empty"
            raise CatalogueError(f"{one}: no photo in this folder ({about}); name the folder that holds the photos")
        parted = all(len(path.relative_to(one).parts) == 2 for path in photos)
        for path in photos:
            animal = path.parent.name if parted else ""
            rows.append({"photo": path.relative_to(one).as_posix(), "path": str(path), "animal": animal})
    if not rows:
        raise CatalogueError("no photo was named")
    table = pd.DataFrame(rows, dtype="str")
    table["photo"] = _told_apart(table["photo"].tolist(), [Path(path) for path in table["path"]])
    tables.check_texts(table, "the photos")
    for name in ("photo", "animal"):
        table[name] = table[name].str.normalize("NFC")
    _refuse_double(table, "the photos")
    return table


def _told_apart(names: list[str], paths: Sequence[Path]) -> list[str]:
    """Names of which those that several photos have got longer by folders of their paths, until they differ."""
    for depth in range(2, max(len(path.parts) for path in paths) + 1):
        count = Counter(names)
        if len(count) == len(names):
            break
        names = [
            name if count[name] == 1 else "/".join(path.relative_to(path.anchor).parts[-max(depth, name.count("/") + 1) :])
            for name, path in zip(names, paths, strict=True)
        ]
    return names


def of_photos(
    where: Sequence[str | Path], model: str | Path, ours: tuple[Model, str] | None = None
) -> tuple[Incoming, list[str]]:
    """Photos of files and folders, with the vectors that a fitted model makes of them and, where the model says so, whether it
    learned from them; beside it what can't be read, a line each.

    Args:
        model: run folder of one fit (`runs/<dataset>/<model>/fold0`, `…/foldall`).
        ours: the catalogue's model and its folder: another one is refused before anything is embedded.

    Raises:
        CatalogueError: no photo, or none that can be read, another model; ValueErrors of `whichwhale.load`.
    """
    table = photos_in(where)
    from whichwhale.identifier import load  # torch takes seconds to import

    embedder = load(model).embedder()
    if ours is not None:
        refuse_other_model(Model(weights_sha=embedder.weights_sha, dims=ours[0].dims), *ours)
    found = embedder.embed(table["path"].tolist())
    kept = np.isin(np.arange(len(table)), found.rows)
    if not kept.any():
        raise CatalogueError("none of the photos can be used:\n  " + "\n  ".join(found.failed.values()))
    table = table[kept].reset_index(drop=True)
    table["photo_sha"] = pd.Series([sha256(path) for path in table["path"]], dtype="str")
    table["path"] = pd.Series([str(Path(path).absolute()) for path in table["path"]], dtype="str")  # wherever one stands later
    vectors = check_vectors(found.vectors, table["photo"].tolist(), str(model))
    whose = Model(weights_sha=embedder.weights_sha, dims=vectors.shape[1])
    seen = learned.of_fit(embedder.path)
    if seen is not None:
        table["learned"] = learned.said(table, seen)
    return Incoming(table, vectors, whose, seen=seen), list(found.failed.values())


def _refuse_double(table: pd.DataFrame, where: str) -> None:
    empty = table["photo"] == ""
    if empty.any():
        raise CatalogueError(f"{where}: row {int(empty.to_numpy().argmax())}: no photo's name")
    double = table["photo"].duplicated()
    if double.any():
        names = sorted(set(table.loc[double, "photo"]))
        raise CatalogueError(f"{where}: {listed(names)} more than once; a photo has one name and one row")


def refuse_other_model(of: Model, ours: Model, where: str) -> None:
    """Raises CatalogueError if vectors of `of` can't be compared with those of the catalogue."""
    if of == ours:
        return
    if of.weights_sha == UNNAMED:
        raise CatalogueError(
            f"{where}: nobody says which model made the vectors, the catalogue's are of {ours.weights_sha[:16]} ({ours.dims} "
            "dimensions); if it made these too, write its name into their .npz as `model`"
        )
    about = [f"{one.weights_sha[:16]} ({one.dims} dimensions)" for one in (of, ours)]
    raise CatalogueError(
        f"{where}: the vectors are of model {about[0]}, the catalogue's of {about[1]}; vectors of two models say nothing of one "
        "another. Embed the photos with the catalogue's model, or build a catalogue with this one"
    )


def unchecked(model: Model) -> list[str]:
    """A line to tell, if `refuse_other_model` had nothing to go by: a catalogue of old may be of vectors that no model owns."""
    return ["nobody says which model made the catalogue's vectors and these, so whether it was one is not known"] * (
        model.weights_sha == UNNAMED
    )
