"""Answers people can use: who it is, how probable that is, and how probable it is that nobody here knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue import bands
from whichwhale.catalogue.calibration import NEW, REST, asked, check_rate, probabilities, ratios
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.manifest import Calibration
from whichwhale.catalogue.search import Ranking, Searcher
from whichwhale.catalogue.trust import too_sure
from whichwhale.score import top5
from whichwhale.score.ranking import NEW_WHALE, ranked_lists

SCHEMA = 1


@dataclass(frozen=True)
class Match:
    """An animal, the calibrated probability that the query shows it (None: the catalogue has no calibration), its pooled score,
    and the photo of it that is nearest to one of the query's, `query_photo`, with the cosine of the two (None, and no photos, of
    an animal that no part of the query's was seen of)."""

    animal: str
    probability: float | None
    score: float
    photos: int
    best_photo: str
    cosine: float | None
    query_photo: str


@dataclass(frozen=True)
class Answer:
    """Of one query, a photo or an encounter of several: the most probable animals first; the probability of `nobody` whom the
    catalogue knows and that of all `others` of the `animals` searched that are not listed; `guesses`, the best five, `new_whale`
    among them where the fitted threshold puts it; `band`: auto, review or new (bands.py), None if no limits were fitted."""

    query: str
    photos: list[str]
    matches: list[Match]
    nobody: float | None
    others: float | None
    animals: int
    guesses: list[str]
    band: str | None = None


def answer(
    searcher: Searcher,
    names: Sequence[str],
    photos: Sequence[Sequence[str]],
    queries: Sequence[NDArray[np.float32]],
    new_rate: float,
    top: int = 5,
) -> list[Answer]:
    """Answers to queries, each the unit vectors [m, D] of one animal's photos.

    Args:
        names: of the queries; photos: names of the photos of each.
        new_rate: share of strangers among such queries, as far as one knows.
        top: animals to list.

    Raises:
        CatalogueError: a rate that is no share, more animals than the calibration gives probabilities to, not a name a photo.
    """
    for name, of, query in zip(names, photos, queries, strict=True):
        if len(of) != len(query):
            raise CatalogueError(f"{name}: {len(of)} names for {len(query)} photos")
    check(searcher.gallery, new_rate, top)
    calibration = searcher.gallery.manifest.calibration
    rankings = searcher.rank(queries, max(top, 5) if calibration is None else calibration.candidates)
    if calibration is None:
        return [
            _answer(searcher, name, of, ranking, None, top, [searcher.gallery.animals[place] for place in ranking.animal[:5]])
            for name, of, ranking in zip(names, photos, rankings, strict=True)
        ]
    asks = asked(rankings, queries, searcher.gallery.cohort, calibration.candidates, searcher.pool)
    table = probabilities(asks, calibration, new_rate)
    limits = bands.at(calibration.bands, new_rate) if calibration.bands else None
    answers = []
    for name, of, ranking, p in zip(names, photos, rankings, table, strict=True):
        animals = [searcher.gallery.animals[place] for place in ranking.animal]
        ratio = ratios(p[None])[:, : len(animals)]
        (guesses,) = ranked_lists(ratio, animals, 5, calibration.threshold)
        found = _answer(searcher, name, of, ranking, p, top, guesses)
        if limits is not None:
            likeliest = float(p[: len(ranking)].max(initial=0.0))
            found = replace(found, band=bands.band(likeliest, float(p[NEW]), limits))
        answers.append(found)
    return answers


def check(gallery: Gallery, new_rate: float, top: int) -> None:
    """Raises CatalogueError for a rate that is no share, and for more animals than the calibration gives probabilities to."""
    check_rate(new_rate)
    calibration = gallery.manifest.calibration
    if top < 1 or (calibration is not None and top > calibration.candidates):
        raise CatalogueError(
            f"top {top}: at least 1, and at most {calibration.candidates if calibration else top}: only so many animals have a "
            "probability of their own (calibration.candidates, when the catalogue is built)"
        )


