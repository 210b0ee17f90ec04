"""Configuration of a catalogue; it is kept in the catalogue's own catalogue.json."""

from __future__ import annotations

from typing import Literal

import pydantic

from whichwhale.config import Config

Storage = Literal["float32", "float16", "int8"]


class PoolConfig(Config):
    """How the photos of an animal, and those of an encounter, become one score (a cosine, pooling.py).

    kind: max (the nearest photo), mean_top_k (the mean of the `k` nearest) or log_sum_exp (ln sum exp(scale cos) / scale: a
    kernel density, between the nearest photo alone and all of them).
    """

    kind: Literal["max", "mean_top_k", "log_sum_exp"] = "log_sum_exp"
    k: int = pydantic.Field(3, ge=1)  # of mean_top_k
    scale: float | None = pydantic.Field(None, gt=0)  # of log_sum_exp; null: fitted with the calibration
    encounter: Literal["mean", "max"] = "mean"  # over the photos of a query

    @pydantic.model_validator(mode="after")
    def _keys_of_the_kind(self) -> PoolConfig:
        if self.kind != "mean_top_k" and self.k != type(self).model_fields["k"].default:
            raise ValueError(f"k means nothing to kind={self.kind}; leave it out, or take kind=mean_top_k")
        if self.kind != "log_sum_exp" and self.scale is not None:
            raise ValueError(f"scale means nothing to kind={self.kind}; leave it out, or take kind=log_sum_exp")
        return self


class IndexConfig(Config):
    """The approximate index (FAISS: an inverted file of product-quantised codes; approximate.py), for catalogues of more than
    `above` vectors; below that, and behind filters that leave few photos, search is exact.

    The index proposes the `fetch` nearest photos. Of their animals those `scored` that look best by these photos alone (or a
    fifth more than are asked for) are then scored exactly, over all their photos. Photos that were added since it was made are
    searched exactly, removed ones are passed over; once both make up the share `pending` of it, it is brought up to date, and
    once the share `stale` of it was not there when it was made, or is not there any more, it is made anew.
    """

    above: int = pydantic.Field(50_000, ge=0)
    energy: float = pydantic.Field(0.95, gt=0, le=1)  # of the vectors, that the directions hold which it keeps
    cell: int = pydantic.Field(1000, ge=1)  # photos a cell, about
    probe: float = pydantic.Field(0.4, gt=0, le=1)  # share of the cells that a search looks into: better and slower
    candidates: int = pydantic.Field(512, ge=1)  # at least, by codes of 4 bits, of which codes of 8 bits choose those proposed
    fetch: int = pydantic.Field(512, ge=1)
    scored: int = pydantic.Field(48, ge=1)
    pending: float = pydantic.Field(0.02, ge=0, le=1)
    stale: float = pydantic.Field(0.3, gt=0, le=1)
    threads: int = pydantic.Field(0, ge=0)  # that make it; 0: all cores


class CalibrationConfig(Config):
    """How probabilities are fitted (calibration.py): on at most `queries` photos of the catalogue, each asked as if it were new,
    against galleries of the shares `sizes` of the animals, alone and as encounters of so many photos."""

    queries: int = pydantic.Field(1500, ge=1)
    candidates: int = pydantic.Field(40, ge=1)  # animals that get a probability each; the others share one
    cohort: int = pydantic.Field(512, ge=2)  # photos that tell how a query looks among strangers
    sizes: list[float] = pydantic.Field([1.0, 0.25], min_length=1)
    encounters: list[int] = pydantic.Field([1, 2, 4], min_length=1)
    seed: pydantic.NonNegativeInt = 0

    @pydantic.model_validator(mode="after")
    def _sizes_are_shares(self) -> CalibrationConfig:
        if not all(0 < size <= 1 for size in self.sizes):
            raise ValueError(f"sizes={self.sizes}: each is a share of the animals, above 0 and at most 1")
        if not all(photos >= 1 for photos in self.encounters):
            raise ValueError(f"encounters={self.encounters}: each is a number of photos, at least 1")
        return self


class CatalogueConfig(Config):
    """All that can be set when a catalogue is built. `storage` is how vectors lie on disk: float16 halves and int8 quarters
    it."""

    storage: Storage = "float32"
    pool: PoolConfig = PoolConfig()
    index: IndexConfig = IndexConfig()
    calibration: CalibrationConfig = CalibrationConfig()
