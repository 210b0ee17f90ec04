"""catalogue.json: what is current. Its rename is the moment at which a change of the catalogue happens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydantic

from whichwhale.catalogue.config import CatalogueConfig
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.config import Config
from whichwhale.files import write_json

MANIFEST = "catalogue.json"
SCHEMA = 4
READABLE = (1, 2, 3, 4)  # 1 knew no bands, 2 no fingerprint of the table, 3 had an index of another kind
UNNAMED = "unnamed"  # model of vectors of which nobody says whose they are


class Model(Config):
    """Whose vectors these are: the fingerprint of the weights (`weights_sha` of a predictions.npz, the SHA-256 of a
    model.safetensors, or any word for vectors from elsewhere), and their dimensions."""

    weights_sha: str = pydantic.Field(min_length=1)
    dims: int = pydantic.Field(ge=1)


class Segment(Config):
    """Vectors that were added together: `file` [rows, dims] as stored, `keys` int64 [rows, 2] with the key and the fingerprint of
    each. A segment never changes; a vector whose key is not in the table was removed."""

    file: str
    keys: str
    rows: int = pydantic.Field(ge=1)


class IndexFile(Config):
    """The approximate index in `file`, and the keys of its photos, int64 [rows], in their order, in `keys`; made from the first
    `made` of them, the others were added later."""

    file: str
    keys: str
    rows: int
    made: int


class BandLimits(Config):
    """At the share `new_rate` of strangers: the least probability of an animal in the band auto, of nobody in the band new; null:
    the band is empty. judged: the share of photos in each and how many of these are wrong, by limits of other animals."""

    new_rate: float
    auto: float | None
    new: float | None
    judged: dict[str, float | None]


class Bands(Config):
    """Which answers need nobody's eyes (bands.py). errors: the share of wrong names in auto, of known animals in new, that is
    allowed; limits: by rising rate of strangers."""

    errors: list[float] = pydantic.Field(min_length=2, max_length=2)
    limits: list[BandLimits] = pydantic.Field(min_length=1)


class Calibration(Config):
    """Plain numbers that turn scores into probabilities (calibration.py says how).

    animal, rest, new: the weights of the features; knots: where the cosine's slope may change; threshold: of the ratio of an
    animal's probability to that of nobody, where `new_whale` is put; cohort: file of the vectors float32 [C, D] that a query is
    compared with; photos, animals: what was in the catalogue; queries: how many were asked; learned: share of them that the model
    had learned from, null if nobody knows; meetings: whether it was known which photos are of one meeting, so that no query was
    compared with pictures of its own (null: not noted); bands: null in catalogues of before there were any.
    """

    scale: float | None
    knots: list[float]
    animal: list[float]
    rest: list[float]
    new: list[float]
    threshold: float
    candidates: int
    cohort: str
    photos: int
    animals: int
    queries: int
    learned: float | None
    meetings: bool | None = None
    reliability: list[dict[str, Any]] = []
    bands: Bands | None = None


class Manifest(Config):
    """All that a reader must know. `table_sha`: SHA-256 of the table's file, null in catalogues of before it was noted;
    `uncalibrated` says why there is no calibration."""

    generation: int
    model: Model
    config: CatalogueConfig
    table: str
    table_sha: str | None = None
    segments: list[Segment]
    next_key: int
    index: IndexFile | None = None
    calibration: Calibration | None = None
    uncalibrated: str = ""

    def files(self) -> set[str]:
        """Every file of this generation but catalogue.json itself."""
        found = {self.table} | {name for segment in self.segments for name in (segment.file, segment.keys)}
        found |= {self.index.file, self.index.keys} if self.index else set()
        return found | ({self.calibration.cohort} if self.calibration else set())


def write(folder: Path, manifest: Manifest) -> None:
    """Make `manifest` the current one."""
    write_json(folder / MANIFEST, {"schema": SCHEMA} | manifest.model_dump(mode="json"))


def read(folder: Path) -> Manifest:
    """The current manifest.

    Raises:
        CatalogueError: there is none, it is damaged, or of another schema.
    """
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise absent(folder) from None
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error}); copy the catalogue anew from where it is whole") from None
    schema = values.pop("schema", None) if isinstance(values, dict) else None
    if schema not in READABLE:
        raise CatalogueError(
            f"{path}: has schema {schema!r}, this code reads {', '.join(map(str, READABLE))}; build the catalogue anew, or use "
            "its version"
        )
    if schema < 4:  # its index can't be read, the next writer makes one anew; how that is to be made was said in other keys
        values["index"] = None
        if isinstance(values.get("config"), dict) and isinstance(index := values["config"].get("index"), dict):
            values["config"]["index"] = {name: index[name] for name in ("above", "pending", "stale", "threads") if name in index}
    try:
        return Manifest.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(
            f"{path}: damaged, {where}: {first['msg']}; copy the catalogue anew from where it is whole"
        ) from None


def absent(folder: Path) -> CatalogueError:
    """To raise where there is no catalogue."""
    return CatalogueError(
        f"{folder}: no catalogue here ({MANIFEST} is missing); `python -m whichwhale.catalogue build` makes one"
    )
