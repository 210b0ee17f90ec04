"""Running fitted detectors over pictures, and the tables made of what they found."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from whichwhale.annotations import read as read_annotations
from whichwhale.annotations import write as write_annotations
from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.competition import folds
from whichwhale.detect import detections, seen, sides
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.detections import Detections
from whichwhale.detect.experiment import Experiment
from whichwhale.detect.fusion import fuse
from whichwhale.detect.score import in_words, score
from whichwhale.detect.sides import PairSides
from whichwhale.detect.tables import candidate_table, found_table
from whichwhale.detect.truth import exchanged
from whichwhale.detect.variants import make_net
from whichwhale.files import sha256
from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import evaluating
from whichwhale.geometry import apply, compose, invert
from whichwhale.pictures.frames import move_extent
from whichwhale.pictures.store import Pictures
from whichwhale.pictures.views import moved_about_middle, to_view, view_picture
from whichwhale.runs import RunFolder

DETECTIONS, FOUND, CANDIDATES = "detections.npz", "annotations.csv", "candidates.csv"


def predict_fold(experiment: Experiment, fold: int) -> RunFolder:
    """Find the parts in the photos that a fitted fold holds out, in the test photos, and in those that every fold trains on.

    Writes detections.npz, annotations.csv (what counts as found) and candidates.csv (all, for average precision) beside the
    model and, once every fold has them, the assembled two tables above.
    """
    config = experiment.config
    run = RunFolder(experiment.run_path(fold))
    made_by = _made_by(experiment, fold)
    unseen = [*folds.train_validation(experiment.folds, fold)[1], *experiment.data.test]
    there = detections.read(run.path / DETECTIONS)
    if there is None or there[1] != made_by:
        always = experiment.folds.loc[experiment.folds["fold"] < 0, "Image"].tolist()
        images = experiment.pictures.usable([*unseen, *always])
        net = load_net(config, run, len(experiment.truth.parts))
        told, what = experiment.sides(fold), f"{config.name} fold {fold}"
        sides.write(run.path, told)
        found = detect(net, experiment.pictures, config, experiment.truth.parts, images, what, told)
        detections.write(run.path / DETECTIONS, found, made_by)
    else:
        found = there[0]
    source = f"{config.dataset}/{config.name}"
    _write(experiment, run.path, found.of(experiment.pictures.usable(unseen)), fold, f"{source}/fold{fold}", unseen)
    _say(f"{run.path}, held out", run.path, experiment)
    _assemble(experiment, source)
    return run


def load_net(config: DetectConfig, run: RunFolder, parts: int) -> nn.Module:
    """The fitted network of a run."""
    net = make_net(config.model_copy(update={"backbone": config.backbone.bare}), parts)
    net.load_state_dict(run.read_weights())
    return net.eval()


def detect(
    net: nn.Module,
    pictures: Pictures,
    config: DetectConfig,
    parts: list[str],
    images: list[str],
    name: str = "detect",
    told: Sequence[PairSides] = (),
) -> Detections:
    """What `net` finds in the pictures of `images`, in pixels of the photos and cut at their edges: in all views, fused, and the
    sides of paired parts as `told`."""
    if not images:
        return detections.empty(images, parts)
    found = fuse([_detect(net, pictures, config, parts, images, name, *move) for move in config.looks], config.overlap)
    return sides.tell(found, told, config.overlap, config.least_score / len(config.looks))


def detect_together(
    nets: Sequence[nn.Module],
    told: Sequence[Sequence[PairSides]],
    pictures: Pictures,
    config: DetectConfig,
    parts: list[str],
    images: list[str],
) -> Detections:
    """What several fold models find, each by the sides that it was `told`, fused."""
    found = [detect(net, pictures, config, parts, images, told=own) for net, own in zip(nets, told, strict=True)]
    return fuse(found, config.overlap)


def _detect(
    net: nn.Module,
    pictures: Pictures,
    config: DetectConfig,
    parts: list[str],
    images: list[str],
    name: str,
    mirrored: bool,
    turn: float,
) -> Detections:
    """In one view."""
    rows, size = pictures.rows(images), config.view_size
    move = compose(to_view(pictures, size), moved_about_middle(size, mirrored, turn, 1.0, (0.0, 0.0)))
    items = Items(len(rows), lambda i: {"image": view_picture(pictures, int(rows[i]), move, size)})
    found: list[dict] = []
    with evaluating(net, config.fit.precision) as device:
        batches = in_order(len(rows), config.batch_size)
        for batch in tqdm(load(items, batches, device), name, len(batches), unit="batch", delay=2, leave=False):
            found += [{key: value.float().cpu() for key, value in one.items()} for one in net.find(batch["image"])]
    boxes = []
    for row, one in zip(rows, found, strict=True):
        back = invert(compose(pictures.matrix[row], move))
        edges = one["boxes"].double().numpy()
        whole = pictures.index.iloc[row][["width", "height"]].to_numpy(np.float64)
        boxes.append(_to_photo(back, edges, whole))
    photo = np.repeat(np.arange(len(found)), [len(one["scores"]) for one in found])
    score_, part = (torch.cat([one[key] for one in found]).double().numpy() for key in ("scores", "labels"))
    if mirrored:
        part = exchanged(parts, config.mirrored)[part.astype(np.int64)]
    found_all = Detections(images, parts, photo, part.astype(np.int64), score_, np.concatenate(boxes))
    keep = np.flatnonzero((found_all.box[:, 2:] > 0).all(1))  # what lies in the black beside a photo is nothing
    return Detections(images, parts, photo[keep], found_all.part[keep], score_[keep], found_all.box[keep])


def _to_photo(back: np.ndarray, edges: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Boxes [n, 4] of a view (left, top, right, bottom from its edge) to x, y, width, height in px of the photo, cut at its
    edge."""
    centre = apply(back, (edges[:, :2] + edges[:, 2:]) / 2 - 0.5)
    extent = move_extent(back, edges[:, 2:] - edges[:, :2])
    low = np.clip(centre - extent / 2, -0.5, whole - 0.5)
    high = np.clip(centre + extent / 2, -0.5, whole - 0.5)
    return np.concatenate([low, high - low], 1)


