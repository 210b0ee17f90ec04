"""`fuse`: sightings of which several parts were photographed, face, ear, whiskers, each compared with its like, in one score.

A photo shows one `part`; the photos of one `encounter` (of one side, of one meeting) are a sighting. Of a pair of sightings there
is a cosine for each part that both show, that of their most alike photos; score/fusion.py weighs them. Weights are fitted and
judged on animals that no model was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
from numpy.typing import NDArray

from whichwhale.catalogue.errors import CatalogueError, listed
from whichwhale.catalogue.filters import matching
from whichwhale.catalogue.held_out import HeldOut
from whichwhale.catalogue.manifest import Model
from whichwhale.config import Config
from whichwhale.files import write_json
from whichwhale.score import fusion, odds
from whichwhale.score.bootstrap import Interval
from whichwhale.score.fusion import Evidence, Fusion
from whichwhale.score.odds import Odds

SCHEMA = 2
READABLE = (1, 2)  # 1 knew no odds
RATES = (0.05, 0.3)  # of strangers, at which probabilities are judged
FILE = "fusion.json"  # beside the first file of vectors
GROUPS = 5  # that the animals of a single file of vectors are dealt to


@dataclass(frozen=True, eq=False)
class Sightings:
    """S sightings: `name` and `animal` [S]; `asked` and `among` bool [S], whether it is asked about, and compared with; `group`
    [S]; `best` [S, S, K], cosines of their most alike photos of each of `parts`, NaN where one of the two shows none."""

    parts: tuple[str, ...]
    name: list[str]
    animal: NDArray[np.str_]
    asked: NDArray[np.bool_]
    among: NDArray[np.bool_]
    group: NDArray[np.int64]
    best: NDArray[np.float64]


def sightings(held_out: HeldOut, where: str, asked: Sequence[str] = (), among: Sequence[str] = ()) -> Sightings:
    """The sightings of one file of vectors; all in group 0.

    Args:
        asked, among: conditions (`side=left`) that photos must meet to be asked about, and to be compared with.

    Raises:
        CatalogueError: no column part or encounter, an encounter with photos of two animals, conditions that no photo meets.
    """
    table = held_out.photos.table
    for column, means in (("part", "what of the animal a photo shows"), ("encounter", "which photos were taken together")):
        if column not in table.columns or (table[column] == "").all():
            raise CatalogueError(f"{where}: nobody says {means}; give --table with a column {column}")
    kept = ((table["part"] != "") & (table["encounter"] != "")).to_numpy()
    table, vectors = table[kept].reset_index(drop=True), held_out.photos.vectors[kept].astype(np.float64)
    code, names = pd.factorize(table["encounter"], sort=True)
    per = table.groupby("encounter")["animal"].nunique()
    if (per > 1).any():
        one = str(per.index[(per > 1).to_numpy().argmax()])
        animals = sorted(table.loc[table["encounter"] == one, "animal"].unique())
        raise CatalogueError(f"{where}: encounter {one} has photos of {listed(animals)}; an encounter is of one animal")
    part, parts = pd.factorize(table["part"], sort=True)
    role = {name: _of(matching(table, conditions), code, len(names)) for name, conditions in (("a", asked), ("b", among))}
    for chosen, conditions in ((role["a"], asked), (role["b"], among)):
        if not chosen.any():
            raise CatalogueError(f"{where}: no photo meets {' and '.join(conditions)}")
    best = np.full((len(names), len(names), len(parts)), np.nan)
    for k in range(len(parts)):
        rows = np.flatnonzero(part == k)
        rows = rows[np.argsort(code[rows], kind="stable")]
        have, starts = np.unique(code[rows], return_index=True)
        cosines = vectors[rows] @ vectors[rows].T
        pooled = np.maximum.reduceat(np.maximum.reduceat(cosines, starts, axis=0), starts, axis=1)
        best[np.ix_(have, have, [k])] = pooled[..., None]
    animal = table.groupby("encounter", sort=True)["animal"].first().to_numpy(str)
    zeros = np.zeros(len(names), np.int64)
    return Sightings(tuple(map(str, parts)), list(map(str, names)), animal, role["a"], role["b"], zeros, best)


def _of(photos: NDArray[np.bool_], code: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Which sightings have a photo that counts."""
    found = np.zeros(count, bool)
    found[code[photos]] = True
    return found


