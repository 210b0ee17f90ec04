"""Search by several parts: a catalogue whose photos each show a part, and sightings of which several parts were photographed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.answers import Answer, Match
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.parts import FusionFile
from whichwhale.score.odds import log_posterior
from whichwhale.score.ranking import NEW_WHALE


def answers(
    gallery: Gallery,
    photos: Incoming,
    fitted: FusionFile,
    new_rate: float,
    *,
    conditions: Sequence[str] = (),
    top: int = 5,
) -> tuple[list[Answer], list[str]]:
    """Who each sighting shows, and what was left out, a line each. The photos of one `encounter` are a sighting, and so is a
    photo without one.

    Each of the A animals that the conditions leave has the prior (1 - new_rate) / A, and the log likelihood ratio of the cosines
    of the parts that both it and the sighting show, each of the most alike photos; nobody has the prior new_rate. Two numbers
    fitted with the weights make probabilities of a search of them (score/odds.py).
    An animal with many photos of a part is looked at as one with a single photo: its ratio is then somewhat too large.

    Raises:
        CatalogueError: no column part on either side, vectors of other dimensions, a rate that is no share, no photo that meets
            the conditions.
    """
    if not 0 <= new_rate < 1:
        raise CatalogueError(f"the rate of strangers is {new_rate:g}; it is a share, at least 0 and below 1, such as 0.05")
    for table, where in ((gallery.table, str(gallery.folder)), (photos.table, "the photos that are asked about")):
        if "part" not in table.columns or (table["part"] == "").all():
            raise CatalogueError(f"{where}: nobody says what of the animal a photo shows; give a table with a column part")
    kept = np.flatnonzero(matching(gallery.table, conditions) & gallery.table["part"].isin(fitted.parts).to_numpy())
    if not len(kept):
        raise CatalogueError(f"{gallery.folder}: no photo that meets the conditions shows one of {listed(fitted.parts)}")
    unknown = sorted(set(photos.table["part"]) - set(fitted.parts) - {""})
    told = [f"part {listed(unknown)}: no weight was fitted for it, so it is left out"] if unknown else []
    there = set(gallery.table["photo"].iloc[kept])
    if itself := [photo for photo in photos.table["photo"] if photo in there]:
        told.append(f"{len(itself)} of the photos are in the catalogue themselves, such as {itself[0]}, and find themselves")
    places = [fitted.parts.index(part) for part in gallery.table["part"].iloc[kept]]
    order = kept[np.lexsort((places, gallery.code[kept]))]
    part = np.array([fitted.parts.index(one) for one in gallery.table["part"].iloc[order]])
    vectors = gallery.vectors(order).astype(np.float64)
    animals, animal = np.unique(gallery.code[order], return_inverse=True)
    counts = np.bincount(animal)
    if "encounter" not in photos.table.columns:
        told.append("the photos have no column `encounter`, so each is asked alone")
    names = photos.table["encounter"] if "encounter" in photos.table.columns else pd.Series("", index=photos.table.index)
    names = names.where(names != "", photos.table["photo"])
    found = []
    for name, rows in sorted(photos.table.groupby(names, sort=True).indices.items()):
        cosine, best, own = _best(photos, rows, fitted.parts, vectors, part, animal, len(animals))
        if np.isnan(cosine).all():
            told.append(f"{name}: left out; it shows no part that has a weight and that an animal of the catalogue shows")
            continue
        ratio = fitted.fusion.log_ratio(cosine)
        p = np.exp(log_posterior(ratio[None], fitted.odds, new_rate)[0])
        ranked = np.argsort(-p[:-1], kind="stable")
        strongest = np.nan_to_num(cosine * np.array(fitted.slope) + np.array(fitted.offset), nan=-np.inf).argmax(axis=1)
        matches = [
            Match(
                gallery.animals[animals[one]],
                float(p[one]),
                round(float(ratio[one]), 6),
                int(counts[one]),
                str(gallery.table["photo"].iloc[order[best[one, strongest[one]]]]) if best[one, strongest[one]] >= 0 else "",
                round(float(cosine[one, strongest[one]]), 6) if best[one, strongest[one]] >= 0 else None,
                str(photos.table["photo"].iloc[own[one, strongest[one]]]) if best[one, strongest[one]] >= 0 else "",
            )
            for one in ranked[:top].tolist()
        ]
        guesses = [gallery.animals[animals[one]] for one in ranked[:5]]
        guesses.insert(int((p[ranked[:5]] > p[-1]).sum()), NEW_WHALE)
        shown = photos.table["photo"].iloc[rows].tolist()
        found.append(Answer(str(name), shown, matches, float(p[-1]), float(p[ranked[top:]].sum()), len(animals), guesses[:5]))
    return found, told


def _best(
    photos: Incoming,
    rows: NDArray[np.int64],
    parts: Sequence[str],
    vectors: NDArray[np.float64],
    part: NDArray[np.int64],
    animal: NDArray[np.int64],
    animals: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Cosines [animals, K] of the most alike photos of each part (NaN: none), the row of the animal's one among `vectors`, and
    that of the sighting's among `photos` (-1: none)."""
    shape = animals, len(parts)
    cosine, best, own = np.full(shape, np.nan), np.full(shape, -1), np.full(shape, -1)
    for row in rows.tolist():
        name = photos.table["part"].iloc[row]
        if name not in parts:
            continue
        k = parts.index(name)
        here = np.flatnonzero(part == k)
        for at, value in zip(here.tolist(), (vectors[here] @ photos.vectors[row].astype(np.float64)).tolist(), strict=True):
            if not value <= cosine[animal[at], k]:  # NaN compares false
                cosine[animal[at], k], best[animal[at], k], own[animal[at], k] = value, at, row
    return cosine, best, own
