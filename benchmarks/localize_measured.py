"""The localizer benchmark's figures: fitted rows run over photos that they did not see, and what a classifier makes of their
points."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from localize_boxes import Told, read_detector
from localize_rows import ALIGNER, CLASSIFIER, LOCALIZER, ROWS, Row, row
from numpy.typing import NDArray
from real_mix import labelled

from whichwhale import annotations as contract
from whichwhale.annotations.table import BOX, text
from whichwhale.blend.assemble import centred
from whichwhale.blend.pool import LEAST_FLOOR, cross_fit
from whichwhale.competition import folds
from whichwhale.files import null_for_nan, sha256, write_json
from whichwhale.identify import fitted
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.experiment import item_of
from whichwhale.identify.net import Identifier
from whichwhale.identify.predicting import all_columns, predict
from whichwhale.localize.config import LocalizerConfig
from whichwhale.localize.doubt import area, rank_correlation, risk_coverage
from whichwhale.localize.error import errors, summary
from whichwhale.localize.locating import Fitted, Locator, read_fitted
from whichwhale.localize.truth import points_of
from whichwhale.localize.uncertainty import Doubts, Uncertainty, cross_fitted
from whichwhale.localize.uncertainty import read as read_maps
from whichwhale.passport.from_points import store_from_points
from whichwhale.pictures.frames import box_size
from whichwhale.runs.fit import read_fit
from whichwhale.score import log_loss, paired_bootstrap, top_k
from whichwhale.score.log_loss import log_loss_rows

NAMES = ["bonnet_tip", "blowhole"]
PARTS = 5  # held-out photos are calibrated by the other four parts: power and uncertainty
CIRCLE = float(np.sqrt(-2 * np.log(0.05)))  # sd along one axis: 95 % of a round normal distribution lie nearer
TRUE = "true"  # the row of the true points
SOURCE = Path(__file__).resolve().parent.parent
# What a figure is made by, from the photo to the log loss; not what fits, which the weights stand for.
CODE = [
    *(f"src/whichwhale/{room}/*.py" for room in ("pictures", "localize", "detect", "passport")),
    *(f"src/whichwhale/{name}.py" for name in ("geometry", "nets", "competition/photos", "annotations/table")),
    *(f"src/whichwhale/identify/{name}.py" for name in ("fitted", "net", "predicting")),
    *(f"src/whichwhale/blend/{name}.py" for name in ("arithmetic", "assemble", "pool")),
    *(f"src/whichwhale/score/{name}.py" for name in ("bootstrap", "log_loss", "ranking")),
    *(f"benchmarks/{name}.py" for name in ("localize_boxes", "localize_measured")),
]


def code(root: Path) -> str:
    """Fingerprint of the files CODE of a checkout."""
    files = [path for pattern in CODE for path in sorted(root.glob(pattern))]
    return hashlib.sha256("".join(f"{path.relative_to(root)} {sha256(path)}\n" for path in files).encode()).hexdigest()


@dataclass(frozen=True)
class Benchmark:
    """Where everything lies: `photos` and `moved` are survey folders with annotations.csv, `home` the runs; `other` is the survey
    that `moved` is made of. `elsewhere`: somebody else's photos and their truth, in place of `moved`."""

    photos: Path
    moved: Path
    home: Path
    other: Path = Path()
    elsewhere: tuple[Path, Path] | None = None
    fold: int = 0

    @property
    def named(self) -> str:
        """Somebody else's photos by the name of their folder, or of the one that imgs/ lies in; empty if there are none."""
        if not self.elsewhere:
            return ""
        folder = self.elsewhere[0].resolve()
        return folder.parent.name if folder.name in ("imgs", "images", "photos") else folder.name

    @property
    def tag(self) -> str:
        """What files of somebody else's photos have in their names."""
        return f"-{self.named}" if self.elsewhere else ""

    def unseen(self) -> Unseen | None:
        """The photos that no fit has anything to do with; None if there are none. Raises ValueError if their truth knows none."""
        if self.elsewhere is None and not (self.moved / "annotations.csv").exists():
            return None
        return read_unseen(*(self.elsewhere or (self.moved / "imgs", self.moved / "annotations.csv")))

    def run(self, one: Row) -> Path:
        """The run folder of a row's fit."""
        return self.home / (one.fit or one.name) / f"fold{self.fold}"

    def held_out(self) -> list[str]:
        dealt = folds.read(self.home / "folds.csv")
        return sorted(dealt.loc[dealt["fold"] == self.fold, "Image"])

    def fitted(self, one: Row) -> Fitted:
        """A row's network, with the views that the row has: that of `fold` alone, the only one that held its photos out."""
        if one.kind == "detector":
            dealt = folds.read(self.home / "folds.csv")
            return read_detector(self.run(one), folds.train_validation(dealt, self.fold)[0])
        return read_fitted(self.run(one).parent, one.changes if one.fit else (), self.fold)

    def locator(self, one: Row) -> Locator:
        """The row, before or after the one that it is combined with."""
        if one.boxes is not None:
            return Locator(Told(LocalizerConfig(), [], str(one.boxes), table=contract.read(one.boxes)), self.fitted(row(ALIGNER)))
        mine = self.fitted(one)
        if one.kind == "whole":
            return Locator(mine, None)
        if one.kind == "aligner":
            return Locator(self.fitted(row(LOCALIZER)), mine)
        return Locator(mine, self.fitted(row(ALIGNER)))

    def needs(self, one: Row) -> list[Path]:
        """The weights that a row's figures depend on."""
        others = [self.run(each) / "model.safetensors" for each in self._with(one)]
        return [one.boxes or self.run(one) / "model.safetensors", *others]

    def maps(self, one: Row) -> Path:
        """Where the row's uncertainty lies, fitted on all held-out photos: what predict.py would write beside a table."""
        return self.home / "measured" / f"{one.name}-uncertainty.json"

    def made_by(self, one: Row) -> list[str]:
        """All that a row's figures depend on, as text: weights, what the row changes, truths, and the code that finds and judges,
        so that a decoder which has been put right leaves no figure as it was."""
        truths = [self.photos / name for name in ("annotations.csv", "train.csv")]
        weights, truth = ([sha256(path) for path in paths if path.exists()] for paths in (self.needs(one), truths))
        return [*weights, *one.changes, *truth, code(SOURCE)]

    def refuse_other_folds(self, one: Row) -> None:
        """Raises ValueError if the row, or one that it is measured with, was fitted on a split that is not that of folds.csv."""
        dealt = folds.fingerprint(folds.read(self.home / "folds.csv"))
        for each in ([] if one.boxes else [one]) + self._with(one):
            if read_fit(self.run(each)).provenance.get("tables", {}).get("folds") != dealt:
                raise ValueError(
                    f"{self.run(each)}: was fitted on another split than {self.home / 'folds.csv'}, and rows compare on the same "
                    "held-out photos alone; remove it and fit it again"
                )

    def _with(self, one: Row) -> list[Row]:
        """The fitted rows that a row is measured with."""
        before = {"localizer": [ALIGNER], "detector": [ALIGNER], "aligner": [LOCALIZER], "whole": [], "classifier": []}[one.kind]
        return [row(name) for name in (*before, CLASSIFIER)]


