"""Search by several parts: a catalogue whose photos each show a part, and sightings of which several parts were photographed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.answers import Answer, Match
from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.parts import FusionFile
from whichwhale.catalogue.table import meetings
from whichwhale.score.odds import log_posterior, mean_ratio
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
    of the parts that both it and the sighting show; nobody has the prior new_rate. Two numbers fitted with the weights make
    probabilities of a search of them (score/odds.py). As when weights are fitted, of the photos of a part in one sighting (in the
    catalogue: those of one `encounter`, each photo where none is known) the most alike count; over an animal's several sightings
    the likelihood ratios of a part are averaged, so that many photos make nobody likelier by their number.

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
    meeting = meetings(gallery.table)
    meeting = np.arange(len(gallery)) if meeting is None else meeting
    order = kept[np.lexsort((meeting[kept], gallery.code[kept], places))]
    animals, animal = np.unique(gallery.code[order], return_inverse=True)
    part = np.array([fitted.parts.index(one) for one in gallery.table["part"].iloc[order]])
    known = _Known(gallery.vectors(order).astype(np.float64), part, animal, meeting[order], len(animals))
    counts = np.bincount(animal)
    if "encounter" not in photos.table.columns:
        told.append("the photos have no column `encounter`, so each is asked alone")
    names = photos.table["encounter"] if "encounter" in photos.table.columns else pd.Series("", index=photos.table.index)
    names = names.where(names != "", photos.table["photo"])
    found = []
    for name, rows in sorted(photos.table.groupby(names, sort=True).indices.items()):
        ratios, cosine, best, own = known.compared(photos, rows, fitted)
        if np.isnan(cosine).all():
            told.append(f"{name}: left out; it shows no part that has a weight and that an animal of the catalogue shows")
            continue
        ratio = np.nan_to_num(ratios).sum(axis=1)
        p = np.exp(log_posterior(ratio[None], fitted.odds, new_rate)[0])
        ranked = np.argsort(-p[:-1], kind="stable")
        strongest = np.nan_to_num(ratios, nan=-np.inf).argmax(axis=1)
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


@dataclass(frozen=True, eq=False)
class _Known:
    """The catalogue's photos [N], part by part, animal by animal, meeting by meeting: `vectors` [N, D]; `part`, `animal` (below
    `animals`) and `meeting` numbers."""

    vectors: NDArray[np.float64]
    part: NDArray[np.int64]
    animal: NDArray[np.int64]
    meeting: NDArray[np.int64]
    animals: int

    def compared(
        self, photos: Incoming, rows: NDArray[np.int64], fitted: FusionFile
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """A sighting, `rows` of `photos`, with every animal, part by part [animals, K]: the log likelihood ratio, the cosine of
        the most alike photos (NaN: one of the two shows none), the number of the animal's one, and the sighting's (-1: none)."""
        shape = self.animals, len(fitted.parts)
        ratio, cosine = np.full(shape, np.nan), np.full(shape, np.nan)
        best, own = np.full(shape, -1), np.full(shape, -1)
        shown = photos.table["part"].to_numpy(str)[rows]
        for k, name in enumerate(fitted.parts):
            here, mine = np.flatnonzero(self.part == k), rows[shown == name]
            if not len(here) or not len(mine):
                continue
            cosines = self.vectors[here] @ photos.vectors[mine].astype(np.float64).T
            near, animal = cosines.max(axis=1), self.animal[here]
            meets = _starts(animal, self.meeting[here])
            of = animal[meets]
            log_ratio = fitted.slope[k] * np.maximum.reduceat(near, meets) + fitted.offset[k]
            first = _starts(of)
            ratio[of[first], k] = mean_ratio(log_ratio, first)
            nearest = np.lexsort((-near, animal))[_starts(animal)]
            cosine[animal[nearest], k], best[animal[nearest], k] = near[nearest], here[nearest]
            own[animal[nearest], k] = mine[cosines[nearest].argmax(axis=1)]
        return ratio, cosine, best, own


def _starts(*sorted_by: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a new group begins in rows [N] that lie group by group."""
    changes = np.logical_or.reduce([np.diff(one) != 0 for one in sorted_by])
    return np.flatnonzero(np.append(True, changes))
