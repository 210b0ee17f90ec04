"""One photo under two names, one name for two photos: found before anything is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.config import Storage
from whichwhale.catalogue.encoding import decode, encode, fingerprints
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import BLOCK, Gallery
from whichwhale.catalogue.incoming import Incoming

SAME_PHOTO = 0.9999  # cosine above which two vectors of one name are one photo's, computed twice
SHOWN = 10


def without_doubles(incoming: Incoming, gallery: Gallery | None, storage: Storage, keep: bool) -> Incoming:
    """Without the photos that are in the catalogue (or among `incoming`) already: by their name, by their bytes (`photo_sha`), or
    by their vector, number for number.

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
                conflicts.append(
                    f"{names[before + new]}: is there as {animal}, here as {animals[before + new]}; "
                    f"`split {animal} --photos {names[before + new]} --to {animals[before + new]}` if that is right"
                )
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
            conflicts.append(
                f"{names[before + new]} ({animals[before + new]}) is the same picture as {names[first]} ({animals[first]}); "
                "leave one out, `merge` the two if they are one animal, or --keep-doubles"
            )
    if conflicts:
        more = [f"… and {len(conflicts) - SHOWN} more"] if len(conflicts) > SHOWN else []
        raise CatalogueError("\n  ".join(["nothing was written:", *conflicts[:SHOWN], *more]))
    kept = incoming.only(~out)
    return Incoming(kept.table, kept.vectors, kept.model, told)


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
    parts = [incoming.vectors[at : at + BLOCK] for at in range(0, len(incoming), BLOCK)]
    new = np.concatenate([fingerprints(encode(part, storage)) for part in parts])
    prints = new if gallery is None else np.concatenate([gallery.keys[gallery.place, 1], new])
    pairs = _repeated(prints, len(new))
    if "photo_sha" in incoming.table.columns:
        shas = incoming.table["photo_sha"].to_numpy(object)
        if gallery is not None:
            old = (
                gallery.table["photo_sha"].to_numpy(object) if "photo_sha" in gallery.table else np.full(len(gallery), "", object)
            )
            shas = np.concatenate([old, shas])
        pairs |= {pair for pair in _repeated(shas, len(new)) if shas[pair[0]]}
    before = len(prints) - len(new)
    return sorted((first, row - before) for first, row in pairs)


def _repeated(values: NDArray, new: int) -> set[tuple[int, int]]:
    """(first row, row) of those of the last `new` values that stand further up as well."""
    again = np.flatnonzero(pd.Series(values).duplicated(keep="first").to_numpy())
    again = again[again >= len(values) - new]
    if not len(again):
        return set()
    first = pd.Series(np.arange(len(values)), index=values)
    first = first[~first.index.duplicated(keep="first")]
    return {(int(first.loc[values[row]]), int(row)) for row in again}
