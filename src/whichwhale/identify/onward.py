"""Some epochs on from fitted weights, with a fold's held-out photos added at last; and from which a fold may never start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from whichwhale.config import ConfigError
from whichwhale.files import sha256
from whichwhale.fit.config import FitConfig, PlateauKicks
from whichwhale.identify import fitted, lineage
from whichwhale.identify.experiment import Experiment, Fold
from whichwhale.identify.head_config import HeadConfig
from whichwhale.identify.net import Identifier
from whichwhale.runs import RunError, RunFolder, trained_on
from whichwhale.weights import weights_file


@dataclass(frozen=True)
class Start:
    """The fitted run that a fit starts from, and how the fit goes on."""

    run: RunFolder
    weights_sha: str
    fit: FitConfig

    @property
    def said(self) -> dict[str, str]:
        """For the provenance of what is fitted."""
        return {"from": f"{self.run.path.parent.name}/{self.run.path.name}", "weights_sha": self.weights_sha}

    @property
    def told(self) -> str:
        return f"{self.said['from']} {self.weights_sha[:12]}"

    def give(self, net: Identifier, whales: list[str], head: HeadConfig) -> None:
        """Give `net`, whose logits stand for `whales`, the run's weights. What belongs to a whale that the run doesn't know stays
        as it is.

        Raises RunError if the run's network is another one.
        """
        source, known, _ = fitted.read(self.run.path)
        here, there = net.state_dict(), source.state_dict()  # shares the tensors with the nets
        grown = _per_class(net, head)
        other = [name for name in here.keys() | there.keys() if name not in here or name not in there]
        other += [name for name in here if name not in other + list(grown) and here[name].shape != there[name].shape]
        if source.twins != net.twins or other:
            raise RunError(
                f"{self.run.path}: is another network than the config's ({', '.join(sorted(other)[:3]) or 'mirrored'} differ); "
                "go on from a model of the same backbone, head, mirrored and auxiliary target"
            )
        place = {whale: i for i, whale in enumerate(known)}
        learned = {name for name, _ in net.named_parameters()}
        for name, tensor in here.items():
            if name not in grown:
                tensor.copy_(there[name])
            elif name in learned:  # a buffer of the whales, such as margins by their photos, is this fit's own
                dim, rows = grown[name]
                for twin in range(1 + net.twins):
                    for i, whale in enumerate(whales):
                        if whale in place:
                            old = (twin * len(known) + place[whale]) * rows
                            new = (twin * len(whales) + i) * rows
                            tensor.narrow(dim, new, rows).copy_(there[name].narrow(dim, old, rows))


def start_of(experiment: Experiment, fold: Fold) -> Start | None:
    """What the config's fit of `fold` starts from; None: as ever, from the backbone's weights.

    Raises ConfigError if that fit, or the one that the backbone's weights are of, or one that either started from, has learned
    from photos that `fold` holds out, or if the list of what the weights learned from is not beside them, RunError if it is not
    fitted.
    """
    config, onward = experiment.config, experiment.config.onward
    refuse_backbone_that_saw(experiment, fold)
    if onward is None or (fold != "all" and not onward.model):
        return None
    model = onward.model or config.name
    if fold == "all":
        source: Fold = 0 if onward.fold is None else onward.fold
    elif onward.fold in (None, fold):
        source = fold
    else:
        raise ConfigError(
            f"onward.fold={onward.fold}: that fit of {model} has learned from the photos that fold {fold} holds out, so nothing "
            f"would be held out; leave onward.fold away, or fit fold=all alone"
        )
    run = RunFolder(experiment.home / model / f"fold{source}")
    if not run.fitted:
        raise RunError(f"{run.path}: onward starts from it, but it is not fitted; fit it first: name={model} fold={source}")
    provenance = run.provenance()
    same = provenance["tables"].get("folds") == experiment.fingerprints(fold)["folds"]
    if fold != "all" and not (same and provenance["fold"] == source):
        other = "" if same else f" of other folds than {experiment.home / 'folds.csv'} has now"
        raise ConfigError(
            f"{run.path}: was fitted as fold {provenance['fold']}{other}, so it may have learned from photos that fold {fold} "
            f"holds out; fit {model} anew, or go on from another model"
        )
    if why := trained_on.fault(run.weights):
        raise ConfigError(f"onward.model={model}: {why}")
    if fold != "all" and (why := lineage.has_seen(run.path, experiment, fold)):
        raise ConfigError(f"{run.path}: {why}; fit {model} anew, or go on from another model")
    # The weights have settled: no head that starts from random numbers, no kicks.
    warmup = min(config.fit.warmup, onward.epochs / 4)
    changes: dict[str, Any] = {"epochs": onward.epochs, "lr": onward.lr, "head_lr": 1.0, "warmup": warmup, "kicks": []}
    changes["plateau"] = PlateauKicks()
    return Start(run, sha256(run.weights), config.fit.model_copy(update=changes))


def refuse_backbone_that_saw(experiment: Experiment, fold: Fold) -> None:
    """`backbone.weights` may be another fit's, unless that has learned from photos that `fold` holds out, or may have, or nobody
    could tell from then on what it has learned from.

    Raises ConfigError.
    """
    weights = experiment.config.backbone.weights
    file = weights_file(weights)
    if file is not None and (why := trained_on.fault(file)):
        raise ConfigError(f"backbone.weights={weights}: {why}")
    folder = lineage.fit_of(weights)
    if fold != "all" and folder is not None and (why := lineage.has_seen(folder, experiment, fold)):
        raise ConfigError(
            f"backbone.weights={weights}: that fit {why}; "
            f"take weights of fold {fold} of the same folds.csv, or of another data set, or fit fold=all alone"
        )


def _per_class(net: Identifier, config: HeadConfig) -> dict[str, tuple[int, int]]:
    """Those tensors of the head that grow with the classes: name in the net's state to (dimension, entries a class)."""
    classes = net.classes * (1 + net.twins)
    with torch.device("meta"):
        larger: nn.Module = type(net.head)(net.backbone.dims, classes + 1, config)
    grown = {}
    for name, tensor in larger.state_dict().items():
        now = net.head.state_dict()[name]
        for dim in range(tensor.ndim):
            if tensor.shape[dim] != now.shape[dim]:
                grown[f"head.{name}"] = dim, tensor.shape[dim] - now.shape[dim]
    return grown
