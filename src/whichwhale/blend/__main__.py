"""More members for a blend.

examples:
  python -m whichwhale.blend neighbours configs/right_whale_heads/ensemble.yaml
  python -m whichwhale.blend neighbours configs/right_whale_heads/ensemble.yaml arcface_lite0 --scale 30
  python ensemble.py configs/right_whale_heads/ensemble.yaml members=[lite0_160,arcface_lite0,arcface_lite0_neighbours]

neighbours: for each model the member MODEL_neighbours, which looks for the photo among those that the same fit trained on, by the
model's own embeddings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.neighbours import SUFFIX, write_neighbours
from whichwhale.config import load


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m whichwhale.blend", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True)
    near = commands.add_parser("neighbours", help="nearest neighbours on models' own embeddings, as members")
    near.add_argument("config", type=Path, help="an ensemble's YAML")
    near.add_argument("models", nargs="*", help="default: the YAML's members")
    near.add_argument("--scale", type=float, default=20.0, help="how much closeness counts (default %(default)g)")
    options = parser.parse_args(arguments)
    try:
        if not 0 < options.scale <= 300:
            raise ValueError(f"--scale {options.scale:g}: must be above 0 and at most 300")
        config = load(EnsembleConfig, options.config)
        tables = config.competition()
        column_of = dict(zip(tables.train["Image"], tables.labels().tolist(), strict=True))
        for name in options.models or [member for member in config.members if not member.endswith(SUFFIX)]:
            written = write_neighbours(config.runs / name, column_of, tables.class_id, options.scale)
            done = f"{len(written)} predictions.npz written" if written else "there already"
            print(f"{config.runs / name}{SUFFIX}: {done}")
    except ValueError as problem:
        print(f"python -m whichwhale.blend: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
