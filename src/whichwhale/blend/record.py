"""The record beside a submission: everything that it was made of, as plain numbers, so that it can be made again.

`submissions/NAME.json` names the command, the commit, the blend's whole config and fitted weights, the data set's tables and
every fit that took part, by fingerprint and with the config that it was fitted with. The text beside it is for people.
"""

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from whichwhale.blend import neighbours
from whichwhale.blend.assemble import IMPORTED, Member
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.pool import Pool
from whichwhale.blend.recipes import DEFAULT
from whichwhale.blend.uncertainty import points_of
from whichwhale.checkout import Checkout
from whichwhale.competition import Competition
from whichwhale.files import sha256
from whichwhale.score.submission import content

SCHEMA = 1
PACKAGES = ("numpy", "scipy", "pandas", "scikit-learn", "lightgbm")


class RecordError(ValueError):
    """A submission whose record is missing or unreadable; the message says what to do."""


def record(
    command: str, code: Checkout, config: EnsembleConfig, tables: Competition, members: Sequence[Member], pool: Pool
) -> dict[str, Any]:
    """The record of the submission `config.submission`, which is written already: JSON's types alone.

    Args:
        command: as it can be typed again; code: that is running; members: in the pool's order.
    """
    numbers = {key: value for key, value in pool.plain().items() if key != "scores"}
    return {
        "schema": SCHEMA,
        "submission": config.submission.name,
        "sha256": sha256(config.submission),
        "content_sha256": hashlib.sha256(content(config.submission)).hexdigest(),
        "command": command,
        "commit": code.commit,
        "modified": code.changed,
        "versions": versions(),
        "config": config.model_dump(mode="json"),
        "data": data_of(config, tables),
        "pool": numbers,
        "members": [_member(config.runs, member) for member in members],
        "scores": pool.scores,
    }


def read_record(submission: Path, path: Path) -> dict[str, Any]:
    """The record in the file `path` of a submission. Raises RecordError if there is none, or none that this code reads."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA:
            raise ValueError(f"schema {told['schema']}, this code reads {SCHEMA}")
        for key in ("sha256", "content_sha256", "config", "data", "pool", "members", "commit", "versions"):
            told[key]
    except FileNotFoundError:
        raise RecordError(
            f"{path}: no such file, so nothing says what {submission.name} was made of; ensemble.py writes it beside a submission"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{path}: no record of a submission ({error}); run the command in the text beside it") from None
    return told


def data_of(config: EnsembleConfig, tables: Competition) -> dict[str, Any]:
    """Fingerprints of what a blend takes from the data set: who is in the labelled photos, what must be answered, the folds."""
    folds = config.runs / "folds.csv"
    asked = json.dumps([tables.test, tables.class_id]).encode()
    told = {
        "training table": tables.fingerprint(),
        "test photos and whales": hashlib.sha256(asked).hexdigest(),
        "folds.csv": sha256(folds) if folds.is_file() else None,
    }
    if config.choose != DEFAULT and (points := points_of(config.runs, config.members)) is not None:
        told["points of the passports"] = sha256(points[0])
    return told


def versions() -> dict[str, str]:
    """What the arithmetic hangs on."""
    return {"python": platform.python_version(), "machine": platform.machine()} | {name: version(name) for name in PACKAGES}


def _member(runs: Path, member: Member) -> dict[str, Any]:
    """One member: its fits' fingerprints, and where its numbers come from."""
    home = runs / member.name
    fits = [
        {"name": fit.name, "weights_sha": fit.weights_sha, "predictions_sha": fit.predictions_sha} | _origin(home / fit.name)
        for fit in member.fits
    ]
    told: dict[str, Any] = {"name": member.name, "config": _config(home, member), "fits": fits}
    if (source := neighbours.source_of(home)) is not None:
        about = json.loads((home / neighbours.ABOUT).read_text(encoding="utf-8"))
        of = {fit.name: sha256(source / fit.name / "predictions.npz") for fit in member.fits}
        told["neighbours"] = about | {"fits": of}
    if (home / IMPORTED).is_file():
        told["imported"] = json.loads((home / IMPORTED).read_text(encoding="utf-8"))
    return told


def _config(home: Path, member: Member) -> dict | None:
    """The frozen config of a member's fits, which they share; None for a model that has none, from elsewhere."""
    for fit in member.fits:
        path = home / fit.name / "config.yaml"
        if path.is_file():
            return yaml.safe_load(path.read_text(encoding="utf-8"))
    return None


def _origin(folder: Path) -> dict[str, Any]:
    """Commit and seed of one fit, as far as its run folder says."""
    try:
        about = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: about[key] for key in ("commit", "modified", "seed") if key in about}
