"""Fitting one fold of an identification model, or all labelled photos."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from whichwhale.fit.batches import Items, Sampler, Shuffled
from whichwhale.fit.groups import Grouped
from whichwhale.fit.loop import fit, remove_checkpoints, seeded
from whichwhale.fit.processes import is_main, main_first
from whichwhale.geometry import identity
from whichwhale.identify import fitted
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.experiment import Experiment, Fold, item_of
from whichwhale.identify.net import NO_LABEL, Identifier, IdentifyObjective
from whichwhale.identify.passports import TrainingPassports
from whichwhale.identify.predicting import all_columns, predict, scores
from whichwhale.runs import RunFolder

ALL = 2**31  # in the place of a fold's number where one is needed


def fit_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Fit one fold's model (or `all`), going on where an earlier call stopped; a finished one is left alone."""
    config = experiment.config
    fit_config = config.model_copy(update={"fold": [fold]})
    training, held_out = experiment.photos(fold)
    if not training:
        raise ValueError(
            f"{config.name}: no photo of fold {fold}'s training has a passport in {experiment.store.folder}; "
            "look at its index.csv and at the annotations that it was cut by"
        )
    whales = experiment.labels(training)
    seen = np.unique(whales)
    provenance = {
        "fold": fold,
        "seed": config.seed,
        "tables": experiment.fingerprints(),
        "photos": {"training": len(training), "held out": len(held_out), "whales": len(seen)},
    }
    with main_first():
        run = RunFolder.start(experiment.run_path(fold), fit_config, provenance, writes=is_main())
    if run.fitted:
        print(f"{run.path}: fitted already")
        return run
    with seeded(config.seed, ALL if fold == "all" else fold):
        net = Identifier(config, len(seen), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    labels = {
        "whale": np.searchsorted(seen, whales),
        "auxiliary": np.array([experiment.auxiliary.get(image, NO_LABEL) for image in training], np.int64),
    }
    net.know(torch.from_numpy(np.bincount(labels["whale"])))
    sampler = sampler_of(config, labels["whale"])
    warmup = round(config.fit.warmup * len(sampler.batches(0)))  # steps
    alarm = CollapseAlarm(config.alarm, net.head, warmup, f"{config.name} fold {fold}") if config.alarm.on else None
    rows = experiment.store.rows([item_of(image) for image in training])
    mixed_epochs = config.augment.mix.epochs(config.fit.epochs)
    passports = TrainingPassports(experiment.store, rows, labels, config.view, config.augment, config.seed, mixed_epochs)
    validation_rows = experiment.store.rows([item_of(image) for image in held_out])
    truth = experiment.labels(held_out)

    def validate(objective: IdentifyObjective) -> dict[str, float]:
        logits, _ = predict(objective.net, experiment.store, validation_rows, config, [identity()], "validation")
        return scores(all_columns(logits, seen, len(experiment.data.class_id)), truth)

    with run.running():
        fit(
            IdentifyObjective(net, config.auxiliary.weight, alarm),
            Items(len(rows), passports),
            sampler,
            config.fit,
            folder=run.path,
            seed=config.seed,
            validate=validate if held_out else None,
            set_epoch=passports.set_epoch,
            report=lambda progress: run.set_status("running", **progress),
            name=f"{config.name} fold {fold}",
        )
        if run.writes:
            fitted.write(run, net, [experiment.data.class_id[i] for i in seen])
            run.set_status("fitted", weights_from=net.backbone.weights_from)
            remove_checkpoints(run.path)
    return run


def sampler_of(config: IdentifyConfig, whales: NDArray) -> Sampler:
    """The config's sampler of training photos whose whales are `whales`, int [N]."""
    if config.sampler.kind == "pk":
        return Grouped(whales, config.sampler.whales, config.sampler.photos, config.seed)
    return Shuffled(len(whales), config.fit.batch_size, config.seed)
