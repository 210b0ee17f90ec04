"""One photo under two names, one name for two photos: found before anything is written."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from whichwhale.catalogue.config import Storage
from whichwhale.catalogue.encoding import decode, encode
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import BLOCK, Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.files import sha256

SAME_PHOTO = 0.9999  # cosine above which two vectors of one name are one photo's, computed twice
# How far apart two vectors of one picture may lie, computed twice and stored: rounding moves a few components by a step.
NEAR: dict[Storage, float] = {"float32": 1e-5, "float16": 1e-3, "int8": 1e-2}
LINES = 8  # dimensions in which vectors that may be near are looked for
SHOWN = 10


def without_doubles(incoming: Incoming, gallery: Gallery | None, storage: Storage, keep: bool) -> Incoming:
    """Without the photos that are in the catalogue (or among `incoming`) already: by their name, by their bytes (`photo_sha`), or
    by their vector, which computed twice differs in the last digits.

    Args:
        keep: pictures that are there under another name stay.

    Raises:
        CatalogueError: a name that is another photo's or another animal's there; a picture that is there under another animal;
            all are told at once.
    """
    table = incoming.table
    before = 0 if gallery is None else len(gallery)
    known = (
        table[["photo", "animal"]]
        if gallery is None
        else pd.concat([gallery.table[["photo", "animal"]], table[["photo", "animal"]]])
    )
    names, animals = known["photo"].to_numpy(object), known["animal"].to_numpy(object)
    out, conflicts, told = np.zeros(len(table), bool), [], list(incoming.told)
    if gallery is not None:
        rows = gallery.photos.get_indexer(pd.Index(table["photo"]))
        there = np.flatnonzero(rows >= 0)
        for new, same in zip(there, _same_photos(incoming, there, gallery, rows[there], storage), strict=True):
            animal = animals[rows[new]]
            if not same:
                conflicts.append(f"{names[before + new]}: this name is another photo's there (of {animal}); give it another name")
            elif animal != animals[before + new]:
                conflicts.append(_other_animal(gallery, str(names[before + new]), str(animal), str(animals[before + new])))
        out[there] = True
        if len(there) and not conflicts:
            told.append(f"{len(there)} photos are in the catalogue already")
    for first, new in _same_pictures(incoming, gallery, storage):
        if out[new] or keep:
            continue
        if animals[first] == animals[before + new]:
            out[new] = True
            told.append(f"{names[before + new]} is {names[first]} again ({animals[first]}) and is left out")
        else:
            conflicts.append(_other_picture(names[before + new], animals[before + new], names[first], animals[first]))
    _refuse(conflicts)
    kept = incoming.only(~out)
    return Incoming(kept.table, kept.vectors, kept.model, told)


def refuse_contradictions(photos: pd.DataFrame, gallery: Gallery, keep: bool) -> None:
    """Refuse what `without_doubles` would, as far as the files' bytes tell it, before anything is embedded.

    Args:
        photos: `photo`, `path`, and `animal` ("" where it is not known).

    Raises:
        CatalogueError: a picture that is there under another animal.
    """
    known, animals, conflicts = gallery.table["photo"].to_numpy(object), gallery.table["animal"].to_numpy(object), []
    rows: dict[str, list[int]] = {}
    shas = _shas(gallery).tolist()
    for row, sha in enumerate(shas):
        if sha:
            rows.setdefault(sha, []).append(row)
    called = gallery.photos.get_indexer(pd.Index(photos["photo"])).tolist()
    for (name, path, animal), row in zip(photos[["photo", "path", "animal"]].itertuples(index=False), called, strict=True):
        try:
            sha = sha256(path) if rows and animal else ""
        except OSError:
            continue  # it is named and left out when photos are read
        if row >= 0 and shas[row] != sha:
            continue  # another photo's name, and so may be what a table says of it: `told_from_others`
        there = rows.get(sha, [])
        own = [row for row in there if known[row] == name]
        if own and animals[own[0]] != animal:
            conflicts.append(_other_animal(gallery, name, str(animals[own[0]]), animal))
        elif there and not own and not keep and animals[there[0]] != animal:
            conflicts.append(_other_picture(name, animal, str(known[there[0]]), str(animals[there[0]])))
    _refuse(conflicts)


def _refuse(conflicts: Sequence[str]) -> None:
    if conflicts:
        more = [f"… and {len(conflicts) - SHOWN} more"] if len(conflicts) > SHOWN else []
        raise CatalogueError("\n  ".join(["nothing was written:", *conflicts[:SHOWN], *more]))


def _other_animal(gallery: Gallery, photo: str, there: str, here: str) -> str:
    return f"{photo}: is there as {there}, here as {here}; if that is right, `{_renaming(gallery, photo, there, here)}`"


def _other_picture(photo: str, animal: str, known: str, there: str) -> str:
    return (
        f"{photo} ({animal}) is the same picture as {known} ({there}); leave one out, `merge` the two if they are one animal, or "
        "--keep-doubles"
    )


def told_from_others(incoming: Incoming, gallery: Gallery) -> Incoming:
    """With more of their path for a name for photos whose name is another photo's there, where the path is known: cameras number
    photos anew."""
    if "path" not in incoming.table.columns:
        return incoming
    storage = gallery.manifest.config.storage
    rows = gallery.photos.get_indexer(pd.Index(incoming.table["photo"]))
    there = np.flatnonzero((rows >= 0) & (incoming.table["path"] != "").to_numpy())
    others = there[~_same_photos(incoming, there, gallery, rows[there], storage)]
    if not len(others):
        return incoming
    names, told = incoming.table["photo"].tolist(), list(incoming.told)
    taken = set(names)
    for new in others.tolist():
        path = Path(incoming.table["path"].iloc[new])
        parts = [unicodedata.normalize("NFC", part) for part in path.parts if part != path.anchor]
        for depth in range(names[new].count("/") + 2, len(parts) + 1):
            name = "/".join(parts[-depth:])
            row = gallery.photos.get_indexer(pd.Index([name]))
            if row[0] >= 0:
                if not _same_photos(incoming, np.array([new]), gallery, row, storage)[0]:
                    continue
            elif name in taken:
                continue
            else:
                told.append(f"{names[new]} is another photo's name there: this one is called {name}")
            names[new] = name
            taken.add(name)
            break
    return replace(incoming, table=incoming.table.assign(photo=pd.Series(names, dtype="str")), told=told)


def _same_photos(
    incoming: Incoming, new: NDArray[np.int64], gallery: Gallery, old: NDArray[np.int64], storage: Storage
) -> NDArray[np.bool_]:
    """Whether the photos `new` are those in the rows `old`, which have their names: by their bytes, or by their vectors as they
    are stored, for int8 alone moves a vector further than computing it twice."""
    same = np.zeros(len(new), bool)
    for at in range(0, len(new), BLOCK):
        here = slice(at, at + BLOCK)
        there, again = gallery.vectors(old[here]), decode(encode(incoming.vectors[new[here]], storage))
        lengths = np.linalg.norm(there, axis=1) * np.linalg.norm(again, axis=1)  # float16 leaves them a little off 1
        same[here] = np.einsum("nd,nd->n", there, again) >= SAME_PHOTO * lengths
    if "photo_sha" in incoming.table.columns and "photo_sha" in gallery.table.columns:
        one, other = incoming.table["photo_sha"].to_numpy(object)[new], gallery.table["photo_sha"].to_numpy(object)[old]
        same |= (one == other) & (one != "")
    return same


def _same_pictures(incoming: Incoming, gallery: Gallery | None, storage: Storage) -> list[tuple[int, int]]:
    """Pairs (row among all, the catalogue's first; row of `incoming`) that are one picture under two names, the earliest
    first."""
    pairs = set(_near(incoming.vectors, gallery, storage).items())
    before = 0 if gallery is None else len(gallery)
    if "photo_sha" in incoming.table.columns:
        shas = np.concatenate([_shas(gallery), incoming.table["photo_sha"].to_numpy(object)])
        pairs |= {(row - before, first) for first, row in _repeated(shas, len(incoming)) if shas[first]}
    return sorted((first, row) for row, first in pairs)


def pictures_in(gallery: Gallery, photos: Incoming, among: Sequence[NDArray[np.int64]] | None = None) -> NDArray[np.int64]:
    """The gallery's row [N] that is the same picture as each photo, by its bytes or its vector, whatever its name; -1 where there
    is none. `among` [N]: the rows whose vectors may be a photo's; without it all vectors are read."""
    found, storage = np.full(len(photos), -1, np.int64), gallery.manifest.config.storage
    near = _near(photos.vectors, gallery, storage, among_new=False) if among is None else _near_among(photos, gallery, among)
    for row, first in near.items():
        found[row] = first
    if "photo_sha" in photos.table.columns:
        shas = _shas(gallery)
        known = pd.Series(np.arange(len(shas)), index=shas)
        known = known[(known.index != "") & ~known.index.duplicated()]
        by_bytes = known.reindex(photos.table["photo_sha"]).to_numpy(np.float64)
        found = np.where(np.isnan(by_bytes), found, np.nan_to_num(by_bytes).astype(np.int64))
    return found


def _shas(gallery: Gallery | None) -> NDArray[np.object_]:
    if gallery is None:
        return np.zeros(0, object)
    return gallery.table["photo_sha"].to_numpy(object) if "photo_sha" in gallery.table else np.full(len(gallery), "", object)


def _near(vectors: NDArray[np.float32], gallery: Gallery | None, storage: Storage, among_new: bool = True) -> dict[int, int]:
    """Of each row of `vectors` [M, D] that has one, the first row of all (the gallery's, then `vectors`) whose stored vector is
    no further than NEAR from it as it would be stored.

    Two vectors that near are as near in any subspace, so they are laid out in one of LINES dimensions, and only neighbours there
    are compared: along a single line a good quarter of all vectors of int8 would be.
    """
    dims = vectors.shape[1]
    lines = np.linalg.qr(np.random.default_rng(0).standard_normal((dims, min(LINES, dims))))[0]
    before, near, place = 0 if gallery is None else len(gallery), NEAR[storage], []
    stored = [decode(encode(vectors[at : at + BLOCK], storage)) for at in range(0, len(vectors), BLOCK)]
    again = np.concatenate(stored) if stored else vectors
    for at in range(0, before, BLOCK):
        place.append(gallery.vectors(np.arange(at, min(at + BLOCK, before))).astype(np.float64) @ lines)
    place += [part.astype(np.float64) @ lines for part in stored]
    along = np.concatenate(place) if place else np.zeros((0, lines.shape[1]))
    tree = cKDTree(along if among_new else along[:before], balanced_tree=False, compact_nodes=False)
    found = {}
    for row in range(len(again)):
        beside = np.array(tree.query_ball_point(along[before + row], near * (1 + 1e-6)), np.int64)
        beside = np.sort(beside[beside < before + (row if among_new else 0)])
        if not len(beside):
            continue
        there = np.empty((len(beside), vectors.shape[1]), np.float32)
        old = beside < before
        if old.any():
            there[old] = gallery.vectors(beside[old])
        there[~old] = again[beside[~old] - before]
        same = np.flatnonzero(np.linalg.norm(there - again[row], axis=1) <= near)
        if len(same):
            found[row] = int(beside[same[0]])
    return found


def _near_among(photos: Incoming, gallery: Gallery, among: Sequence[NDArray[np.int64]]) -> dict[int, int]:
    """As `_near` has it, of the rows `among` alone."""
    storage, found = gallery.manifest.config.storage, {}
    for row, rows in enumerate(among):
        again, rows = decode(encode(photos.vectors[row : row + 1], storage)), np.sort(rows)
        same = np.flatnonzero(np.linalg.norm(gallery.vectors(rows) - again, axis=1) <= NEAR[storage])
        if len(same):
            found[row] = int(rows[same[0]])
    return found


def _renaming(gallery: Gallery, photo: str, animal: str, to: str) -> str:
    """The command, but for the catalogue, by which a photo's animal gets the other name."""
    if (gallery.table["animal"] == animal).sum() == 1:
        return shlex.join(["merge", animal, "--into", to])
    return shlex.join(["split", animal, "--photos", photo, "--to", to])


def _repeated(values: NDArray, new: int) -> set[tuple[int, int]]:
    """(first row, row) of those of the last `new` values that stand further up as well."""
    again = np.flatnonzero(pd.Series(values).duplicated(keep="first").to_numpy())
    again = again[again >= len(values) - new]
    if not len(again):
        return set()
    first = pd.Series(np.arange(len(values)), index=values)
    first = first[~first.index.duplicated(keep="first")]
    return {(int(first.loc[values[row]]), int(row)) for row in again}


def with_doubles(meeting: NDArray[np.int64] | None, gallery: Gallery) -> NDArray[np.int64] | None:
    """A number an encounter [N] (None: none is known), where photos of an animal that are one picture (kept by --keep-doubles)
    are of one encounter, and so are all others of theirs: asked about one, nobody may find the other."""
    near, pairs = NEAR[gallery.manifest.config.storage], []
    order = np.argsort(gallery.code, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(gallery.code[order])) + 1):
        if len(rows) < 2:
            continue
        vectors = gallery.vectors(rows)
        for at in range(0, len(rows), BLOCK):  # an animal may have tens of thousands of photos
            first, second = np.nonzero(np.triu(vectors[at : at + BLOCK] @ vectors[at:].T > 1 - 1e-3, 1))  # rounding hides less
            first, second = first + at, second + at
            same = np.linalg.norm(vectors[first] - vectors[second], axis=1) <= near
            pairs.append(np.stack([rows[first[same]], rows[second[same]]]))
    if not any(pair.size for pair in pairs):
        return meeting
    count = len(gallery.code)
    one, other = np.concatenate(pairs, axis=1)
    own = np.arange(count) if meeting is None else np.unique(meeting, return_inverse=True)[1]
    # photos and encounters are the nodes, numbered one after the other; what hangs together is one
    node = np.concatenate([np.arange(count), one]), np.concatenate([count + own, other])
    links = coo_array((np.ones(len(node[0])), node), shape=(count + int(own.max()) + 1,) * 2)
    return connected_components(links, directed=False)[1][:count].astype(np.int64)
