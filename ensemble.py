"""Blend fitted models: out-of-fold scores of each and of the blend, then a checked submission with its provenance."""

import argparse
import shlex
import sys
from pathlib import Path

from whichwhale.blend.blended import blend, write_submission
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.neighbours import write_neighbours_of
from whichwhale.blend.provenance import provenance
from whichwhale.blend.record import record
from whichwhale.blend.reproduce import reproduce
from whichwhale.blend.scores import as_text
from whichwhale.checkout import Checkout
from whichwhale.command_line import carried_out
from whichwhale.config import ConfigError, load, read_yaml
from whichwhale.files import write_json, write_text
from whichwhale.predictions import write

REPRODUCE = "reproduce="

EXAMPLE = """examples:
  python ensemble.py configs/right_whale_heads/ensemble.yaml
  python ensemble.py configs/right_whale_heads/ensemble.yaml members=[lite0_160] test=folds output=submissions/alone.csv.gz
  python ensemble.py configs/right_whale_heads/ensemble.yaml format=top5 new_whale=0.3     five guesses a photo
  python ensemble.py reproduce=submissions/right_whale_heads.csv.gz     the same bytes from its runs, or what is in the way"""


def main(arguments: list[str]) -> int:
    """Exit codes: 0 written, 2 the command can't be carried out (one message says why)."""
    parser = argparse.ArgumentParser(
        prog="ensemble.py", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="YAML (keys: src/whichwhale/blend/config.py), or reproduce=SUBMISSION")
    parser.add_argument("override", nargs="*", metavar="key=value", help="say otherwise than the config, e.g. floor=1e-5")
    options = parser.parse_args(arguments)
    return carried_out(_carry_out, options, arguments)


def _carry_out(options: argparse.Namespace, arguments: list[str]) -> None:
    if str(options.config).startswith(REPRODUCE):
        if options.override:
            raise ConfigError(f"{options.override[0]}: a submission is made again as its record says; give reproduce= alone")
        print("\n".join(reproduce(Path(str(options.config).removeprefix(REPRODUCE)))))
        return
    if "members" not in read_yaml(options.config) and not any(text.startswith("members=") for text in options.override):
        raise ConfigError(f"{options.config}: names no members, so is no blend's; a model's is for train.py and predict.py")
    run(load(EnsembleConfig, options.config, options.override), shlex.join(["python", "ensemble.py", *arguments]))


def run(config: EnsembleConfig, command: str) -> None:
    """Blend, print the scores, write the submission, its text and record, blend.json and the blend's own predictions."""
    tables = config.competition()
    for path in write_neighbours_of(config.members, config.runs, tables, config.neighbours_scale):
        print(f"{path}: written")
    blended = blend(config, tables)
    table = as_text(blended.scores)
    print(f"Out-of-fold scores on {len(blended.rows.images)} photos of {config.dataset}\n{table}")
    p = blended.answers()
    notes = blended.notes(p)
    print("\n".join(notes))

    kept = config.runs / config.name
    wrote = [f"{kept}/blend.json", f"{kept}/predictions.npz"]
    if tables.test:
        write_submission(config.submission, config, tables, p)
        code = Checkout.of(Path(__file__).resolve().parent)
        said = provenance(command, str(code), config.submission, blended.members, blended.pool, notes, table)
        write_text(config.provenance, said)
        write_json(config.record, record(command, code, config, tables, blended.members, blended.pool))
        wrote = [f"{config.submission} ({len(p)} photos, valid)", str(config.provenance), str(config.record), *wrote]
    else:
        print("no submission: the data set has no test photos")
    blended.pool.write(kept / "blend.json")
    write(kept / "predictions.npz", blended.as_predictions(p))
    print(f"wrote {', '.join(wrote)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
