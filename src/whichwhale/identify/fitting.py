"""Fitting one fold of an identification model, or all labelled photos."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from numpy.typing import NDArray

from whichwhale.fit.batches import Items
from whichwhale.fit.loop import fit, seeded
from whichwhale.fit.processes import is_main, main_first
from whichwhale.geometry import identity
from whichwhale.identify import fitted, lineage, onward
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.bottleneck import Bottleneck, head_alone
from whichwhale.identify.experiment import Experiment, Fold, item_of
from whichwhale.identify.net import Identifier, IdentifyObjective
from whichwhale.identify.passports import TrainingPassports
from whichwhale.identify.predicting import all_columns, predict, scores
from whichwhale.identify.training_set import TrainingSet
from whichwhale.identify.unheard import unheard
from whichwhale.runs import RunFolder, trained_on

ALL = 2**31  # in the place of a fold's number where one is needed


def fit_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Fit one fold's model (or `all`), going on where an earlier call stopped; a finished one is left alone.

    Raises ValueError: nothing to train on, a run folder of another config (RunError), weights that saw held-out photos, links
    that contradict one another (LinksError), a loss that is no number (Diverged), an embedding that says nothing (Collapsed).
    """
    config, data = experiment.config, TrainingSet.of(experiment, fold)
    start = onward.start_of(experiment, fold)
    # Adding `onward` to a config leaves what was fitted without it, and so does adding partitions.
    said: dict[str, Any] = {"fit": start.fit} if start else {"onward": None}
    said["folds"] = config.folds.model_copy(update={"repeat": 1})
    fit_config = config.model_copy(update={"fold": [fold], **said})
    with main_first():
        run = RunFolder.start(experiment.run_path(fold), fit_config, _provenance(experiment, fold, data, start), writes=is_main())
    if run.fitted:
        print(f"{run.path}: fitted already")
        return run
    if run.writes:
        for idle in unheard(config):
            print(f"{config.name}: {idle}")
        before = start.run.path if start else lineage.fit_of(config.backbone.weights)
        if (learned := lineage.learned_from(experiment, fold, before)) is not None:
            trained_on.write(run.path, learned)
    # A backbone that stands still is the same in every fold, even one of random weights: its features are computed once.
    with seeded(config.seed, ALL if fold == "all" or config.bottleneck else fold):
        net = Identifier(config, len(data.seen), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    if start:
        start.give(net, data.whales, config.head)
    net.know(torch.from_numpy(data.counts()))
    warmup = round(fit_config.fit.warmup * len(data.sampler.batches(0)))  # steps
    alarm = CollapseAlarm(config.alarm, net.head, warmup, f"{config.name} fold {fold}") if config.alarm.on else None
    if alarm and run.writes and (told := alarm.too_short(fit_config.fit.epochs * len(data.sampler.batches(0)))):
        print(told)
    rows = experiment.store.rows([item_of(image) for image in data.photos])
    validation_rows = experiment.store.rows([item_of(image) for image in data.held_out])
    bottleneck = Bottleneck(experiment.home, net, config, experiment.store) if config.bottleneck else None
    if bottleneck:
        with main_first():
            passports = bottleneck.training(rows, data.labels)
            bottleneck.views(validation_rows)(identity())
        print(bottleneck.cache.told())
    else:
        mixed_epochs = config.augment.mix.epochs(fit_config.fit.epochs)
        passports = TrainingPassports(experiment.store, rows, data.labels, config.view, config.augment, config.seed, mixed_epochs)

    def scored(objective: IdentifyObjective, rows: NDArray, photos: list[str]) -> dict[str, float]:
        features = bottleneck.views(rows) if bottleneck else None
        answer = predict(objective.net, experiment.store, rows, config, [identity()], "validation", features)
        logits = all_columns(answer[0], data.seen, len(experiment.data.class_id))
        return scores(logits, experiment.labels(photos), answer[1])

    def validate(objective: IdentifyObjective) -> dict[str, float]:
        found = scored(objective, validation_rows, data.held_out) if data.held_out else {}
        if bottleneck:  # cheap there
            learned = scored(objective, rows[: data.labelled], data.photos[: data.labelled])
            found |= {f"training_{key}": value for key, value in learned.items()}
        return found

    with run.running():
        with head_alone(net) if bottleneck else nullcontext():
            fit(
                IdentifyObjective(net, config.auxiliary.weight, alarm, data.linked),
                Items(len(rows), passports),
                data.sampler,
                fit_config.fit,
                folder=run.path,
                seed=config.seed,
                validate=validate if data.held_out or bottleneck else None,
                set_epoch=passports.set_epoch,
                report=lambda progress: run.set_status("running", **progress),
                name=f"{config.name} fold {fold}",
            )
        if run.writes:
            fitted.write(run, net, data.whales)
            run.finish(start.told if start else net.backbone.weights_from)
    return run


def _provenance(experiment: Experiment, fold: Fold, data: TrainingSet, start: onward.Start | None) -> dict[str, Any]:
    """What the run folder keeps of where the fit came from."""
    photos = {"training": data.labelled, "held out": len(data.held_out), "whales": len(data.seen)}
    if unlabelled := len(data.photos) - data.labelled:
        photos["without label"] = unlabelled
    path = experiment.run_path(fold)
    written = RunFolder(path).provenance().get("tables") if (path / "config.yaml").exists() else None  # of this fit, if it began
    told = {"fold": fold, "seed": experiment.config.seed, "tables": experiment.fingerprints(fold, written), "photos": photos}
    return told | ({"onward": start.said} if start else {})