def _answer(
    searcher: Searcher, name: str, photos: Sequence[str], ranking: Ranking, p: NDArray | None, top: int, guesses: list[str]
) -> Answer:
    gallery = searcher.gallery
    order = np.arange(len(ranking)) if p is None else np.argsort(-p[: len(ranking)], kind="stable")
    matches = [
        Match(
            gallery.animals[ranking.animal[place]],
            None if p is None else float(p[place]),
            round(float(ranking.score[place]), 6),
            int(ranking.photos[place]),
            str(gallery.table["photo"].iloc[ranking.row[place]]),
            round(float(ranking.cosine[place]), 6),
            photos[ranking.own[place]],
        )
        for place in order[:top]
    ]
    nobody = None if p is None else float(p[NEW])
    others = None if p is None else float(p[REST] + p[order[top:]].sum())
    return Answer(name, list(photos), matches, nobody, others, ranking.animals, guesses)


def as_numbers(answers: Sequence[Answer], searcher: Searcher, new_rate: float) -> dict[str, Any]:
    """For JSON; `learned`: the share of the photos behind the calibration that the model had learned from (null: not known), and
    `doubt`, in words, why the probabilities may be too sure; `bands`: the errors allowed, the least probability of an animal in
    auto and of nobody in new."""
    manifest = searcher.gallery.manifest
    return {
        "schema": SCHEMA,
        "catalogue": str(searcher.gallery.folder),
        "generation": manifest.generation,
        "model": manifest.model.weights_sha,
        "animals": len(searcher.animal),
        "photos": len(searcher.rows),
        "new_rate": None if manifest.calibration is None else new_rate,
        "uncalibrated": manifest.uncalibrated or None,
        "learned": None if manifest.calibration is None else manifest.calibration.learned,
        "bands": _limits(manifest.calibration, new_rate),
        "doubt": too_sure(manifest.calibration) or None,
        "answers": [asdict(one) for one in answers],
    }


def _limits(calibration: Calibration | None, new_rate: float) -> dict[str, Any] | None:
    if calibration is None or calibration.bands is None:
        return None
    auto, new = bands.at(calibration.bands, new_rate)
    return {"errors": calibration.bands.errors, "auto": auto, "new": new}


def text(one: Answer) -> str:
    """An answer to read."""
    about = f"{len(one.photos)} photos, " if len(one.photos) > 1 else ""
    lines = [f"{one.query}  ({about}{one.animals} animals searched)" + (f": {one.band}" if one.band else "")]
    wide = max((len(match.animal) for match in one.matches), default=0)
    for match in one.matches:
        p = "      " if match.probability is None else f"{match.probability:6.1%}"
        photos = f"{match.photos} photo{'s' if match.photos > 1 else ''}"
        near = "no part in common" if match.cosine is None else f"nearest {match.best_photo} (cosine {match.cosine:.3f})"
        lines.append(f"  {p}  {match.animal:<{wide}}  {near} of {photos}")
    if one.nobody is not None and one.others is not None:
        lines += [f"  {one.nobody:6.1%}  nobody we know", f"  {one.others:6.1%}  another of the catalogue's animals"]
    return "\n".join(lines)


def check_top5(path: str | Path, searcher: Searcher) -> None:
    """Raises CatalogueError if the animals that are searched can't be answered with in that format (score/top5.py)."""
    known, calibration = [searcher.gallery.animals[place] for place in searcher.animal], searcher.gallery.manifest.calibration
    guesses = len(known) if calibration is None else min(len(known), calibration.candidates) + 1  # `new_whale` is one
    if guesses < top5.GUESSES:
        raise CatalogueError(
            f"{path}: the format wants {top5.GUESSES} guesses, and {len(known)} animals are searched; leave --top5 out, or ask "
            "more animals"
        )
    if unfit := [name for name in known if any(mark in name for mark in ' ,"\r\n')]:
        raise CatalogueError(
            f"{path}: {unfit[0]!r} can't stand in this format, which parts names by blanks ({len(unfit)} such animals); "
            f"`merge {unfit[0]!r} --into NAME` gives it another name, or leave --top5 out: --json takes every name"
        )


def write_top5(path: str | Path, answers: Sequence[Answer], searcher: Searcher) -> None:
    """The guesses as `Image,Id`, a row a photo (score/top5.py); the photos of an encounter have its guesses.

    Raises:
        CatalogueError: as `check_top5`; SubmissionError as `score.top5.write`.
    """
    check_top5(path, searcher)
    known = [searcher.gallery.animals[place] for place in searcher.animal]
    rows = [(photo, one.guesses) for one in answers for photo in one.photos]
    top5.write(path, [photo for photo, _ in rows], [guesses for _, guesses in rows], {*known, NEW_WHALE})