def evidence(several: Sequence[Sightings], *, missing: float = 0.0, times: int = 1, seed: int = 0) -> Evidence:
    """Pairs of sightings that are asked about with those they are compared with, of other encounters, group by group.

    Several files of vectors (fits that hold out other animals) are a group each; the animals of a single one are dealt to
    GROUPS groups by the seed. Vectors of two files are never compared.

    Args:
        missing: chance of each part of each sighting to be missing, beside those that were never photographed; `times` draws.

    Raises:
        CatalogueError: an animal held out by two of the files, parts that differ, a share that is none.
    """
    if not 0 <= missing < 1:
        raise CatalogueError(f"--missing {missing:g}: the share of parts left out is at least 0 and below 1")
    owner: dict[str, int] = {}
    for number, one in enumerate(several):
        for name in np.unique(one.animal).tolist():
            if owner.setdefault(name, number) != number:
                raise CatalogueError(f"animal {name} is held out by two of the files; give one file a fold, of one model")
    animals = sorted(owner)
    parts = tuple(sorted({part for one in several for part in one.parts}))
    tables = []
    for draw in range(times if missing else 1):
        for number, one in enumerate(several):
            tables.append(_pairs(one, number, len(several), animals, parts, missing, (seed, draw, number)))
    found = fusion.joined(tables)
    if not found.same.any():
        raise CatalogueError("no animal has two encounters, one to ask about and one to compare with")
    return found


def _pairs(
    one: Sightings,
    number: int,
    files: int,
    animals: list[str],
    parts: tuple[str, ...],
    missing: float,
    key: tuple[int, int, int],
) -> Evidence:
    code = np.searchsorted(animals, one.animal)
    if files > 1:
        group = np.full(len(code), number)
    else:
        order = np.random.default_rng([key[0], 6]).permutation(len(animals))
        group = (order % GROUPS)[code]
    cosine = np.full((*one.best.shape[:2], len(parts)), np.nan)
    cosine[..., [parts.index(part) for part in one.parts]] = one.best
    if missing:
        gone = np.random.default_rng([*key, 7]).random((2, len(code), len(parts))) < missing
        cosine[gone[0][:, None] | gone[1][None]] = np.nan
    other = ~np.eye(len(code), dtype=bool)
    ask, compare = np.nonzero(one.asked[:, None] & one.among[None] & (group[:, None] == group[None]) & other)
    query = np.unique(ask, return_inverse=True)[1]
    same = code[ask] == code[compare]
    return Evidence(parts, cosine[ask, compare], same, query, code[ask], code[compare], group[ask], len(animals))


class FusionFile(Config):
    """Plain numbers: ln p(cosines | one animal) / p(cosines | two) is the sum of slope * cosine + offset over the parts that both
    sightings show. `models`: whose vectors they were fitted on, fits of one config; `missing`: the share of parts that was left
    out while they were fitted; `animals` they were fitted on; `power`, `nobody`: what makes probabilities of a search of the
    ratios (score/odds.py), and `reliability` what these claim on animals not fitted on, and what is right; `figures`: of fitted
    weights on animals not fitted on, [estimate, low, high] each; `warning`: why they are too good, "" if they are not."""

    models: list[Model]
    parts: list[str]
    slope: list[float]
    offset: list[float]
    missing: float = pydantic.Field(ge=0, lt=1)
    animals: int
    figures: dict[str, list[float]]
    seed: int
    power: float = pydantic.Field(1.0, ge=0)
    nobody: float = 0.0
    reliability: list[dict[str, float]] = []
    warning: str = ""

    @property
    def fusion(self) -> Fusion:
        return Fusion(tuple(self.parts), tuple(self.slope), tuple(self.offset))

    @property
    def odds(self) -> Odds:
        return Odds(self.power, self.nobody)


def write(path: Path, fitted: FusionFile) -> None:
    """Write the weights atomically."""
    write_json(path, {"schema": SCHEMA} | fitted.model_dump(mode="json"))


