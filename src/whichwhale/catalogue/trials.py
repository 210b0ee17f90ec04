"""Queries whose answer is known: photos of the catalogue itself, each asked as if it were new, or held-out photos of the user's.

A photo of the catalogue is hidden while it is asked, and with it all photos of the same encounter, where the table has a column
`encounter`: two pictures of one pass are nearly one picture, and would promise what no new photo keeps. Each is asked twice, as a
known animal's and, with the whole animal hidden, as a stranger's; against galleries of several sizes (animals drawn by chance);
alone and together with other photos of its animal. If the table says which photos the model had learned from, only the others are
asked, since a model knows its training photos too well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.catalogue.calibration import Asked, background
from whichwhale.catalogue.config import CalibrationConfig
from whichwhale.catalogue.doubles import pictures_in, with_doubles
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.pooling import pooled, together
from whichwhale.catalogue.search import MOST_COSINES, Searcher, best_first
from whichwhale.catalogue.table import meetings
from whichwhale.catalogue.thinning import Thinning

LEAST_UNLEARNED = 50  # photos that the model did not learn from; with fewer, all are asked


@dataclass(frozen=True, eq=False)
class Query:
    """Photos of one animal: `vectors` [m, D], its place among the gallery's animals (-1: not there), and the rows that are
    hidden."""

    vectors: NDArray[np.float32]
    animal: int
    name: str
    hidden: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trials:
    """Queries as search answered them, [Q]: `target`, the column of the right answer among the K + 2 of a table of probabilities;
    whether it is a stranger's; the `share` of the animals that were searched; `name` of the animal; whether animals were
    `thinned` to fewer photos than the catalogue has of them (thinning.py)."""

    asked: Asked
    target: NDArray[np.int64]
    stranger: NDArray[np.bool_]
    share: NDArray[np.float64]
    name: NDArray[np.str_]
    thinned: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.target)

    def only(self, kept: NDArray) -> Trials:
        """Some of the queries."""
        return Trials(
            self.asked.only(kept), self.target[kept], self.stranger[kept], self.share[kept], self.name[kept], self.thinned[kept]
        )


def own_queries(gallery: Gallery, config: CalibrationConfig) -> tuple[list[Query], float | None]:
    """Photos of the gallery to be asked, drawn by the seed, and the share of them that the model had learned from (None:
    unknown)."""
    table = gallery.table
    learned = table["learned"].to_numpy(str) if "learned" in table else np.full(len(table), "")
    eligible = np.flatnonzero(learned == "no")
    if len(eligible) < LEAST_UNLEARNED:
        eligible = np.arange(len(table))
    share = None if (learned[eligible] == "").any() else float((learned[eligible] == "yes").mean())
    meeting = with_doubles(meetings(table), gallery)
    queries = []
    for rows in _drawn(eligible, gallery.code, meeting, config, _met_again(gallery.code, meeting)):
        same = gallery.code == gallery.code[rows[0]]
        hidden = rows if meeting is None else np.union1d(rows, np.flatnonzero(same & np.isin(meeting, meeting[rows])))
        animal = int(gallery.code[rows[0]])
        queries.append(Query(gallery.vectors(rows), animal, gallery.animals[animal], hidden))
    return queries, share


def held_out_queries(gallery: Gallery, photos: Incoming, config: CalibrationConfig) -> tuple[list[Query], float | None]:
    """The user's photos with known animals, some of whom may be strangers, and the share of them that the model had learned from:
    0, or None if `learned` does not say so of each. Hidden are the gallery's photo of the same name, the same picture under any
    name, and those of the same animal and encounter.

    Raises:
        CatalogueError: as `not_learned`.
    """
    photos = not_learned(photos, "queries")
    table = photos.table
    code, names = pd.factorize(table["animal"], sort=True)
    place = {name: number for number, name in enumerate(gallery.animals)}
    twin, picture = gallery.photos.get_indexer(pd.Index(table["photo"])), pictures_in(gallery, photos)
    meeting = meetings(table)
    met = gallery.table.groupby(["animal", "encounter"]).indices if meeting is not None and "encounter" in gallery.table else {}
    queries = []
    for rows in _drawn(np.arange(len(table)), code, meeting, config):
        name = str(names[code[rows[0]]])
        hidden = [twin[rows][twin[rows] >= 0], picture[rows][picture[rows] >= 0]]
        if met:
            hidden += [met.get((name, one), hidden[0][:0]) for one in table["encounter"].iloc[rows].unique() if one]
        queries.append(Query(photos.vectors[rows], place.get(name, -1), name, np.unique(np.concatenate(hidden)).astype(np.int64)))
    known = "learned" in table and (table["learned"] == "no").all()
    return queries, 0.0 if known else None


def not_learned(photos: Incoming, where: str) -> Incoming:
    """The labelled photos without those that the model learned from (`learned` says yes), which it knows too well to be asked.

    Raises:
        CatalogueError: none is labelled, the model learned from every one of them.
    """
    if "animal" not in photos.table.columns or (photos.table["animal"] == "").all():
        raise CatalogueError(f"{where}: nobody says whom these photos show; give --query-table with photo and animal")
    photos = photos.only((photos.table["animal"] != "").to_numpy(), "nobody says whom they show")
    if "learned" not in photos.table.columns:
        return photos
    kept = (photos.table["learned"] != "yes").to_numpy()
    if not kept.any():
        raise CatalogueError(
            f"{where}: the model learned from every one of these {len(kept)} photos, so they say nothing of new ones; give "
            "photos that it has not seen"
        )
    return photos.only(kept, "the model learned from them")


def _met_again(code: NDArray[np.int64], meeting: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    """Photos [N] whose animal has one of another meeting (of no known one: another photo)."""
    met = np.arange(len(code)) if meeting is None else meeting
    count = pd.DataFrame({"animal": code, "met": met}).groupby("animal")["met"].nunique()
    return count.loc[code].to_numpy() > 1


def _drawn(
    eligible: NDArray[np.int64],
    code: NDArray[np.int64],
    meeting: NDArray[np.int64] | None,
    config: CalibrationConfig,
    again: NDArray[np.bool_] | None = None,
) -> Iterator[NDArray[np.int64]]:
    """Rows of each query: single photos, then groups of one animal, of one encounter where that is known. At least half of the
    single photos, while there are such, are among `again` [N], whose animal is known by another meeting: others can be asked as
    strangers' alone. A group of the catalogue's own photos (`again` is given) leaves its animal one at least, where nobody knows
    the encounters: else animals of as many photos would be asked as strangers alone, and the number of photos would tell."""
    for number, together_ in enumerate(sorted(set(config.encounters))):
        order = np.random.default_rng([config.seed, number]).permutation(eligible)
        if together_ == 1:
            if again is not None:
                both, lone = order[again[order]], order[~again[order]]
                usual = int(again[order[: config.queries]].sum())
                both = both[: max(usual, config.queries // 2)]
                order = np.concatenate([both, lone[: max(config.queries - len(both), 0)]])
            for row in order[: config.queries]:
                yield np.array([row])
            continue
        groups: dict[tuple[int, int], list[int]] = {}
        for row in order.tolist():
            groups.setdefault((int(code[row]), 0 if meeting is None else int(meeting[row])), []).append(row)
        whole, photos = [], np.bincount(code)
        for (animal, _), rows in groups.items():
            size = together_ if again is None or meeting is not None else min(together_, int(photos[animal]) - 1)
            if size > 1:
                whole += [rows[at : at + size] for at in range(0, len(rows) - size + 1, size)]
        for rows in whole[: config.queries // 2]:
            yield np.array(rows)


def run(
    gallery: Gallery, queries: Sequence[Query], cohort_rows: NDArray[np.int64], config: CalibrationConfig, scale: float
) -> Trials:
    """Ask each query as a known animal's and as a stranger's, of galleries of every size, of which it may look at some photos
    (thinning.py).

    Args:
        cohort_rows: rows of the gallery that are the cohort; scale: of the pool.
    """
    searcher = Searcher(gallery, exact=True)
    searcher.scale = scale
    column = np.empty(len(gallery), np.int64)
    column[searcher.rows] = np.arange(len(gallery))
    cohort, cohort_animal = gallery.vectors(cohort_rows), gallery.code[cohort_rows]
    found, thinning = _Found(config.candidates), _thinning(searcher, config.seed)
    for number, query, cosines in _cosines(searcher, queries):
        thinned, photos = thinning.thins(number) and len(query.vectors) == 1, searcher.counts
        visible = np.isin(np.arange(len(column)), column[query.hidden], invert=True)
        if len(query.vectors) == 1:
            visible = thinning.visible(number, query.animal, column[query.hidden])
            photos = np.add.reduceat(visible.astype(np.int64), searcher.starts)
        cosines[:, ~visible] = -np.inf
        scores = together(pooled(cosines, searcher.starts, searcher.pool, scale), searcher.pool)
        there = np.isfinite(scores)
        if len(query.vectors) > 1 and query.animal >= 0 and there[query.animal]:
            scores[query.animal] += _made_up(searcher, query, scale)
        for place, size in enumerate(config.sizes):
            draw = np.random.default_rng([config.seed, 1, number, place])
            drawn = there & ((draw.random(len(scores)) < size) if size < 1 else True)
            others = np.flatnonzero(drawn & (np.arange(len(scores)) != query.animal))
            if len(others) < 2:
                continue
            left_out = int(draw.choice(others))
            for stranger in (False, True):
                if not stranger and (query.animal < 0 or not there[query.animal]):
                    continue
                # Each way one animal is hidden: a gallery that is smaller by one must not tell who is a stranger.
                hides = stranger and query.animal >= 0
                searched, among = drawn.copy(), ~np.isin(cohort_rows, query.hidden)
                if not hides:
                    searched[left_out] = False
                if query.animal >= 0:
                    searched[query.animal] = not stranger
                if hides:
                    among &= cohort_animal != query.animal
                if among.any():
                    about = background(query.vectors, cohort[among], searcher.pool)
                    found.take(
                        query,
                        np.where(searched, scores, -np.inf),
                        photos,
                        int(searched.sum()),
                        about,
                        stranger,
                        size,
                        thinned,
                    )
    return found.trials()


def _made_up(searcher: Searcher, query: Query, scale: float) -> float:
    """What the right animal of several photos lacks in score while `query.hidden` are hidden, which nothing will hide from new
    photos, and nothing hides from the other animals: were these to lose as many photos as are asked together, hardly any would be
    left, and what an encounter says of animals of many photos could not be learned.

    log_sum_exp is the logarithm of a sum over the animal's photos, so the h of its n photos that are hidden cost it the share
    h / n of the sum, as far as photos are exchangeable. Other pools have no such sum."""
    if searcher.pool.kind != "log_sum_exp":
        return 0.0
    photos, hidden = int(searcher.counts[query.animal]), int((searcher.gallery.code[query.hidden] == query.animal).sum())
    return float(np.log(photos / (photos - hidden)) / scale)


def _thinning(searcher: Searcher, seed: int) -> Thinning:
    gallery = searcher.gallery
    meeting = with_doubles(meetings(gallery.table), gallery)
    return Thinning(searcher.starts, len(searcher.rows), None if meeting is None else meeting[searcher.rows], seed)


def _cosines(searcher: Searcher, queries: Sequence[Query]) -> Iterator[tuple[int, Query, NDArray[np.float32]]]:
    """Each query with its cosines [m, N], animal by animal; some at a time, so that the photos are read seldom."""
    most, at = max(1, MOST_COSINES // len(searcher.rows)), 0
    while at < len(queries):
        end, photos = at, 0
        while end < len(queries) and (end == at or photos + len(queries[end].vectors) <= most):
            photos += len(queries[end].vectors)
            end += 1
        cosines, start = searcher.cosines(np.concatenate([query.vectors for query in queries[at:end]])), 0
        for number in range(at, end):
            stop = start + len(queries[number].vectors)
            yield number, queries[number], cosines[start:stop]
            start = stop
        at = end


def halves(names: NDArray[np.str_], key: str) -> NDArray[np.int64]:
    """0 or 1 for each name [N]: animals dealt to two halves that differ by one at most, by a hash of their names and `key`."""
    animals, code = np.unique(names, return_inverse=True)
    order = sorted(range(len(animals)), key=lambda place: hashlib.sha256(f"{key} {animals[place]}".encode()).digest())
    side = np.empty(len(animals), np.int64)
    side[order] = np.arange(len(animals)) % 2
    return side[code]


class _Found:
    """Collects trials, a row at a time."""

    def __init__(self, candidates: int) -> None:
        self.candidates = candidates
        self.score: list[NDArray] = []
        self.photos: list[NDArray] = []
        self.rest: list[tuple] = []

    def take(
        self,
        query: Query,
        scores: NDArray[np.float32],
        photos: NDArray[np.int64],
        animals: int,
        about: tuple[float, float],
        stranger: bool,
        share: float,
        thinned: bool,
    ) -> None:
        best = best_first(scores, self.candidates)
        score = np.full(self.candidates, -np.inf)
        score[: len(best)] = scores[best]
        seen = np.ones(self.candidates)
        seen[: len(best)] = photos[best]
        place = np.flatnonzero(best == query.animal)
        target = self.candidates + 1 if stranger else int(place[0]) if len(place) else self.candidates
        self.score.append(score)
        self.photos.append(seen)
        self.rest.append((animals, len(query.vectors), *about, target, stranger, share, query.name, thinned))

    def trials(self) -> Trials:
        columns = [np.array(values) for values in zip(*self.rest, strict=True)] if self.rest else [np.zeros(0)] * 9
        animals, own, level, spread, target, stranger, share, name, thinned = columns
        score = np.array(self.score).reshape(-1, self.candidates)
        photos = np.array(self.photos).reshape(-1, self.candidates)
        asked = Asked(score, animals.astype(np.int64), own.astype(np.int64), level, spread, photos)
        return Trials(asked, target.astype(np.int64), stranger.astype(bool), share, name.astype(str), thinned.astype(bool))


def choose_cohort(gallery: Gallery, config: CalibrationConfig) -> NDArray[np.int64]:
    """Rows, ascending: one photo of each of at most `cohort` animals, drawn by the seed."""
    draw = np.random.default_rng([config.seed, 2])
    order = draw.permutation(len(gallery))
    _, first = np.unique(gallery.code[order], return_index=True)
    rows = order[first]
    return np.sort(draw.permutation(rows)[: config.cohort])


def fit_scale(
    gallery: Gallery, queries: Sequence[Query], scales: Sequence[float], powers: Sequence[float], seed: int = 0
) -> float:
    """The scale of log_sum_exp whose scores, each times the best of `powers`, give the least log loss of the right animal."""
    searcher = Searcher(gallery, exact=True)
    column = np.empty(len(gallery), np.int64)
    column[searcher.rows] = np.arange(len(gallery))
    loss, thinning = np.zeros((len(scales), len(powers))), _thinning(searcher, seed)
    for number, query, cosines in _cosines(searcher, queries):
        cosines[:, ~thinning.visible(number, query.animal, column[query.hidden])] = -np.inf
        for row, scale in enumerate(scales):
            scores = together(pooled(cosines, searcher.starts, searcher.pool, scale), searcher.pool).astype(np.float64)
            if query.animal < 0 or not np.isfinite(scores[query.animal]):
                break
            above = scores[None] - scores[query.animal]
            loss[row] += np.log(np.exp(np.array(powers)[:, None] * np.minimum(above, 5.0)).sum(axis=1))
    return float(scales[int(loss.min(axis=1).argmin())])
