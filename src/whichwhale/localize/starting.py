"""Some epochs on from fitted weights, of the whole network; and from which a fold may never start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from whichwhale.config import ConfigError, runs_dir
from whichwhale.files import sha256
from whichwhale.runs.lineage import refuse_seen
from whichwhale.runs.trained_on import Photos
from whichwhale.weights import weights_file


@dataclass(frozen=True)
class Start:
    """The weights file that a fit starts from."""

    file: Path
    weights_sha: str

    @property
    def told(self) -> str:
        """Where the first weights came from, in words."""
        return f"{self.file.parent.parent.name}/{self.file.parent.name} {self.weights_sha[:12]}"

    @property
    def folder(self) -> Path:
        """Where what the weights have learned from is told."""
        return self.file.resolve().parent

    def give(self, net: nn.Module) -> None:
        """Give `net` the weights. Raises ConfigError if they are another network's."""
        from safetensors.torch import load_file

        here, there = net.state_dict(), load_file(self.file)
        other = sorted(here.keys() ^ there.keys())
        other += [name for name in here if name in there and here[name].shape != there[name].shape]
        if other:
            raise ConfigError(
                f"start_from={self.file}: is another network than the config's ({', '.join(other[:3])} differ); "
                "go on from a fit of the same variant, backbone and sizes"
            )
        net.load_state_dict(there)


def start_of(named: str, fold: int, tables: dict[str, str], held_out: Photos) -> Start | None:
    """What a fit of `fold` starts from if its config says start_from=`named`; None: as ever, from the backbone's weights.

    `tables` are the fit's own fingerprints (`train`, `folds`), by which fits are told that don't say what they learned from.
    Raises ConfigError if there is no such file, if the list of what it learned from is not beside it, or if that fit has learned
    from photos that `fold` holds out, or may have.
    """
    if not named:
        return None
    file = weights_file(named)
    if file is None or file.suffix != ".safetensors":
        raise ConfigError(
            f"start_from={named}: no .safetensors file, here or in {runs_dir()}; fit that one first, and name it "
            "DATASET/NAME/fold0/model.safetensors"
        )
    start = Start(file, sha256(file))
    refuse_seen(f"start_from={named}", file, start.folder, fold, tables, held_out)
    return start