def measure(benchmark: Benchmark, one: Row) -> dict[str, Any] | None:
    """A row's figures, measured now or read back if its weights are the same; None if something isn't fitted yet."""
    needs = benchmark.needs(one)
    if not all(path.exists() for path in needs):
        return None
    benchmark.refuse_other_folds(one)
    made_by = benchmark.made_by(one)
    path = benchmark.home / "measured" / f"{one.name}.json"
    if path.exists() and (kept := json.loads(path.read_text()))["made_by"] == made_by:
        return kept
    truth, images = contract.read(benchmark.photos / "annotations.csv"), benchmark.held_out()
    found = {"made_by": made_by, "name": one.name, "title": one.title, "kind": one.kind, "photos": len(images)}
    paths = {image: benchmark.photos / "imgs" / image for image in images}
    if one.kind == "classifier":
        found |= _worth(benchmark, TRUE, truth[truth["Image"].isin(set(images))], images)
    else:
        found |= _points(benchmark.locator(one), paths, truth, one)
        if (maps := found.pop("maps", None)) is not None:
            maps.write(benchmark.maps(one))
        table = contract.read(_write(benchmark, one.name, found.pop("table")))
        found |= _worth(benchmark, one.name, table, images)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found := null_for_nan(found))
    return found


@dataclass(frozen=True, eq=False)
class Unseen:
    """Photos with their truth (contract 1), and a fingerprint of both."""

    paths: dict[str, Path]
    truth: pd.DataFrame
    fingerprint: str


@cache
def read_unseen(photos: Path, truth: Path) -> Unseen:
    """The photos in a folder that `truth` (a contract-1 table, or a folder of Sloth files) knows box and points of. Raises
    ValueError if there are none."""
    table, paths = labelled(photos, truth)
    paths = {image: paths[image] for image in table["Image"]}
    known = "".join(f"{image} {sha256(path)}\n" for image, path in paths.items()) + text(table)
    return Unseen(paths, table, hashlib.sha256(known.encode()).hexdigest())


