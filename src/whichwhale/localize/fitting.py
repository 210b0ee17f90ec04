"""Fitting one fold of a localizer or aligner."""

from __future__ import annotations

import hashlib

import numpy as np
from torch import nn

from whichwhale.competition import folds
from whichwhale.fit.batches import Items, Shuffled
from whichwhale.fit.loop import fit, seeded
from whichwhale.fit.processes import is_main, main_first
from whichwhale.geometry import apply, identity
from whichwhale.localize.error import PERCENTILES, point_error
from whichwhale.localize.experiment import Experiment
from whichwhale.localize.net import VARIANTS, LocateObjective
from whichwhale.localize.predicting import predict
from whichwhale.localize.starting import start_of
from whichwhale.localize.training import Targets, TrainingViews
from whichwhale.pictures.frames import box_size
from whichwhale.runs import RunFolder, trained_on
from whichwhale.runs.lineage import backbone_fit, learned_from
from whichwhale.runs.trained_on import photos_of


def fit_fold(experiment: Experiment, fold: int) -> RunFolder:
    """Fit one fold's model, going on where an earlier call stopped; a finished one is left alone."""
    config = experiment.config
    training, held_out = folds.train_validation(experiment.folds, fold)
    targets, unseen = experiment.targets(training), experiment.targets(held_out)
    if not len(targets.rows):
        raise ValueError(f"{config.name}: none of the {len(training)} photos of fold {fold}'s training has a known place")
    truth = np.concatenate([experiment.truth.box.ravel(), experiment.truth.points.ravel()])
    provenance = {
        "fold": fold,
        "seed": config.seed,
        "tables": {
            "train": experiment.data.fingerprint(),
            "truth": hashlib.sha256(truth.tobytes()).hexdigest(),
            "pictures": experiment.pictures.key,
            "folds": folds.fingerprint(experiment.folds),
        },
        "photos": {"training": len(targets.rows), "held out": len(unseen.rows)},
    }
    learning, left_out = (photos_of(experiment.data.train, images) for images in (training, held_out))
    start = start_of(config.start_from, fold, provenance["tables"], left_out)
    before = start.folder if start else backbone_fit(config.backbone.weights, fold, provenance["tables"], left_out)
    if start is not None:
        provenance["start"] = start.weights_sha
    own = config.model_copy(update={"fold": [fold]})
    with main_first():
        run = RunFolder.start(experiment.run_path(fold), own, provenance, writes=is_main())
    if run.fitted:
        print(f"{run.path}: fitted already")
        return run
    if run.writes and (learned := learned_from(before, learning)) is not None:
        trained_on.write(run.path, learned)
    with seeded(config.seed, fold):
        net = VARIANTS[config.variant](config)
    if start is not None:
        start.give(net)
    weights_from = net.weights_from if start is None else start.told
    if not any(parameter.requires_grad for parameter in net.parameters()):  # nothing to learn, as with variant edges
        if run.writes:
            run.write_weights(net.state_dict())
            run.finish(weights_from, **_validate(net, experiment, unseen))
        return run
    views = TrainingViews(experiment.pictures, targets, config.view_size, config.augment, config.seed)
    with run.running():
        fit(
            LocateObjective(net),
            Items(len(targets.rows), views),
            Shuffled(len(targets.rows), config.fit.batch_size, config.seed),
            config.fit,
            folder=run.path,
            seed=config.seed,
            validate=lambda objective: _validate(objective.net, experiment, unseen),
            set_epoch=views.set_epoch,
            report=lambda progress: run.set_status("running", **progress),
            name=f"{config.name} fold {fold}",
        )
        if run.writes:
            run.write_weights(net.state_dict())
            run.finish(weights_from)
    return run


def _validate(net: nn.Module, experiment: Experiment, unseen: Targets) -> dict[str, float]:
    """Errors on held-out pictures from the plain view alone: of the points in d, and of the box centre in box sizes."""
    if not len(unseen.rows):
        return {}
    seen = predict(net, experiment.pictures, unseen.rows, experiment.config, [identity()], "validation").points[:, 0]
    matrix = experiment.pictures.matrix[unseen.rows]
    placed = np.stack([apply(one, p) for one, p in zip(matrix, seen, strict=True)])
    first, scores = int("box" in experiment.config.channels), {}
    if first:
        off = np.linalg.norm(placed[:, 0] - unseen.points[:, 0], axis=-1) / box_size(unseen.extent)
        scores |= {"centre_50": float(np.median(off)), "centre_95": float(np.percentile(off, 95))}
    if placed.shape[1] > first:
        error = point_error(placed[:, first:], unseen.points[:, first:])
        error = error[np.isfinite(error)]
        scores |= {f"error_{p}": float(np.percentile(error, p)) for p in PERCENTILES if len(error)}
    return scores
