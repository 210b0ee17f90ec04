"""Blend fitted models: out-of-fold scores of each and of the blend, then a checked submission with its provenance."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.assemble import OutOfFold, assemble, rows_of_test, rows_out_of_fold
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.neighbours import write_neighbours_of
from whichwhale.blend.pool import Pool, fit, mix_floor
from whichwhale.blend.provenance import provenance
from whichwhale.blend.remarks import remarks
from whichwhale.blend.scores import Score, as_text, score_all
from whichwhale.checkout import Checkout
from whichwhale.competition import Competition
from whichwhale.config import ConfigError, load, read_yaml
from whichwhale.files import write_text
from whichwhale.predictions import ROLE_TEST, ROLE_VALIDATION, Predictions, write
from whichwhale.score import submission

EXAMPLE = """examples:
  python ensemble.py configs/right_whale_heads/ensemble.yaml
  python ensemble.py configs/right_whale_heads/ensemble.yaml members=[lite0_160] test=folds output=submissions/alone.csv.gz"""

def main(arguments: list[str]) -> int:
    """Exit codes: 0 written, 2 the command can't be carried out (one message says why)."""
    parser = argparse.ArgumentParser(
        prog="ensemble.py", description=__doc__, epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path, help="YAML; every key is explained in src/whichwhale/blend/config.py")
    parser.add_argument("override", nargs="*", metavar="key=value", help="say otherwise than the config, e.g. floor=1e-5")
    options = parser.parse_args(arguments)
    try:
        if "members" not in read_yaml(options.config) and not any(text.startswith("members=") for text in options.override):
            raise ConfigError(f"{options.config}: names no members, so is no blend's; a model's is for train.py and predict.py")
        run(load(EnsembleConfig, options.config, options.override), shlex.join(["python", "ensemble.py", *arguments]))
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    return 0


def run(config: EnsembleConfig, command: str) -> None:
    """Assemble, fit, score, write the submission, its text, blend.json and the blend's own predictions."""
    tables = config.competition()
    labelled = tables.train["Image"].tolist()
    for path in write_neighbours_of(config.members, config.runs, tables, config.neighbours_scale):
        print(f"{path}: written")
    members = [assemble(config.runs / name, tables.class_id, labelled, config.test) for name in config.members]
    rows = rows_out_of_fold(members, labelled, config.folds(tables))
    labels = tables.labels()
    truth_of = dict(zip(labelled, labels.tolist(), strict=True))
    truth = np.array([truth_of[image] for image in rows.images], np.int64)

    pool = fit(rows.z[:, rows.complete], truth[rows.complete], config.members, config.l2, config.floor)
    pool = replace(pool, test_power=config.test_power, test=config.test)
    prior = rows.prior(truth, labels, len(tables.class_id))
    scores, honest = score_all(rows, truth, config.members, pool, prior)
    table = as_text(scores)
    print(f"Out-of-fold scores on {len(rows.images)} photos of {config.dataset}\n{table}")

    test_z, predicted_by = rows_of_test(members, tables.test)
    p = pool.probabilities(test_z, means=True)
    p[predicted_by == 0] = mix_floor(tables.prior()[None], config.floor)
    notes = remarks(members, rows, tables, predicted_by, config) + answered(tables, p)
    print("\n".join(notes))

    kept = config.runs / config.name
    wrote = [f"{kept}/blend.json", f"{kept}/predictions.npz"]
    if tables.test:
        submission.write(config.submission, tables.test, tables.class_id, p)
        if tables.table is None:  # folders of classes: no sample says what is wanted
            submission.validate_for(config.submission, tables.test, tables.class_id)
        else:
            submission.validate(config.submission, config.root / config.data.sample_submission)
        commit = str(Checkout.of(Path(__file__).resolve().parent))
        write_text(config.provenance, provenance(command, commit, config.submission, members, pool, notes, table))
        wrote = [f"{config.submission} ({len(p)} photos, valid)", str(config.provenance), *wrote]
    else:
        print("no submission: the data set has no test photos")
    pool.scores["out_of_fold"] = [score.as_dict() for score in scores]
    pool.write(kept / "blend.json")
    write(kept / "predictions.npz", as_predictions(rows, honest, tables, p, pool))
    print(f"wrote {', '.join(wrote)}")


def answered(tables: Competition, p: NDArray[np.float64]) -> list[str]:
    """What the test rows p [T, C] are worth where the data set knows the answers, as folders of classes do: a line, or none."""
    if not tables.answers:
        return []
    truth = np.array([tables.class_id.index(tables.answers[image]) for image in tables.test], np.int64)
    score = Score.of("test", "", None, p, truth)
    loss = f"{score.log_loss.mean:.4f} ({score.log_loss.low:.4f} to {score.log_loss.high:.4f})"
    ranks = f"top-1 {score.top_1:.1%}, top-5 {score.top_5:.1%}"
    return [f"The {len(truth)} test photos, whose answers are known and which no fit has seen: log loss {loss}, {ranks}."]


def as_predictions(
    rows: OutOfFold, honest: NDArray[np.float64] | None, tables: Competition, p: NDArray[np.float64], pool: Pool
) -> Predictions:
    """The blend as one more model: cross-fitted rows for validation (none with a single fold), test rows; logits = log p.

    Photos without any prediction are among both, as the class prior.
    """
    images = ([] if honest is None else rows.images) + tables.test
    role = [ROLE_VALIDATION] * (len(images) - len(tables.test)) + [ROLE_TEST] * len(tables.test)
    logits = np.log(p if honest is None else np.concatenate([honest, p]))
    how = f"log-linear pool of {', '.join(pool.members)}; validation rows cross-fitted; class prior where no member has a row"
    return Predictions.of([f"{image}#0" for image in images], role, tables.class_id, logits, averaging=how)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