def measure_unseen(benchmark: Benchmark, one: Row) -> dict[str, Any] | None:
    """A row's figures on photos that no fit has anything to do with, or those of before if all is the same; None if there are no
    such photos, or the row finds no points in them."""
    if one.kind == "classifier" or one.boxes is not None or (unseen := benchmark.unseen()) is None:
        return None
    given = read_maps(benchmark.maps(one))
    made_by = [*benchmark.made_by(one), unseen.fingerprint, str(given)]
    path = benchmark.home / "unseen" / f"{one.name}{benchmark.tag}.json"
    if path.exists() and (kept := json.loads(path.read_text()))["made_by"] == made_by:
        return kept
    found = _points(benchmark.locator(one), unseen.paths, unseen.truth, one, given)
    found = {"made_by": made_by} | {key: value for key, value in found.items() if key not in ("table", "curve", "maps")}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, found := null_for_nan(found))
    return found


def _write(benchmark: Benchmark, name: str, table: pd.DataFrame) -> Path:
    path = benchmark.home / "measured" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    contract.write(path, table)
    return path


def _points(
    locator: Locator, paths: dict[str, Path], truth: pd.DataFrame, one: Row, given: Uncertainty | None = None
) -> dict[str, Any]:
    """What a locator finds in photos, held against the truth; errors are shares of d. The points' sd are those of `given`, or of
    what other parts of the photos told."""
    tables, boxes, doubts, images, began = [], [], [], [], time.perf_counter()
    for located in locator.look(paths):
        tables.append(located.table)
        boxes.append(located.boxes)
        if located.doubts is not None:
            doubts.append(located.doubts)
            images += located.images
    took = time.perf_counter() - began
    table, box = pd.concat(tables, ignore_index=True), pd.concat(boxes, ignore_index=True)
    compared = errors(table, truth, NAMES)
    found = {"table": table, "ms": 1000 * took / len(paths), **summary(compared)}
    found |= against_boxes(box, truth)
    if one.kind == "localizer" and one.boxes is None and set(locator.localizer.config.channels) > set(NAMES):
        found["own"] = summary(errors(box, truth, NAMES))
    if doubts:
        found |= uncertainty(Doubts.join(doubts), images, table, truth, given)
    return found


def against_boxes(found: pd.DataFrame, truth: pd.DataFrame) -> dict[str, float]:
    """Boxes held against the true ones: mean intersection over union (0 where nothing was found), the share that holds both true
    points, and that whose aligner's field (1.8 box sizes) misses one."""
    truth = truth.set_index("Image").loc[found["Image"]]
    mine, true = found[BOX].to_numpy(float), truth[BOX].to_numpy(float)
    points = points_of(truth.reset_index(), NAMES)
    low, high = np.maximum(mine[:, :2], true[:, :2]), np.minimum(mine[:, :2] + mine[:, 2:], true[:, :2] + true[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), 1)
    iou = np.nan_to_num(shared / (np.prod(mine[:, 2:], 1) + np.prod(true[:, 2:], 1) - shared))
    inside = ((points >= mine[:, None, :2]) & (points <= mine[:, None, :2] + mine[:, None, 2:])).all((1, 2))
    off = np.abs(points - (mine[:, :2] + mine[:, 2:] / 2)[:, None]).max((1, 2))
    seen = off <= 0.9 * box_size(mine[:, 2:])
    return {"iou": float(iou.mean()), "inside": float(inside.mean()), "out_of_field": float(1 - seen.mean())}


def uncertainty(
    doubts: Doubts, images: Sequence[str], table: pd.DataFrame, truth: pd.DataFrame, given: Uncertainty | None = None
) -> dict[str, Any]:
    """How well sd predicts the error, by the uncertainty that is `given` or calibrated on other parts of the photos, and how well
    the spread of the views alone does. `within`: the share of points that are off by less than CIRCLE sd, which 95 % should be.
    `maps`: an uncertainty fitted on all these photos.

    `doubts` are of `images`, those that were looked at. All photos of `table` count whose truth is known, as they do in the
    percentiles: one in which nothing was found has an error of MISSED and is the least sure, whoever it was that found nothing.
    """
    compared = errors(table, truth, NAMES).set_index("Image")["error"]
    found, true = (points_of(one.set_index("Image").loc[list(images)], NAMES) for one in (table, truth))
    off = np.linalg.norm(found - true, axis=-1)
    part = np.random.default_rng(0).permutation(len(images)) % PARTS
    sd = cross_fitted(doubts, off, part, NAMES) if given is None else given.sd(doubts)
    known = np.isfinite(off) & np.isfinite(sd)
    unsure = []
    for one in (sd, doubts.apart):
        mine = np.sqrt(np.mean(one**2, 1)) / np.maximum(doubts.d, 1.0)
        mine = np.where(np.isnan(mine) | np.isnan(found).any((1, 2)), np.inf, mine)
        unsure.append(pd.Series(mine, list(images)).reindex(compared.index, fill_value=np.inf).to_numpy())
    (calibrated, alone), error = unsure, compared.to_numpy()
    return {
        "rank": rank_correlation(calibrated, error),
        "rank_of_views": rank_correlation(alone, error),
        "within": float((off[known] <= CIRCLE * sd[known]).mean()) if known.any() else None,
        "maps": Uncertainty.fit(doubts, off, NAMES),
        "area": area(calibrated, error),
        "area_at_best": area(error, error),
        "curve": risk_coverage(calibrated, error).to_dict("records"),
    }