def read(path: Path) -> FusionFile:
    """Raises CatalogueError: there is none, it is damaged, or of another schema."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(f"{path}: no such file; `fuse --vectors PREDICTIONS.npz --table CSV` fits and writes it") from None
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error}); delete it and fit it anew") from None
    if not isinstance(values, dict) or values.pop("schema", None) not in READABLE:
        raise CatalogueError(f"{path}: not a file of fused parts of schema {' or '.join(map(str, READABLE))}; fit it anew")
    try:
        return FusionFile.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise CatalogueError(f"{path}: damaged, {'.'.join(map(str, first['loc']))}: {first['msg']}; fit it anew") from None


@dataclass(frozen=True)
class Asked:
    """Judged with the share `missing` of the parts left out at random."""

    missing: float
    found: fusion.Judgement


def fit(
    held_out: Sequence[HeldOut],
    names: Sequence[str],
    *,
    asked: Sequence[str] = (),
    among: Sequence[str] = (),
    missing: Sequence[float] = (0.0, 0.3),
    times: int = 10,
    seed: int = 0,
    draws: int = 1000,
) -> tuple[FusionFile, list[Asked]]:
    """Judge fused scores by animals that they were not fitted on, for each share of missing parts; the weights for use are
    fitted on all of them, with the largest of these shares.

    Raises:
        CatalogueError: as `sightings` and `evidence`; too few animals.
    """
    several = [sightings(one, name, asked, among) for one, name in zip(held_out, names, strict=True)]
    tables = {share: evidence(several, missing=share, times=times, seed=seed) for share in sorted(set(missing))}
    try:
        judged = [Asked(share, fusion.judge(table, seed=seed, draws=draws)) for share, table in tables.items()]
        table = tables[judged[-1].missing]
        weights = fusion.fit(table)
        found = odds.searches(table, fusion.crossed(table))
        of_search, told = odds.fit(found), odds.reliability(odds.judged(table), RATES)
    except ValueError as error:
        raise CatalogueError(f"{listed(list(names))}: too little to fit on ({error})") from None
    fused = next(row for row in judged[-1].found.rows if row.name == fusion.FUSED)
    figures = {name: getattr(fused, name) for name in fusion.FIGURES}
    warnings = sorted({one.warning for one in held_out if one.warning})
    file = FusionFile(
        models=[one.photos.model for one in held_out],
        parts=list(weights.parts),
        slope=list(weights.slope),
        offset=list(weights.offset),
        missing=judged[-1].missing,
        animals=judged[-1].found.animals,
        figures={name: [one.mean, one.low, one.high] for name, one in figures.items()},
        seed=seed,
        power=of_search.power,
        nobody=of_search.nobody,
        reliability=[asdict(one) for one in told],
        warning="; ".join(warnings),
    )
    return file, judged


def text(fitted: FusionFile, judged: Sequence[Asked]) -> str:
    """What was measured, for people."""
    lines = []
    for one in judged:
        found = one.found
        left = f", {one.missing:.0%} of the parts left out at random" if one.missing else ""
        lines += [
            f"{found.pairs} pairs of sightings, {found.same} of one animal; {found.queries} sightings of {found.animals} animals "
            f"asked, among {found.candidates:.0f} each{left}; 95 % intervals over animals",
            f"  {'':<16}{'shown':>7}" + "".join(f"{name:>27}" for name in ("ROC AUC", "top-1", "top-5")),
        ]
        for row in found.rows:
            cells = "".join(f"{_cell(value):>27}" for value in (row.auc, row.top_1, row.top_5))
            lines.append(f"  {row.name:<16}{row.there:>7.0%}{cells}")
        for about, gain in ((f"less {found.best}", found.gain), ("where it is shown", found.gain_there)):
            lines.append(f"  {about:<23}" + "".join(f"{_signed(gain[name]):>27}" for name in fusion.FIGURES))
    told = (f"{part} {slope:.1f}" for part, slope in zip(fitted.parts, fitted.slope, strict=True))
    lines.append(f"weights (log likelihood ratio a unit of cosine): {', '.join(told)}")
    if fitted.reliability:
        lines.append("probabilities of a search, on animals that they were not fitted on:")
    for one in fitted.reliability:
        lines.append(
            f"  {one['new_rate']:.0%} strangers: first answer claimed {one['claimed']:.1%}, right {one['right']:.1%}; "
            f"nobody we know claimed {one['nobody']:.1%}"
        )
    return "\n".join([*lines, *([fitted.warning] if fitted.warning else [])])


def as_numbers(fitted: FusionFile, judged: Sequence[Asked]) -> dict[str, Any]:
    """For JSON: figures as [estimate, low, high], null where there is none."""

    def numbers(one: Interval) -> list[float | None]:
        return [None if np.isnan(value) else round(value, 6) for value in (one.mean, one.low, one.high)]

    tables = []
    for one in judged:
        found = one.found
        rows = [
            {"score": row.name, "there": round(row.there, 6)} | {name: numbers(getattr(row, name)) for name in fusion.FIGURES}
            for row in found.rows
        ]
        gains = {"gain": found.gain, "gain_there": found.gain_there}
        counts = {name: getattr(found, name) for name in ("pairs", "same", "queries", "animals", "candidates", "best")}
        paired = {name: {key: numbers(value) for key, value in gain.items()} for name, gain in gains.items()}
        tables.append({"missing": one.missing} | counts | {"scores": rows} | paired)
    return {"fusion": fitted.model_dump(mode="json"), "tables": tables}


def _cell(one: Interval) -> str:
    return "none" if np.isnan(one.mean) else f"{one.mean:.1%} ({one.low:.1%} to {one.high:.1%})"


def _signed(one: Interval) -> str:
    return "none" if np.isnan(one.mean) else f"{one.mean:+.1%} ({one.low:+.1%} to {one.high:+.1%})"
