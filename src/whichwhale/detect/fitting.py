"""Fitting one fold of a part detector."""

from __future__ import annotations

import hashlib

import pandas as pd
from torch import nn

from whichwhale.competition import folds
from whichwhale.detect import sides
from whichwhale.detect.experiment import Experiment
from whichwhale.detect.net import DetectObjective
from whichwhale.detect.predicting import detect
from whichwhale.detect.score import ALL, score
from whichwhale.detect.tables import candidate_table
from whichwhale.detect.truth import exchanged
from whichwhale.detect.variants import make_net
from whichwhale.detect.views import TrainingViews
from whichwhale.fit.batches import Items, Shuffled
from whichwhale.fit.loop import fit, seeded
from whichwhale.fit.processes import is_main, main_first
from whichwhale.runs import RunFolder, trained_on
from whichwhale.runs.lineage import backbone_fit, learned_from
from whichwhale.runs.trained_on import photos_of


def fit_fold(experiment: Experiment, fold: int) -> RunFolder:
    """Fit one fold's model, going on where an earlier call stopped; a finished one is left alone."""
    config = experiment.config
    learnt, unseen = experiment.learnt_from(fold), experiment.held_out(fold)
    if not learnt:
        raise ValueError(f"{config.name}: none of the photos of fold {fold}'s training is labelled")
    targets = experiment.targets(learnt)
    if not any(len(parts) for parts in targets.parts):
        raise ValueError(f"{config.name}: the {len(learnt)} labelled photos of fold {fold} show no part; raise labelled")
    provenance = {
        "fold": fold,
        "seed": config.seed,
        "tables": {
            "train": experiment.data.fingerprint(),
            "truth": experiment.truth.fingerprint,
            "pictures": experiment.pictures.key,
            "folds": folds.fingerprint(experiment.folds),
            "trained on": hashlib.sha256("\n".join(learnt).encode()).hexdigest(),
        },
        "parts": experiment.truth.parts,
        "photos": {"training": len(learnt), "held out": len(unseen)},
    }
    left_out = folds.train_validation(experiment.folds, fold)[1]
    learning, held_out = (photos_of(experiment.data.train, images) for images in (learnt, left_out))
    before = backbone_fit(config.backbone.weights, fold, provenance["tables"], held_out)
    own = config.model_copy(update={"fold": [fold]})
    with main_first():
        run = RunFolder.start(experiment.run_path(fold), own, provenance, writes=is_main())
    if run.fitted:
        print(f"{run.path}: fitted already")
        return run
    if run.writes and (learned := learned_from(before, learning)) is not None:
        trained_on.write(run.path, learned)
    with seeded(config.seed, fold):
        net = make_net(config, len(experiment.truth.parts))
    names = exchanged(experiment.truth.parts, config.mirrored)
    views = TrainingViews(experiment.pictures, targets, config.view_size, config.augment, names, config.seed)
    count = max(len(learnt), config.per_epoch)
    with run.running():
        fit(
            DetectObjective(net),
            Items(count, views),
            Shuffled(count, config.fit.batch_size, config.seed),
            config.fit,
            folder=run.path,
            seed=config.seed,
            validate=lambda objective: _validate(objective.net, experiment, fold, unseen),
            set_epoch=views.set_epoch,
            report=lambda progress: run.set_status("running", **progress),
            name=f"{config.name} fold {fold}",
        )
        if run.writes:
            sides.write(run.path, experiment.sides(fold))
            run.write_weights(net.state_dict())
            run.finish(net.weights_from)
    return run


def _validate(net: nn.Module, experiment: Experiment, fold: int, unseen: list[str]) -> dict[str, float]:
    """AP50 and AP50:95 on the held-out photos, in all and of each part, and F1 at the config's threshold."""
    table = experiment.truth.table
    if not table.loc[table["Image"].isin(set(unseen)), "x"].notna().any():
        return {}
    told = experiment.sides(fold)
    found = detect(net, experiment.pictures, experiment.config, experiment.truth.parts, unseen, "validation", told)
    found_table = candidate_table(found, fold, "validation", experiment.pictures, unseen)
    learnt = {fold: set(experiment.learnt_from(fold))}
    scores: pd.DataFrame = score(found_table, table, experiment.config.threshold, learnt, experiment.truth.parts).set_index(
        "part"
    )
    overall = scores.loc[ALL]
    each = {f"ap50_{part}": float(value) for part, value in scores["ap50"].drop(ALL).items() if value == value}
    values = {"ap50": float(overall["ap50"]), "ap50_95": float(overall["ap50_95"]), "f1": float(overall["f1"])}
    return {key: value for key, value in values.items() if value == value} | each
