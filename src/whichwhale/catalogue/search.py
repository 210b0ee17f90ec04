"""Which animals of a catalogue are nearest: exact by default, by the approximate index where there is one.

Either way the animals that are named were scored exactly, over all their photos that the filters leave; an index only proposes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.approximate import Proposer, open_index
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.gallery import BLOCK, Gallery
from whichwhale.catalogue.pooling import DEFAULT_SCALE, pooled, together

MOST_COSINES = 2**25  # of a chunk of queries with all photos, held at a time
BESIDE = 16  # rows that are asked of the index to see whether a picture is among them
# The index knows nothing of filters: of photos that are few among all the nearest lie far down, where it finds fewer of them.
FILTERED = 0.3
WIDEN = 8  # times `fetch` proposals are asked for, if they name too few animals, before search is exact


@dataclass(frozen=True, eq=False)
class Ranking:
    """The nearest animals of one query, nearest first; K of the `animals` that were searched.

    animal [K]: places in the gallery's `animals`; score [K]: pooled cosines; photos [K]: of each that were searched; row [K],
    own [K] and cosine [K]: its photo nearest to any of the query's, which of the query's that is, and how near the two are.
    """

    animal: NDArray[np.int64]
    score: NDArray[np.float32]
    photos: NDArray[np.int64]
    row: NDArray[np.int64]
    own: NDArray[np.int64]
    cosine: NDArray[np.float32]
    animals: int

    def __len__(self) -> int:
        return len(self.animal)


class Searcher:
    """A gallery, as filters leave it, ready to be asked many times.

    Args:
        conditions: as `filters.matching` takes them.
        exact: don't ask the index.

    Raises:
        CatalogueError: the filters leave no photo.
    """

    def __init__(self, gallery: Gallery, conditions: Sequence[str] = (), exact: bool = False) -> None:
        self.gallery, self.pool = gallery, gallery.manifest.config.pool
        calibration = gallery.manifest.calibration
        fitted = calibration.scale if calibration is not None else None
        self.scale = self.pool.scale or fitted or DEFAULT_SCALE
        kept = matching(gallery.table, conditions)
        if not kept.any():
            raise CatalogueError(f"{gallery.folder}: no photo meets {' and '.join(conditions)}; `list` shows the columns' values")
        rows = np.flatnonzero(kept)
        self.rows = rows[np.argsort(gallery.code[rows], kind="stable")]  # animal by animal
        self.animal, self.starts = np.unique(gallery.code[self.rows], return_index=True)
        self.counts = np.diff(np.append(self.starts, len(self.rows)))
        self._all = len(rows) == len(gallery)
        self._place = np.full(len(gallery), -1, np.int64)  # of each row's animal among those searched
        self._place[self.rows] = np.repeat(np.arange(len(self.animal)), self.counts)
        self.index: Proposer | None = None
        least = max(gallery.manifest.config.index.above, FILTERED * len(gallery))
        if not exact and len(rows) > least:
            self.index = open_index(gallery)

    def rank(self, queries: Sequence[NDArray[np.float32]], count: int) -> list[Ranking]:
        """For each query, the unit vectors [photos, D] of one animal's photos, the `count` nearest animals (fewer if there
        are)."""
        for number, query in enumerate(queries):
            if query.ndim != 2 or query.shape[1:] != (self.gallery.manifest.model.dims,) or not len(query):
                raise CatalogueError(
                    f"query {number}: vectors of shape {query.shape}, not [photos, {self.gallery.manifest.model.dims}]"
                )
        if self.index is not None:
            return [self._proposed(query, count) for query in queries]
        return [ranking for chunk in self._chunks(queries) for ranking in self._exact(chunk, count)]

    def nearest_rows(self, vectors: NDArray[np.float32]) -> list[NDArray[np.int64]] | None:
        """Of each of the unit vectors [N, D] the nearest of the gallery's rows, BESIDE or more, as the index proposes them, in no
        order; None without an index."""
        if self.index is None:
            return None
        return [self._near(one[None], BESIDE)[0] for one in vectors]

    def cosines(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines [Q, N] of unit vectors with all photos searched, animal by animal (the order of `rows`)."""
        found = np.empty((len(vectors), len(self.rows)), np.float32)
        if self._all:
            in_order = np.empty((len(vectors), len(self.gallery)), np.float32)
            for rows, block in self.gallery.blocks():
                in_order[:, rows] = vectors @ block.T
            return np.take(in_order, self.rows, axis=1, out=found)
        for at in range(0, len(self.rows), BLOCK):
            found[:, at : at + BLOCK] = vectors @ self.gallery.vectors(self.rows[at : at + BLOCK]).T
        return found

    def _chunks(self, queries: Sequence[NDArray[np.float32]]) -> Iterator[list[NDArray[np.float32]]]:
        """Queries together as long as their cosines fit in memory: the photos are read once a chunk."""
        most, chunk = max(1, MOST_COSINES // len(self.rows)), []
        for query in queries:
            if chunk and sum(map(len, chunk)) + len(query) > most:
                yield chunk
                chunk = []
            chunk.append(query)
        if chunk:
            yield chunk

    def _exact(self, queries: list[NDArray[np.float32]], count: int) -> list[Ranking]:
        cosines = self.cosines(np.concatenate(queries))
        rankings, at = [], 0
        for query in queries:
            own = cosines[at : at + len(query)]
            at += len(query)
            rankings.append(self._ranked(own, self.rows, np.arange(len(self.animal)), self.starts, count))
        return rankings

    def _ranked(
        self,
        cosines: NDArray[np.float32],
        rows: NDArray[np.int64],
        places: NDArray[np.int64],
        starts: NDArray[np.int64],
        count: int,
    ) -> Ranking:
        """From cosines [photos, N] with photos `rows` [N] that lie animal by animal: `places` [A], first columns `starts` [A]."""
        scores = together(pooled(cosines, starts, self.pool, self.scale), self.pool)
        best = best_first(scores, count)
        ends = np.append(starts, len(rows))
        nearest, near = np.empty(len(best), np.int64), cosines.max(axis=0)
        for place, one in enumerate(best):
            nearest[place] = starts[one] + near[starts[one] : ends[one + 1]].argmax()
        where, own = places[best], cosines[:, nearest].argmax(axis=0)
        return Ranking(self.animal[where], scores[best], self.counts[where], rows[nearest], own, near[nearest], len(self.animal))

    def _proposed(self, query: NDArray[np.float32], count: int) -> Ranking:
        config = self.gallery.manifest.config.index
        fetch, most, wanted = config.fetch, WIDEN * config.fetch, min(count, len(self.animal))
        while True:
            rows, near = self._near(query, fetch)
            place = self._place[rows]
            order = np.argsort(place, kind="stable")  # animal by animal, those that the filters leave out first
            order = order[np.searchsorted(place, 0, sorter=order) :]
            near, place = near[:, order], place[order]
            first = np.flatnonzero(np.diff(place, prepend=-1))
            if len(first) >= wanted:
                break
            if fetch >= most:
                return self._exact([query], count)[0]
            fetch = min(2 * fetch, most)
        places = place[first]
        if len(places) > (scored := max(config.scored, 6 * wanted // 5)):
            places = np.sort(places[self._promising(near, first, scored)])
        counts = self.counts[places]
        starts = np.cumsum(counts) - counts
        columns = np.repeat(self.starts[places] - starts, counts) + np.arange(counts.sum())
        rows = self.rows[columns]
        return self._ranked(query @ self.gallery.vectors(rows).T, rows, places, starts, count)

    def _promising(self, near: NDArray[np.float32], starts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """Which animals have the best scores by their proposed photos alone; `near` [photos, R] lies animal by animal, from
        `starts` [A] on."""
        if self.pool.kind == "mean_top_k":  # photos that were not proposed are no nearer than the least that was
            counts = np.diff(starts, append=near.shape[1]) + self.pool.k
            more = np.broadcast_to(near.min(axis=1, keepdims=True), (len(near), self.pool.k * len(starts)))
            near = np.insert(near, np.repeat(starts, self.pool.k), more, axis=1)
            starts = np.cumsum(counts) - counts
        return best_first(together(pooled(near, starts, self.pool, self.scale), self.pool), count)

    def _near(self, query: NDArray[np.float32], fetch: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows [R] of the photos that the index proposes for any of the query's, and of those that it doesn't hold the nearest;
        and how near each is to each, [photos, R], of those that were not proposed for one of the query's no nearer than the
        others."""
        assert self.index is not None
        outside, vectors = self._unindexed
        if len(query) == 1 and not len(outside):
            rows, cosine = self.index.near(query[0], fetch)
            return rows, cosine[None]
        proposed = [self.index.near(vector, fetch) for vector in query]
        cosines = query @ vectors.T
        if len(outside) > fetch:
            some = np.unique(np.argpartition(-cosines, fetch, axis=1)[:, :fetch])
            outside, cosines = outside[some], cosines[:, some]
        rows = np.unique(np.concatenate([outside, *(found for found, _ in proposed)]))
        near = np.empty((len(query), len(rows)), np.float32)
        for values, (found, cosine), others in zip(near, proposed, cosines, strict=True):
            values[:] = min(cosine.min(initial=1.0), others.min(initial=1.0))
            values[np.searchsorted(rows, found)] = cosine
            values[np.searchsorted(rows, outside)] = others
        return rows, near

    @cached_property
    def _unindexed(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        assert self.index is not None
        rows = self.index.outside[self._place[self.index.outside] >= 0]
        return rows, self.gallery.vectors(rows)


def best_first(scores: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Places of the `count` largest scores, largest first, of equal ones the first; -inf is not among them."""
    count = min(count, int(np.isfinite(scores).sum()))
    if count == 0:
        return np.zeros(0, np.int64)
    least = scores[np.argpartition(-scores, count - 1)[count - 1]]
    among = np.flatnonzero(scores >= least)  # all that tie with the last one
    return among[np.argsort(-scores[among], kind="stable")][:count]
