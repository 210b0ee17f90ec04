"""One identification model from its config: what it reads, a fit of one fold, and that fit's predictions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from whichwhale import competition, predictions
from whichwhale.competition import Competition, folds
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import sha256, write_json
from whichwhale.fit.batches import Items, Shuffled
from whichwhale.fit.loop import fit, remove_checkpoints
from whichwhale.geometry import identity
from whichwhale.identify.config import AuxiliaryConfig, GivenPassports, IdentifyConfig
from whichwhale.identify.net import NO_LABEL, Identifier, IdentifyObjective
from whichwhale.identify.passports import TrainingPassports, prediction_views
from whichwhale.identify.predicting import AVERAGING, predict
from whichwhale.passport import points
from whichwhale.passport.from_points import store_from_points
from whichwhale.passport.given import given_store
from whichwhale.passport.store import Store
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions
from whichwhale.runs import RunError, RunFolder
from whichwhale.score import log_loss, top_k

Fold = int | Literal["all"]


@dataclass(frozen=True)
class Experiment:
    """A config and what it reads: tables, folds, passports."""

    config: IdentifyConfig
    data: Competition
    folds: pd.DataFrame
    store: Store
    auxiliary: dict[str, int]  # photo -> index of its auxiliary label
    auxiliary_names: list[str]

    @classmethod
    def open(cls, config: IdentifyConfig) -> Experiment:
        """Read all tables and open the passport store, making it and folds.csv if there are none yet.

        Raises an error of the room that finds something wrong, before any training.
        """
        data = competition.read(input_dir() / config.data.root, **config.data.model_dump(exclude={"root"}))
        dealt = _folds(config, data)
        auxiliary, names = _auxiliary(config.auxiliary, set(data.train["Image"]))
        store = _store(config, data)
        unreadable = store.index.loc[store.index["status"] == "unreadable", "item"]
        bad = unreadable[unreadable.isin(map(_item, data.train["Image"]))]
        if len(bad):
            raise ValueError(
                f"{data.root / config.data.images}: {len(bad)} training photos are missing or unreadable, the first are "
                f"{list(bad[:3])}. `python -m whichwhale.competition check {data.root}` says more; "
                f"take them out of {config.data.train} or mend them"
            )
        return cls(config, data, dealt, store, auxiliary, names)

    def fold_list(self) -> list[Fold]:
        """The fits that the config asks for: by default every fold, then all."""
        return list(self.config.fold) or [*folds.numbers(self.folds), "all"]

    def photos(self, fold: Fold) -> tuple[list[str], list[str]]:
        """Photos to train on and photos held out, without those in which no animal was found."""
        found = set(self.store.index.loc[self.store.index["status"] == "ok", "item"])
        training, held_out = folds.train_validation(self.folds, fold)
        return [photo for photo in training if _item(photo) in found], [photo for photo in held_out if _item(photo) in found]

    def run_path(self, fold: Fold) -> Path:
        return runs_dir() / self.config.dataset / self.config.name / f"fold{fold}"

    def labels(self, images: list[str]) -> NDArray[np.int64]:
        """Index into `data.class_id` of each labelled photo."""
        return pd.Series(self.data.labels(), index=self.data.train["Image"])[images].to_numpy(np.int64)


def fit_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Fit one fold's model (or `all`), going on where an earlier call stopped; a finished one is left alone."""
    config = experiment.config
    fit_config = config.model_copy(update={"fold": [fold]})
    training, held_out = experiment.photos(fold)
    whales = experiment.labels(training)
    seen = np.unique(whales)
    provenance = {
        "fold": fold,
        "seed": config.seed,
        "tables": {"train": sha256(experiment.data.root / config.data.train), "passports": experiment.store.key},
        "photos": {"training": len(training), "held out": len(held_out), "whales": len(seen)},
    }
    run = RunFolder.start(experiment.run_path(fold), fit_config, provenance)
    if run.fitted:
        print(f"{run.path}: fitted already")
        return run
    net = Identifier(config, len(seen), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    labels = {
        "whale": np.searchsorted(seen, whales),
        "auxiliary": np.array([experiment.auxiliary.get(image, NO_LABEL) for image in training], np.int64),
    }
    rows = experiment.store.rows([_item(image) for image in training])
    passports = TrainingPassports(experiment.store, rows, labels, config.view, config.augment, config.seed)
    validation_rows = experiment.store.rows([_item(image) for image in held_out])
    truth = experiment.labels(held_out)

    def validate(objective: IdentifyObjective) -> dict[str, float]:
        logits, _ = predict(objective.net, experiment.store, validation_rows, config, [identity()], "validation")
        return _scores(_all_columns(logits, seen, len(experiment.data.class_id)), truth)

    with run.running():
        fit(
            IdentifyObjective(net, config.auxiliary.weight),
            Items(len(rows), passports),
            Shuffled(len(rows), config.fit.batch_size, config.seed),
            config.fit,
            folder=run.path,
            seed=config.seed,
            validate=validate if held_out else None,
            set_epoch=passports.set_epoch,
            report=lambda progress: run.set_status("running", **progress),
            name=f"{config.name} fold {fold}",
        )
        write_json(run.path / "classes.json", {"whales": [experiment.data.class_id[i] for i in seen]})
        state = {key: value.contiguous() for key, value in net.state_dict().items()}
        beside = run.weights.with_suffix(".part")
        save_file(state, beside)
        beside.rename(run.weights)
        run.set_status("fitted", weights_from=net.backbone.weights_from)
        remove_checkpoints(run.path)
    return run


def predict_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Write predictions.npz of a fitted fold: every labelled photo and every test photo whose passport could be made."""
    config, data = experiment.config, experiment.data
    run = RunFolder(experiment.run_path(fold))
    if not run.fitted:
        raise RunError(f"{run.path}: not fitted yet (state {run.status().get('state', 'missing')}); run train.py first")
    fingerprint = sha256(run.weights)
    if run.predictions.exists() and predictions.read(run.predictions).weights_sha == fingerprint:
        print(f"{run.predictions}: written already")
        return run
    net, whales = load_net(experiment, run)
    training, held_out = folds.train_validation(experiment.folds, fold)
    photos = [*training, *held_out, *data.test]
    role = np.repeat([ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST], [len(training), len(held_out), len(data.test)])
    readable = set(experiment.store.index.loc[experiment.store.index["status"] == "ok", "item"])
    keep = np.array([_item(photo) in readable for photo in photos])
    items = [_item(photo) for photo, kept in zip(photos, keep, strict=True) if kept]
    logits, embedding = predict(net, experiment.store, experiment.store.rows(items), config, name=f"{config.name} fold {fold}")
    seen = np.array([data.class_id.index(whale) for whale in whales])
    table = Predictions.of(
        items,
        role[keep],
        data.class_id,
        _all_columns(logits, seen, len(data.class_id)),
        embedding,
        views=len(prediction_views(config.views, config.view)),
        averaging=AVERAGING,
        weights_sha=fingerprint,
    )
    predictions.write(run.predictions, table)
    if held_out:
        held = role[keep] == ROLE_VALIDATION
        scores = _scores(table.logits[held], experiment.labels(held_out))
        print(f"{run.path}: held out {held.sum()} photos, " + ", ".join(f"{key} {value:.4f}" for key, value in scores.items()))
    return run


def load_net(experiment: Experiment, run: RunFolder) -> tuple[Identifier, list[str]]:
    """The fitted network of a run and the whales that its logits stand for."""
    whales = json.loads((run.path / "classes.json").read_text(encoding="utf-8"))["whales"]
    config = experiment.config
    bare = config.model_copy(update={"backbone": config.backbone.model_copy(update={"weights": False})})
    net = Identifier(bare, len(whales), len(experiment.auxiliary_names) if config.auxiliary.weight else 0)
    net.load_state_dict(load_file(run.weights))
    return net.eval(), whales


def _store(config: IdentifyConfig, data: Competition) -> Store:
    """The data set's passports: given crops, or cut by points; the store of each way to cut them has a folder of its own."""
    home, images = runs_dir() / config.dataset, [*data.train["Image"], *data.test]
    passports = config.passports
    if isinstance(passports, GivenPassports):
        return given_store(home / "passports", {_item(image): data.photo_path(image) for image in images}, passports.view)
    places = sorted({folder / passports.annotations for folder in (input_dir(), runs_dir())})  # one if the path is absolute
    there = [place for place in places if place.exists()]
    if len(there) != 1:
        fault = "is in both; give the full path" if there else "is in neither; make it first, or correct passports.annotations"
        raise ValueError(f"passports.annotations: of {' and '.join(map(str, places))} the file {fault}")
    table = points.read(there[0], [passports.first, passports.second])
    table = table[table["item"].isin(map(_item, images))]
    known = set(table["item"])
    missing = [image for image in images if _item(image) not in known]
    if labelled := sorted(set(missing) & set(data.train["Image"])):
        raise ValueError(
            f"{there[0]}: has no row for {len(labelled)} of the {len(data.train)} training photos, the first are {labelled[:3]}; "
            "a photo in which nothing was found needs a row with status none"
        )
    if missing:
        print(f"{there[0]}: has no row for {len(missing)} of the {len(data.test)} test photos; they will get no prediction")
    way = hashlib.sha256(passports.model_dump_json().encode()).hexdigest()[:8]
    store = store_from_points(home / f"passports-{way}", table, data.photo_path, passports)
    if nothing := int((store.index["status"] == "none").sum()):
        print(f"{store.folder}: {nothing} of {len(store.index)} photos have no points; none is trained on or predicted")
    return store


def _item(image: str) -> str:
    return f"{image}#0"


def _all_columns(logits: NDArray, seen: NDArray, classes: int) -> NDArray[np.float32]:
    """Spread the logits of the whales that a fit saw over all columns; the others are NaN."""
    table = np.full((len(logits), classes), np.nan, np.float32)
    table[:, seen] = logits
    return table


def _scores(logits: NDArray, truth: NDArray) -> dict[str, float]:
    """Scores of the rows whose whale the fit knows."""
    known = ~np.isnan(logits[np.arange(len(truth)), truth])
    if not known.any():
        return {}
    logits, truth = np.nan_to_num(logits[known].astype(np.float64), nan=-np.inf), truth[known]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return {"log_loss": log_loss(p, truth), "top1": top_k(p, truth, 1), "top5": top_k(p, truth, 5)}


def _folds(config: IdentifyConfig, data: Competition) -> pd.DataFrame:
    """The data set's folds.csv, dealt if there is none; refused if it covers other photos or was dealt otherwise."""
    path = runs_dir() / config.dataset / "folds.csv"
    dealt = folds.make(
        list(data.train["Image"]), list(data.train["whaleID"]), config.folds.count, config.folds.seed, config.folds.kind
    )
    folds.write(path, dealt)
    return folds.read(path)


def _auxiliary(config: AuxiliaryConfig, images: set[str]) -> tuple[dict[str, int], list[str]]:
    """Auxiliary labels as indices, and their names; empty if the target is switched off."""
    if not config.weight:
        return {}, []
    path = input_dir() / config.table
    if not path.exists():
        raise ValueError(f"{path}: no such table of auxiliary labels; link it as input/README.md says, or set auxiliary.weight=0")
    table = pd.read_csv(path, dtype=str)
    if missing := {"Image", config.column} - set(table.columns):
        raise ValueError(f"{path}: has no column {sorted(missing)}; its columns are {list(table.columns)}")
    table = table[table["Image"].isin(images) & table[config.column].notna() & ~table[config.column].isin(config.ignore)]
    names = sorted(table[config.column].unique())
    return {image: names.index(label) for image, label in zip(table["Image"], table[config.column], strict=True)}, names
