"""Are two points of an animal exchanged? What a table of annotations can tell without looking at the photos.

Three hints, from sure to weak: parts that lie behind the head (fluke, flippers) are nearer the hind point; two animals' points
lie in each other's boxes; and a box drawn around a head reaches further beyond one point than beyond the other, the same one in
most photos.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BEHIND = ("fluke", "flipper", "tail", "body", "dorsal")  # parts, by a piece of their names
FEWEST = 50  # photos from which on their lean says anything


def lean(front: NDArray, back: NDArray, centre: NDArray) -> NDArray[np.float64]:
    """How far a box's centre lies from the points' middle toward `back`, in their distance; all [n, 2], returns [n].

    NaN where the points coincide or anything is missing. Points exchanged change the sign.
    """
    along = back - front
    square = (along**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, ((centre - (front + back) / 2) * along).sum(axis=1) / square, np.nan)


def odds(leans: NDArray) -> NDArray[np.float64]:
    """For each lean t: of the other photos, how many times more lean as far as −t (that way or further) than as far as t.

    Large: the points would be as in other photos if they were exchanged. 1 for NaN, for leans on the usual side, and
    where fewer than `FEWEST` photos have one. One photo is added to the rarer side, so that none makes a lean impossible.
    """
    known = leans[np.isfinite(leans)]
    result = np.ones(len(leans))
    if len(known) < FEWEST:
        return result
    side = 1.0 if np.median(known) >= 0 else -1.0
    ordered = np.sort(known * side)
    for i in np.flatnonzero(np.isfinite(leans) & (leans * side < 0)):
        t = leans[i] * side
        as_far = np.searchsorted(ordered, t, side="right") - 1  # without itself
        the_other_way = len(ordered) - np.searchsorted(ordered, -t, side="left")
        result[i] = the_other_way / (as_far + 1)
    return result


def power(leans: NDArray, least: float) -> float:
    """Share of the photos whose points, if they alone were exchanged, would get odds of `least` or more; NaN for too few photos.

    Boxes that everybody draws in the same way tell nearly all; boxes that reach as far beyond either point tell nobody.
    """
    known = leans[np.isfinite(leans)]
    if len(known) < FEWEST:
        return float("nan")
    ordered = np.sort(known * (1.0 if np.median(known) >= 0 else -1.0))
    as_far = np.searchsorted(ordered, -ordered, side="right") - (ordered <= 0)  # both without itself
    the_other_way = len(ordered) - np.searchsorted(ordered, ordered, side="left") - 1
    return float(np.mean((ordered > 0) & (the_other_way >= least * (as_far + 1))))


def behind(part: str) -> bool:
    """Whether a part of this name lies behind the head."""
    return any(piece in part.lower() for piece in BEHIND)
