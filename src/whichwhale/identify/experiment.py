"""What an identification model reads: tables, folds, passports, auxiliary labels; all of it checked before any training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.competition import Competition, folds
from whichwhale.config import input_dir, runs_dir
from whichwhale.identify import links as weak
from whichwhale.identify.config import AuxiliaryConfig, GivenPassports, IdentifyConfig
from whichwhale.identify.links import Link
from whichwhale.passport import points
from whichwhale.passport.from_points import store_from_points
from whichwhale.passport.given import given_store
from whichwhale.passport.store import Store

Fold = int | Literal["all"]
PICTURES = "pictures "  # before a fingerprint of passports that is of their pixels


@dataclass(frozen=True)
class Experiment:
    """A config and what it reads: tables, folds, passports."""

    config: IdentifyConfig
    data: Competition
    folds: pd.DataFrame
    store: Store
    auxiliary: dict[str, int]  # photo -> index of its auxiliary label
    auxiliary_names: list[str]
    repeats: tuple[pd.DataFrame, ...] = ()  # further partitions of the photos
    links: tuple[Link, ...] = ()  # weak labels

    @classmethod
    def open(cls, config: IdentifyConfig) -> Experiment:
        """Read all tables and open the passport store, making it and folds.csv if there are none yet.

        Raises an error of the room that finds something wrong, before any training.
        """
        home = runs_dir() / config.dataset
        data = config.data.read(home)
        dealt = config.folds.open(home / "folds.csv", data)
        repeats = tuple(config.folds.open_repeats(home / "folds.csv", data))
        auxiliary, names = _auxiliary(config.auxiliary, set(data.train["Image"]))
        store = _store(config, data)
        unreadable = store.index.loc[store.index["status"] == "unreadable", "item"]
        bad = unreadable[unreadable.isin(map(item_of, data.train["Image"]))]
        if len(bad):
            raise ValueError(
                f"{store.folder}: {len(bad)} training photos were unreadable when their points or passports were made, the first "
                f"are {list(bad[:3])}; if they are mended now, run predict.py with the aligner's config, or delete the folder"
            )
        return cls(config, data, dealt, store, auxiliary, names, repeats, tuple(_links(config, data)))

    def fold_list(self) -> list[Fold]:
        """The fits that the config asks for: by default every fold, then all."""
        return list(self.config.fold) or [*range(len(folds.numbers(self.folds)) * (1 + len(self.repeats))), "all"]

    def partition(self, fold: Fold) -> tuple[pd.DataFrame, Fold]:
        """The partition that a fit belongs to, and its fold there."""
        count = len(folds.numbers(self.folds))
        repeat, k = (0, fold) if fold == "all" or not self.repeats else divmod(fold, count)
        if repeat > len(self.repeats):
            there = f"{1 + len(self.repeats)} partitions of {count} folds"
            raise folds.FoldsError(f"there is no fold {fold}: there are {there}; raise folds.repeat")
        return (self.folds, *self.repeats)[repeat], k

    def photos(self, fold: Fold) -> tuple[list[str], list[str]]:
        """Photos to train on and photos held out, without those in which no animal was found."""
        training, held_out = folds.train_validation(*self.partition(fold))
        return self.with_passport(training), self.with_passport(held_out)

    def with_passport(self, photos: list[str]) -> list[str]:
        """Those of `photos` that have a passport, in order."""
        found = set(self.store.index.loc[self.store.index["status"] == "ok", "item"])
        return [photo for photo in photos if item_of(photo) in found]

    def unlabelled(self) -> list[str]:
        """The test photos with a passport that links name, in order: they are trained on, without a label."""
        named = {photo for link in self.links for photo in (link.first, link.second)}
        return self.with_passport([photo for photo in self.data.test if photo in named])

    def fingerprints(self, fold: Fold = "all", written: Mapping[str, str] | None = None) -> dict[str, str]:
        """Of everything that a fit reads; a run folder keeps them. Passports are those that it may learn from or hold out:
        further test photos change nothing. `written` are those of a run folder, to compare with: older ones have the key of
        the whole store."""
        whole = written is not None and not written.get("passports", PICTURES).startswith(PICTURES)
        tables = {"auxiliary": repr(sorted(self.auxiliary.items()))}
        if self.config.weak is not None:
            tables["links"] = repr(sorted((one.first, one.second, one.must) for one in self.links))
        hashed = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in tables.items()}
        dealt = folds.fingerprint(self.partition(fold)[0])
        passports = self.store.key if whole else self._pictures
        return {"train": self.data.fingerprint(), "passports": passports, "folds": dealt, **hashed}

    @cached_property
    def _pictures(self) -> str:
        """Of the passports of all photos that any fit may learn from or hold out, and of their places in the store, by which
        augmentation is drawn."""
        photos = [*self.with_passport(list(self.data.train["Image"])), *self.unlabelled()]
        items = [item_of(photo) for photo in photos]
        return self.pictures(items, repr(self.store.rows(items).tolist()))

    def pictures(self, items: list[str], more: str = "") -> str:
        """Fingerprint of the passports of `items`: their pixels, names and order, what of the plane they show, and `more`."""
        digest = hashlib.sha256(repr((self.store.plane_to_store.tolist(), items, more)).encode())
        for row in self.store.rows(items):
            digest.update(self.store.images[row])
        return PICTURES + digest.hexdigest()

    @property
    def home(self) -> Path:
        """The data set's folder below runs/."""
        return runs_dir() / self.config.dataset

    def run_path(self, fold: Fold) -> Path:
        """The folder of one fit."""
        return self.home / self.config.name / f"fold{fold}"

    def labels(self, images: list[str]) -> NDArray:
        """Index into `data.class_id` of each labelled photo."""
        return pd.Series(self.data.labels(), index=self.data.train["Image"])[images].to_numpy("int64")


