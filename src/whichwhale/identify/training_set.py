"""What one fit learns from: its photos, their labels, and how they are dealt into batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from whichwhale.fit.batches import Sampler, Shuffled
from whichwhale.fit.groups import Grouped
from whichwhale.fit.linked import Linked
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.experiment import Experiment, Fold
from whichwhale.identify.links import Groups, groups_of
from whichwhale.identify.net import NO_LABEL, LinkedGroups


@dataclass(frozen=True)
class TrainingSet:
    """Of one fold's fit, or of that on all photos.

    photos     [N] names, the labelled ones first, then those that weak labels alone speak of
    labelled   how many of them have a label
    held_out   names of the photos that it does not see
    seen       [K] columns of the data set's whales that it sees, rising; class k of the fit is whale seen[k]
    whales     [K] their names
    labels     by name int64 [N], NO_LABEL where there is none: `whale` (class of the fit), `auxiliary`; with weak labels `group`
    sampler    deals photos into batches
    linked     who is whose rival, with weak labels
    """

    photos: list[str]
    labelled: int
    held_out: list[str]
    seen: NDArray[np.int64]
    whales: list[str]
    labels: dict[str, NDArray[np.int64]]
    sampler: Sampler
    linked: LinkedGroups | None

    @classmethod
    def of(cls, experiment: Experiment, fold: Fold) -> TrainingSet:
        """Raises ValueError if there is nothing to train on, and LinksError if weak labels contradict one another."""
        config = experiment.config
        training, held_out = experiment.photos(fold)
        if not training:
            raise ValueError(
                f"{config.name}: no photo of fold {fold}'s training has a passport in {experiment.store.folder}; "
                "look at its index.csv and at the annotations that it was cut by"
            )
        seen, whale = np.unique(experiment.labels(training), return_inverse=True)
        names = [experiment.data.class_id[i] for i in seen]
        unlabelled = experiment.unlabelled()
        photos = [*training, *unlabelled]
        labels = {
            "whale": np.concatenate([whale, np.full(len(unlabelled), NO_LABEL, np.int64)]),
            "auxiliary": np.array([experiment.auxiliary.get(image, NO_LABEL) for image in photos], np.int64),
        }
        if config.weak is None:
            return cls(photos, len(training), held_out, seen, names, labels, sampler_of(config, labels["whale"]), None)
        groups = groups_of(photos, labels["whale"], experiment.links, config.weak.links, names)
        labels |= {"group": groups.group, "whale": groups.whale[groups.group]}  # a must may give a photo its whale
        linked = LinkedGroups(torch.from_numpy(groups.whale), torch.from_numpy(groups.rivals))
        return cls(photos, len(training), held_out, seen, names, labels, _linked_sampler(config, groups), linked)

    def counts(self) -> NDArray[np.int64]:
        """Photos of each class [K]."""
        whale = self.labels["whale"]
        return np.bincount(whale[whale != NO_LABEL], minlength=len(self.seen))


def sampler_of(config: IdentifyConfig, whales: NDArray) -> Sampler:
    """The config's sampler of training photos whose whales are `whales`, int [N]."""
    if config.sampler.kind == "pk":
        return Grouped(whales, config.sampler.whales_of(config.fit.batch_size), config.sampler.photos, config.seed)
    return Shuffled(len(whales), config.fit.batch_size, config.seed)


def _linked_sampler(config: IdentifyConfig, groups: Groups) -> Sampler:
    """Batches of the config's size of groups of photos, of which some have no label."""
    whales, photos = config.sampler.whales_of(config.fit.batch_size), config.sampler.photos
    return Linked(groups.group, groups.whale >= 0, groups.rivals, whales, photos, config.seed)
