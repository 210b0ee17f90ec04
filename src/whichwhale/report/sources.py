"""What the report reads: the files of one data set's runs, its tables and photos. Nothing is fitted, nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale import predictions
from whichwhale.annotations import table as annotation_tables
from whichwhale.blend import pool as pools
from whichwhale.blend.assemble import Member, assemble
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.rows import OutOfFold, rows_out_of_fold
from whichwhale.competition import Competition
from whichwhale.config import runs_dir
from whichwhale.passport.store import Store, open_store
from whichwhale.predictions import ROLE_TEST, ROLE_VALIDATION, Predictions
from whichwhale.runs.fit import Fit, fits


class Absent(ValueError):  # noqa: N818 (no error: the page says so and goes on)
    """A part of the report can't be made; the message is the one sentence that stands in its place."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Probabilities p [N, C] of some photos by one model or blend, and the true columns [N]. `name` says whose, for people."""

    name: str
    images: list[str]
    truth: NDArray[np.int64]
    p: NDArray[np.float64]


@dataclass(frozen=True)
class Sources:
    """Files of the blend that `config` names. Each property reads its file once, and raises Absent where that can't be."""

    config: EnsembleConfig
    truth: dict[str, str] | None = None  # test photo -> whale

    @cached_property
    def tables(self) -> Competition:
        """The competition. Raises Absent if its tables can't be read."""
        said = (fit.config.get("data", {}).get("images") for fit in self.fits)  # an ensemble's config often names none
        try:
            return self.config.competition(next((name for name in said if name), ""))
        except ValueError as error:
            raise Absent(f"The competition's tables can't be read: {self.short(error)}.") from error

    @cached_property
    def column(self) -> dict[str, int]:
        """Labelled photo -> column of its whale."""
        return dict(zip(self.tables.train["Image"], self.tables.labels().tolist(), strict=True))

    @cached_property
    def fits(self) -> list[Fit]:
        """Every run folder of the data set that has a config: members first, in their order, then others by name."""
        order = {name: place for place, name in enumerate(self.config.members)}
        return sorted(fits(self.config.runs), key=lambda fit: order.get(fit.model, len(order)))

    def member(self, name: str) -> Member:
        """One member's out-of-fold and test tables."""
        folder = self.config.runs / name
        # Where the model of all photos isn't there yet, the fold models' test rows are still worth a look.
        test = self.config.test if (folder / "foldall" / "predictions.npz").is_file() else "folds"
        try:
            return assemble(folder, self.tables.class_id, self.tables.train["Image"].tolist(), test)
        except Absent:
            raise
        except ValueError as error:
            raise Absent(f"{name} has no complete predictions yet: {self.short(error)}.") from error

    @cached_property
    def members(self) -> tuple[dict[str, Member], dict[str, str]]:
        """The members that can be assembled, and of the others why not."""
        found, missing = {}, {}
        for name in self.config.members:
            try:
                found[name] = self.member(name)
            except Absent as absent:
                missing[name] = str(absent)
        return found, missing

    def left_out(self, members: Sequence[Member]) -> tuple[OutOfFold, NDArray[np.int64], NDArray[np.float64]]:
        """The photos that are scored, as `ensemble.py` finds them, their true columns [N], and the class prior of each [N, C]."""
        labels = self.tables.labels()
        labelled, dealt = self.tables.train["Image"].tolist(), self.config.folds(self.tables)
        rows = rows_out_of_fold(members, labelled, dealt, self.config.fit_on)
        truth = np.array([self.column[image] for image in rows.images], np.int64)
        return rows, truth, rows.prior(truth, labels, len(self.tables.class_id))

    def first_member(self) -> Member:
        """The first member that can be assembled."""
        found, _ = self.members
        if not found:
            raise Absent("No model has all its out-of-fold predictions yet; the first section says what is missing.")
        return next(iter(found.values()))

    @cached_property
    def pool(self) -> pools.Pool:
        """The fitted blend. Raises Absent if there is none."""
        path = self.config.runs / self.config.name / "blend.json"
        if not path.exists():
            raise Absent(f"There is no blend yet ({self.short(path)} is missing; ensemble.py writes it).")
        try:
            return pools.read(path)
        except ValueError as error:
            raise Absent(f"{self.short(error)}.") from error

    @cached_property
    def blended(self) -> Predictions:
        """The blend's own predictions.npz: cross-fitted validation rows, test rows; logits are log p."""
        path = self.config.runs / self.config.name / "predictions.npz"
        if not path.exists():
            raise Absent(f"There is no blend yet ({self.short(path)} is missing; ensemble.py writes it).")
        try:
            found = predictions.read(path)
        except ValueError as error:
            raise Absent(f"{self.short(error)}.") from error
        if found.class_id.tolist() != self.tables.class_id:
            raise Absent(f"{self.short(path)} has other whales than the sample submission; run ensemble.py again.")
        return found

    def blend_answers(self, role: int) -> Answers:
        """The blend's rows: ROLE_VALIDATION (out-of-fold, cross-fitted) or, of the photos that the truth names, ROLE_TEST."""
        whales = {whale: column for column, whale in enumerate(self.tables.class_id)}
        truth = self.column if role == ROLE_VALIDATION else {i: whales[w] for i, w in (self.truth or {}).items() if w in whales}
        rows = [r for r in np.flatnonzero(self.blended.role == role) if _image(self.blended.item[r]) in truth]
        if not rows:
            kind = {ROLE_VALIDATION: "out-of-fold rows (it has a single fold)", ROLE_TEST: "test rows that the truth names"}[role]
            raise Absent(f"The blend has no {kind}.")
        images = [_image(self.blended.item[r]) for r in rows]
        column = np.array([truth[image] for image in images], np.int64)
        return Answers("the blend", images, column, np.exp(self.blended.logits[rows].astype(np.float64)))

    @cached_property
    def store(self) -> Store:
        """The passports that the first member was fitted on, if its run says which, else the first store there is."""
        stores = []
        keys = [fit.provenance.get("tables", {}).get("passports") for fit in self.fits]
        for path in sorted(runs_dir().glob("*/passports*/store.json")):
            try:
                store = open_store(path.parent)
            except ValueError:
                continue  # a damaged store among several is no reason to show none
            if path.parent.parent == self.config.runs or store.key in keys:  # a neighbour's can be shared (passport/store.py)
                stores.append(store)
        if not stores:
            raise Absent(f"There is no passport store ({self.short(self.config.runs)}/passports is missing or damaged).")
        return min(stores, key=lambda store: keys.index(store.key) if store.key in keys else len(keys))

    @cached_property
    def annotations(self) -> list[tuple[str, pd.DataFrame]]:
        """(run, table) of each annotations.csv below the runs that can be read."""
        found = []
        for path in sorted(self.config.runs.glob("*/annotations.csv")):
            try:
                found.append((path.parent.name, annotation_tables.read(path)))
            except ValueError:
                continue
        return found

    def short(self, text: object) -> str:
        """Without this machine's folders: runs and input as a reader of the README knows them."""
        told = str(text).rstrip(".")
        for folder, name in ((runs_dir(), "runs"), (self.config.root.parent, "input")):
            told = told.replace(f"{folder}/", f"{name}/")
        return told


def _image(item: str) -> str:
    return predictions.split_item(item)[0]