def _write(experiment: Experiment, folder: Path, found: Detections, fold: int, source: str, images: list[str]) -> None:
    pictures = experiment.pictures
    write_annotations(folder / FOUND, found_table(found, fold, source, pictures, images, experiment.config.threshold))
    write_annotations(folder / CANDIDATES, candidate_table(found, fold, source, pictures, images))


def _assemble(experiment: Experiment, source: str) -> None:
    """Write the tables of all photos, if every fold model's detections are there and belong to its weights.

    A photo of fold k has what fold k's model found; test photos, and those of fold −1, have what all fold models found, fused
    (fold −2).
    """
    by_fold = {}
    for fold in folds.numbers(experiment.folds):
        there = detections.read(experiment.run_path(fold) / DETECTIONS)
        if there is None or not RunFolder(experiment.run_path(fold)).fitted or there[1] != _made_by(experiment, fold):
            return
        by_fold[fold] = there[0]
    config, pictures = experiment.config, experiment.pictures
    parts = []
    for fold, found in by_fold.items():
        mine = experiment.folds.loc[experiment.folds["fold"] == fold, "Image"].tolist()
        parts.append((found.of(pictures.usable(mine)), fold, mine))
    rest = [*experiment.folds.loc[experiment.folds["fold"] < 0, "Image"], *experiment.data.test]
    usable = pictures.usable(rest)
    parts.append((fuse([found.of(usable) for found in by_fold.values()], config.overlap), MEAN_OF_FOLDS, rest))
    order = {image: i for i, image in enumerate([*experiment.folds["Image"], *experiment.data.test])}
    for file, make in (
        (CANDIDATES, lambda found, fold, images: candidate_table(found, fold, source, pictures, images)),
        (FOUND, lambda found, fold, images: found_table(found, fold, source, pictures, images, config.threshold)),
    ):
        table = pd.concat([make(*one) for one in parts], ignore_index=True)
        table = table.iloc[np.argsort(table["Image"].map(order).to_numpy(), kind="stable")].reset_index(drop=True)
        write_annotations(experiment.home / file, table)
    told = table.drop_duplicates("Image")["status"].value_counts().to_dict()
    print(f"{experiment.home / FOUND}: {len(order)} photos, " + ", ".join(f"{n} {status}" for status, n in told.items()))
    _say("all folds, out-of-fold", experiment.home, experiment)


def _made_by(experiment: Experiment, fold: int) -> str:
    """Fingerprint of what detections.npz is made of; raises RunError if the fold is not fitted."""
    run, config = RunFolder(experiment.run_path(fold)), experiment.config
    run.refuse_unfitted()
    settings = f"{config.overlap} {config.least_score} {config.most} {config.pyramid.model_dump_json()} {config.looks}"
    told = [repr(one) for one in experiment.sides(fold)]
    parts = [sha256(run.weights), experiment.pictures.key, settings, *experiment.truth.parts, *told]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _say(what: str, folder: Path, experiment: Experiment) -> None:
    """Print the scores of the labelled photos that the model did not see."""
    table = read_annotations(folder / CANDIDATES)
    table = table[table["fold"] >= 0]
    learnt, truth = seen.read(folder), experiment.truth.table
    if bad := seen.seen(table[table["Image"].isin(set(truth["Image"]))], learnt):
        print("{}: {} photos are not scored, the first is {}: {}".format(what, len(bad), *next(iter(bad.items()))))
        table = table[~table["Image"].isin(set(bad))]
    known = truth[truth["Image"].isin(set(table["Image"]))]
    if known["x"].notna().any():
        threshold = experiment.config.threshold
        scores = score(table, known, threshold, learnt, experiment.truth.parts)
        print(f"{what}, {known['Image'].nunique()} labelled photos\n{in_words(scores, threshold)}")
