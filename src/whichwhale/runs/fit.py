"""Reading run folders, finished or not: what a list, a comparison or a report needs of a fit. Light: imports no torch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

NOT_SCORES = {"epoch", "lr", "kicked", "images_per_second", "seconds", "peak_memory_mb"}
SILENT = 600.0  # s without a sign of life, after which a fit that says it is running is taken for ended


@dataclass(frozen=True)
class Fit:
    """One run folder: model and fold name ('fold0', 'foldall'), status, frozen config, provenance, one metrics row an epoch."""

    model: str
    fold: str
    path: Path
    status: dict
    config: dict
    provenance: dict
    metrics: list[dict]

    @property
    def label(self) -> str:
        """'fold 0', or 'all photos'."""
        return "all photos" if self.fold == "foldall" else self.fold.replace("fold", "fold ")

    @property
    def epochs(self) -> int | None:
        """How many epochs the fit was to have, if its config says."""
        return self.config.get("fit", {}).get("epochs")

    @property
    def done(self) -> int:
        """How many epochs are done."""
        return int(self.metrics[-1]["epoch"]) if self.metrics else 0

    def numbers(self, key: str) -> list[float]:
        """The values of `key` in the metrics, of the epochs that have it."""
        return [row[key] for row in self.metrics if isinstance(row.get(key), int | float)]

    def scores(self) -> dict[str, float]:
        """The held-out scores of the last epoch that was validated; nothing of photos that the fit saw or of the machine."""
        for row in reversed(self.metrics):
            numbers = {key: value for key, value in row.items() if isinstance(value, int | float)}
            found = {key: numbers[key] for key in numbers if is_held_out(key)}
            if found:
                return found
        return {}

    def state(self, now: float | None = None) -> str:
        """new | running | fitted | failed | stopped (running, but without a sign of life for some minutes) | unknown."""
        state = self.status.get("state", "unknown")
        age = (time.time() if now is None else now) - self.status.get("time", 0.0)
        return "stopped" if state == "running" and age > SILENT else state


def is_held_out(key: str) -> bool:
    """Whether a key of metrics.jsonl is a score of held-out photos: no training loss, no score of photos that the fit saw
    (`training_…`), no figure of the machine."""
    return key not in NOT_SCORES and not key.startswith(("loss", "training_"))


def read_fit(folder: Path) -> Fit:
    """Read a run folder; what is missing or half there (a fit may be going on) comes back empty."""
    return Fit(
        folder.parent.name,
        folder.name,
        folder,
        _mapping(json.loads, folder / "status.json"),
        _mapping(yaml.safe_load, folder / "config.yaml"),
        _mapping(json.loads, folder / "provenance.json"),
        rows(folder / "metrics.jsonl", "epoch"),
    )


def fits(home: Path) -> list[Fit]:
    """Every run folder of a data set's folder `home` that has a config, by model, then fold, 'all' last."""
    folders = [path.parent for path in home.glob("*/fold*/config.yaml")]
    return [read_fit(path) for path in sorted(folders, key=lambda path: (path.parent.name, fold_order(path.name)))]


def fold_order(name: str) -> tuple[int, str]:
    """For sorting: 'fold2' before 'fold10' before 'foldall'."""
    number = name.removeprefix("fold")
    return (int(number), "") if number.isdecimal() else (10**9, name)


def rows(path: Path, key: str) -> list[dict]:
    """The rows of a file of JSON lines, up to the first that is no object with a number `key`; none if there is no file."""
    found: list[dict] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if not isinstance(row, dict) or not isinstance(row.get(key), int | float):
            break
        found.append(row)
    return found


def _mapping(parse: Callable[[str], object], path: Path) -> dict:
    try:
        value = parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return value if isinstance(value, dict) else {}
