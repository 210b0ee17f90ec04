"""Fitting one fold of an identification model, or all labelled photos."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whichwhale.fit.batches import Items, Sampler, Shuffled
from whichwhale.fit.groups import Grouped
from whichwhale.fit.linked import Linked
from whichwhale.fit.loop import fit, seeded
from whichwhale.fit.processes import is_main, main_first
from whichwhale.geometry import identity
from whichwhale.identify import fitted, lineage, onward
from whichwhale.identify.alarm import CollapseAlarm
from whichwhale.identify.bottleneck import Bottleneck, head_alone
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.experiment import Experiment, Fold, item_of
from whichwhale.identify.links import Groups, groups_of
from whichwhale.identify.net import NO_LABEL, Identifier, IdentifyObjective, LinkedGroups
from whichwhale.identify.passports import TrainingPassports
from whichwhale.identify.predicting import all_columns, predict, scores
from whichwhale.identify.unheard import unheard
from whichwhale.runs import RunFolder, trained_on

ALL = 2**31  # in the place of a fold's number where one is needed


def fit_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Fit one fold's model (or `all`), going on where an earlier call stopped; a finished one is left alone.

    Raises ValueError: nothing to train on, a run folder of another config (RunError), weights that saw held-out photos, links
    that contradict one another (LinksError), a loss that is no number (Diverged), an embedding that says nothing (Collapsed).
    """
    config = experiment.config
    training, held_out = experiment.photos(fold)
    if not training:
        raise ValueError(
            f"{config.name}: no photo of fold {fold}'s training has a passport in {experiment.store.folder}; "
            "look at its index.csv and at the annotations that it was cut by"
        )
    whales = experiment.labels(training)
    seen = np.unique(whales)
    names = [experiment.data.class_id[i] for i in seen]
    start = onward.start_of(experiment, fold)
    # Adding `onward` to a config leaves what was fitted without it, and so does adding partitions.
    said: dict[str, Any] = {"fit": start.fit} if start else {"onward": None}
    said["folds"] = config.folds.model_copy(update={"repeat": 1})
    fit_config = config.model_copy(update={"fold": [fold], **said})
    provenance = {
        "fold": fold,
        "seed": config.seed,
        "tables": experiment.fingerprints(fold),
        "photos": {"training": len(training), "held out": len(held_out), "whales": len(seen)},
    }
    unlabelled = experiment.unlabelled()
    if unlabelled:
        provenance["photos"]["without label"] = len(unlabelled)
    if start:
        provenance["onward"] = start.said
    with main_first():
        run = RunFolder.start(experiment.run_path(fold), fit_config, provenance, writes=is_main())
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
        net = Identifier(config, len(seen), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    if start:
        start.give(net, names, config.head)
    photos = [*training, *unlabelled]
    labels = {
        "whale": np.concatenate([np.searchsorted(seen, whales), np.full(len(unlabelled), NO_LABEL, np.int64)]),
        "auxiliary": np.array([experiment.auxiliary.get(image, NO_LABEL) for image in photos], np.int64),
    }
    linked = None
    if config.weak is not None:
        groups = groups_of(photos, labels["whale"], experiment.links, config.weak.links, names)
        labels |= {"group": groups.group, "whale": groups.whale[groups.group]}  # a must may give a photo its whale
        linked = LinkedGroups(torch.from_numpy(groups.whale), torch.from_numpy(groups.rivals))
        sampler: Sampler = linked_sampler(config, groups)
    else:
        sampler = sampler_of(config, labels["whale"])
    net.know(torch.from_numpy(np.bincount(labels["whale"][labels["whale"] >= 0])))
    warmup = round(fit_config.fit.warmup * len(sampler.batches(0)))  # steps
    alarm = CollapseAlarm(config.alarm, net.head, warmup, f"{config.name} fold {fold}") if config.alarm.on else None
    rows = experiment.store.rows([item_of(image) for image in photos])
    validation_rows = experiment.store.rows([item_of(image) for image in held_out])
    truth = experiment.labels(held_out)
    bottleneck = Bottleneck(experiment.home, net, config, experiment.store) if config.bottleneck else None
    if bottleneck:
        with main_first():
            passports = bottleneck.training(rows, labels)
            bottleneck.views(validation_rows)(identity())
        print(bottleneck.cache.told())
    else:
        mixed_epochs = config.augment.mix.epochs(fit_config.fit.epochs)
        passports = TrainingPassports(experiment.store, rows, labels, config.view, config.augment, config.seed, mixed_epochs)

    def scored(objective: IdentifyObjective, rows: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        features = bottleneck.views(rows) if bottleneck else None
        answer = predict(objective.net, experiment.store, rows, config, [identity()], "validation", features)
        return scores(all_columns(answer[0], seen, len(experiment.data.class_id)), truth, answer[1])

    def validate(objective: IdentifyObjective) -> dict[str, float]:
        found = scored(objective, validation_rows, truth) if held_out else {}
        if bottleneck:  # cheap there
            learned = scored(objective, rows[: len(training)], whales)
            found |= {f"training_{key}": value for key, value in learned.items()}
        return found

    with run.running():
        with head_alone(net) if bottleneck else nullcontext():
            fit(
                IdentifyObjective(net, config.auxiliary.weight, alarm, linked),
                Items(len(rows), passports),
                sampler,
                fit_config.fit,
                folder=run.path,
                seed=config.seed,
                validate=validate if held_out or bottleneck else None,
                set_epoch=passports.set_epoch,
                report=lambda progress: run.set_status("running", **progress),
                name=f"{config.name} fold {fold}",
            )
        if run.writes:
            fitted.write(run, net, names)
            run.finish(start.told if start else net.backbone.weights_from)
    return run


def sampler_of(config: IdentifyConfig, whales: NDArray) -> Sampler:
    """The config's sampler of training photos whose whales are `whales`, int [N]."""
    if config.sampler.kind == "pk":
        return Grouped(whales, config.sampler.whales_of(config.fit.batch_size), config.sampler.photos, config.seed)
    return Shuffled(len(whales), config.fit.batch_size, config.seed)


def linked_sampler(config: IdentifyConfig, groups: Groups) -> Sampler:
    """Batches of the config's size of groups of photos, of which some have no label."""
    whales, photos = config.sampler.whales_of(config.fit.batch_size), config.sampler.photos
    return Linked(groups.group, groups.whale >= 0, groups.rivals, whales, photos, config.seed)
