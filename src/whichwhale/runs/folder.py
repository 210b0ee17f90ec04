"""One folder a fitted model, complete enough to repeat it.

    config.yaml      the whole config, frozen
    provenance.json  seed, fold, git commit and which files differed from it, versions, fingerprints of the data
    changes.diff     those differences
    status.json      state (new | running | fitted | failed), progress, time of the last sign of life
    metrics.jsonl    one row an epoch
    model.safetensors, predictions.npz, checkpoints/ (while it is fitted)
    trained_on.csv   where a room writes it: the photos that the weights have learned from
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from whichwhale.checkout import Checkout
from whichwhale.config import Config, to_yaml
from whichwhale.files import write_atomically, write_json, write_text
from whichwhale.runs import trained_on

if TYPE_CHECKING:
    from torch import Tensor

PACKAGES = ["torch", "timm", "accelerate", "albumentations", "opencv-python-headless", "numpy", "pandas", "scikit-learn", "scipy"]


class RunError(ValueError):
    """A run folder that can't be used as asked; the message names the folder and the fix."""


@dataclass(frozen=True)
class RunFolder:
    """A run folder at `path`. Of several processes that fit one model a single one has `writes`; the others change nothing."""

    path: Path
    writes: bool = True

    @property
    def weights(self) -> Path:
        """The file of the fitted network's state dict."""
        return self.path / "model.safetensors"

    @property
    def predictions(self) -> Path:
        """The file of contract 3."""
        return self.path / "predictions.npz"

    @classmethod
    def start(cls, path: Path, config: Config, provenance: dict, writes: bool = True) -> RunFolder:
        """Open the folder for a fit, making it if there is none (`writes`).

        Raises RunError if it holds a run of another config or of other data: going on would mix the two.
        """
        run = cls(path, writes)
        if (path / "config.yaml").exists():
            run._refuse_if_other(config, provenance)
        elif writes:
            path.mkdir(parents=True, exist_ok=True)
            code = Checkout.of(Path(__file__).parent)
            write_text(path / "changes.diff", code.diff)
            git = {"commit": code.commit, "modified": code.changed}
            machine = {"python": platform.python_version(), "machine": platform.machine(), "cores": os.cpu_count()} | _gpu()
            write_json(path / "provenance.json", provenance | git | {"versions": _versions(), "machine": machine})
            write_text(path / "config.yaml", to_yaml(config))  # last: a folder with a config is whole
            run.set_status("new")
        return run

    def status(self) -> dict:
        """The content of status.json, {} if there is none."""
        try:
            return json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def set_status(self, state: str, **progress: object) -> None:
        """Write status.json anew: the state, what more there is to say, this process and the time (seconds since 1970)."""
        if self.writes:
            write_json(self.path / "status.json", {"state": state, "time": time.time(), "process": os.getpid(), **progress})

    @contextmanager
    def running(self):
        """Marks the run as running, and as failed with the error if one leaves the block."""
        self.set_status("running")
        try:
            yield self
        except BaseException as error:
            self.set_status("failed", error=f"{type(error).__name__}: {error}")
            raise

    @property
    def fitted(self) -> bool:
        """Whether the fit has ended and its weights are there."""
        return self.status().get("state") == "fitted" and self.weights.exists()

    def refuse_unfitted(self) -> None:
        """Raises RunError if the run is not fitted."""
        if not self.fitted:
            state = self.status().get("state", "missing")
            raise RunError(f"{self.path}: not fitted yet (state {state}); run train.py first")

    def write_weights(self, state: Mapping[str, Tensor]) -> None:
        """Write a state dict as model.safetensors, atomically. It says which trained_on.csv is its own, if there is one."""
        from safetensors.torch import save  # imports torch, which takes seconds: not for a list of runs

        content = save({key: value.contiguous() for key, value in state.items()}, trained_on.claim(self.path) or None)
        write_atomically(self.weights, lambda stream: stream.write(content) and None)

    def finish(self, weights_from: str, **scores: object) -> None:
        """Say that the run is fitted, once its weights are written, and only then delete the checkpoints: killed at any moment, a
        run is fitted or can go on. `weights_from`: where the first weights came from."""
        if self.writes:
            self.set_status("fitted", weights_from=weights_from, **scores)
            shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def read_weights(self) -> dict[str, Tensor]:
        """The state dict of a fitted run. Raises RunError if it is not fitted."""
        self.refuse_unfitted()
        from safetensors.torch import load

        return load(self.weights.read_bytes())

    def provenance(self) -> dict:
        """The content of provenance.json; raises FileNotFoundError if there is none."""
        return json.loads((self.path / "provenance.json").read_text(encoding="utf-8"))

    def _refuse_if_other(self, config: Config, provenance: dict) -> None:
        old = _flat(_with_defaults(yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8")), type(config)))
        new = _flat(yaml.safe_load(to_yaml(config)))
        changes = [f"{key}: {old.get(key)!r} -> {new.get(key)!r}" for key in sorted(old | new) if old.get(key) != new.get(key)]
        written = self.provenance()
        given = json.loads(json.dumps(provenance))  # as it would be read back: a tuple is a list
        was, now = _flat({key: written.get(key) for key in given}), _flat(given)
        changes += [f"{key} differs" for key in sorted(was | now) if was.get(key) != now.get(key)]
        if changes:
            raise RunError(
                f"{self.path}: holds a run of something else ({'; '.join(changes[:5])}). "
                "Give this one another name=..., or delete the folder"
            )


def fitted_folds(home: Path) -> list[RunFolder]:
    """The fitted runs of a model, whose folders fold0, fold1, … lie in `home`."""
    return [run for path in sorted(home.glob("fold*")) if (run := RunFolder(path)).fitted]


def _with_defaults(values: dict, kind: type[Config]) -> dict:
    """A frozen config with the defaults of keys that the code has learnt since: such a default is what was done before."""
    try:
        return yaml.safe_load(to_yaml(kind.model_validate(values)))
    except ValueError:  # another kind of config, or keys that are gone
        return values


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    inside = f"{prefix}." if prefix else ""
    return {key: leaf for name, part in value.items() for key, leaf in _flat(part, f"{inside}{name}").items()}


def _gpu() -> dict[str, str]:
    """The name of the GPU that a fit here would use, if there is one."""
    import torch  # slow to import; who fits has done so

    return {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