def _store(config: IdentifyConfig, data: Competition) -> Store:
    """The data set's passports: given crops, or cut by points; the store of each way to cut them has a folder of its own."""
    home, images = runs_dir() / config.dataset, [*data.train["Image"], *data.test]
    passports = config.passports
    if isinstance(passports, GivenPassports):
        photos = {item_of(image): data.photo_path(image) for image in images}
        return given_store(home / "passports", photos, passports.view, _neighbours("passports"))
    places = sorted({folder / passports.annotations for folder in (input_dir(), runs_dir())})  # one if the path is absolute
    there = [place for place in places if place.exists()]
    if len(there) != 1:
        fault = "is in both; give the full path" if there else "is in neither; make it first, or correct passports.annotations"
        raise ValueError(f"passports.annotations: of {' and '.join(map(str, places))} the file {fault}")
    table = points.read(there[0], [passports.first, passports.second])
    table = table[table["item"].isin(map(item_of, images))]
    known = set(table["item"])
    missing = [image for image in images if item_of(image) not in known]
    if labelled := sorted(set(missing) & set(data.train["Image"])):
        raise ValueError(
            f"{there[0]}: has no row for {len(labelled)} of the {len(data.train)} training photos, the first are {labelled[:3]}; "
            "a photo in which nothing was found needs a row with status none"
        )
    if missing:
        print(f"{there[0]}: has no row for {len(missing)} of the {len(data.test)} test photos; they will get no prediction")
    way = hashlib.sha256(passports.model_dump_json().encode()).hexdigest()[:8]
    name = f"passports-{way}"
    store = store_from_points(home / name, table, data.photo_path, passports, elsewhere=_neighbours(name))
    if nothing := int((store.index["status"] == "none").sum()):
        print(f"{store.folder}: {nothing} of {len(store.index)} photos have no points; none is trained on or predicted")
    return store


def _neighbours(name: str) -> list[Path]:
    """The stores of that name of all data sets: two of the same photos, with other folds, say, need only one."""
    return sorted(path.parent for path in runs_dir().glob(f"*/{name}/store.json"))


def item_of(image: str) -> str:
    """The animal that the photo's label means."""
    return f"{image}#0"


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
    table = table[["Image", config.column]].drop_duplicates()
    if twice := table["Image"][table["Image"].duplicated()].tolist():
        labels = table.loc[table["Image"] == twice[0], config.column].tolist()
        raise ValueError(f"{path}: {twice[0]} is labelled {' and '.join(labels)} in column {config.column}; keep one row")
    names = sorted(table[config.column].unique())
    if len(names) < 2:
        raise ValueError(
            f"{path}: {len(table)} of the {len(images)} training photos have a label in column {config.column} "
            f"(kinds: {', '.join(names) or 'none'}; left out: {', '.join(config.ignore) or 'none'}); fewer than two kinds are "
            "nothing to learn; correct auxiliary.table, column or ignore, or set auxiliary.weight=0"
        )
    return {image: names.index(label) for image, label in zip(table["Image"], table[config.column], strict=True)}, names


def _links(config: IdentifyConfig, data: Competition) -> list[Link]:
    """The weak labels; [] if the config names none. Raises LinksError, also if they contradict a label of the training table."""
    if config.weak is None:
        return []
    path = input_dir() / config.weak.links
    found, images = weak.read(path), [*data.train["Image"], *data.test]
    there = set(images)
    for link in found:
        if missing := [photo for photo in (link.first, link.second) if photo not in there]:
            raise weak.LinksError(
                f"{path}: line {link.line}: {missing[0]} is in neither table of {data.root}; correct its name, or name it in "
                f"{config.data.sample_submission}, where photos without a label stand"
            )
    labels = np.concatenate([data.labels(), np.full(len(data.test), -1)])
    weak.groups_of(images, labels, found, str(path), data.class_id)
    return found