def _worth(benchmark: Benchmark, name: str, table: pd.DataFrame, images: Sequence[str]) -> dict[str, Any]:
    """Log loss and top-1 of the one classifier on passports cut by the points of `table` (contract 1)."""
    p, truth = answers(benchmark, name, table, images)
    rows = log_loss_rows(p, truth)
    return {"log_loss": log_loss(p, truth), "top_1": top_k(p, truth, 1), "losses": rows.tolist()}


def answers(
    benchmark: Benchmark, name: str, table: pd.DataFrame, images: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What the one classifier says of passports cut by the points of `table` (contract 1): p [images, whales], and who it is.

    A photo without points gets the share of each whale among the photos that the classifier was fitted on. One power is fitted on
    other parts of the photos, so that no row is judged by its temperature.
    """
    net, whales, config = fitted.read(benchmark.run(row(CLASSIFIER)))
    truth_of = _whales(benchmark.photos, whales)
    dealt = folds.read(benchmark.home / "folds.csv")
    trained = [truth_of[image] for image in dealt.loc[dealt["fold"] != benchmark.fold, "Image"]]
    prior = np.bincount(trained, minlength=len(whales)) / len(trained)
    p = probabilities(benchmark, name, table, images, prior, (net, whales, config), truth_of)
    return p, np.array([truth_of[image] for image in images])


def _whales(photos: Path, whales: Sequence[str]) -> dict[str, int]:
    table = pd.read_csv(photos / "train.csv", dtype=str)
    return {image: whales.index(whale) for image, whale in zip(table["Image"], table["whaleID"], strict=True)}


def probabilities(
    benchmark: Benchmark,
    name: str,
    table: pd.DataFrame,
    images: Sequence[str],
    prior: NDArray[np.float64],
    classifier: tuple[Identifier, list[str], IdentifyConfig],
    truth_of: dict[str, int],
) -> NDArray[np.float64]:
    """p [images, whales] of photos whose points are in `table`."""
    net, whales, config = classifier
    store = store_from_points(
        benchmark.home / "measured" / f"passports-{name}",
        table,
        lambda image: benchmark.photos / "imgs" / image,
        config.passports,
    )
    ok = set(store.index.loc[store.index["status"] == "ok", "item"])
    there = [number for number, image in enumerate(images) if item_of(image) in ok]
    p = np.tile(prior, (len(images), 1))
    if there:
        logits, _ = predict(net, store, store.rows([item_of(images[number]) for number in there]), config)
        z, _ = centred(all_columns(logits, np.arange(len(whales)), len(whales)))
        truth = np.array([truth_of[images[number]] for number in there])
        part = np.random.default_rng(0).permutation(len(images))[there] % PARTS
        if len(np.unique(part)) > 1:  # else too few heads were found to fit a power, and all photos keep the prior
            p[there] = cross_fit(z[None], truth, part, ["row"], 0.0, LEAST_FLOOR)
    return p.clip(LEAST_FLOOR)


def collect(benchmark: Benchmark, minutes: dict[str, float], more: Sequence[Row] = (), jobs: int = 1) -> list[dict[str, Any]]:
    """Figures of all rows that can be had, in the order of ROWS, then of `more`, `jobs` of them at a time; `minutes` of training
    by row."""
    rows = [*ROWS, *more]
    if jobs > 1:
        with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
            measured = list(pool.map(_measured, repeat(benchmark), rows))
    else:
        measured = [_measured(benchmark, one) for one in rows]
    found = [one for one in measured if one is not None]
    true = next((one for one in found if one["name"] == CLASSIFIER), None)
    for one in found:
        one["minutes"] = minutes.get(one["name"])
        if true is not None and one is not true:
            gap = paired_bootstrap(np.array(one["losses"]), np.array(true["losses"]), seed=0)
            one["gap"] = {"mean": gap.mean, "low": gap.low, "high": gap.high}
    return found


def _measured(benchmark: Benchmark, one: Row) -> dict[str, Any] | None:
    """A row's figures, with those on photos that no fit has anything to do with; None if something isn't fitted yet."""
    if (found := measure(benchmark, one)) is None:
        return None
    moved = measure_unseen(benchmark, one)
    return found if moved is None else found | {"moved": moved}
