"""Running fitted networks over pictures: every view of each, in pixels of the photo; and the tables made of what they found."""

from __future__ import annotations

import hashlib
from itertools import product

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from whichwhale.annotations import read, write
from whichwhale.competition import folds
from whichwhale.config import runs_dir
from whichwhale.files import sha256
from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import evaluating
from whichwhale.geometry import Affine, apply, compose, invert, rotation, scale_of, translation
from whichwhale.localize.averaging import Views, average
from whichwhale.localize.boxes import scored_by, table_in
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, LocateConfig
from whichwhale.localize.config import ViewsConfig as PredictionViews
from whichwhale.localize.doubt import doubt, rank_correlation
from whichwhale.localize.error import errors, in_words, summary
from whichwhale.localize.experiment import Experiment
from whichwhale.localize.net import VARIANTS
from whichwhale.localize.tables import FoldViews, assembled_table, calibrate, fold_table, read_views, write_views
from whichwhale.pictures.frames import box_size, move_extent
from whichwhale.pictures.store import Pictures
from whichwhale.pictures.views import moved_about_middle, to_view, view_picture
from whichwhale.runs import RunFolder

UNCERTAINTY = "uncertainty.json"  # beside the assembled annotations.csv
FURTHER, SURER = 0.45, 1.5  # size of the photo in the view of a localizer that steps back, and how much surer it must be then


def predict_fold(experiment: Experiment, fold: int) -> RunFolder:
    """Find everything in the photos that a fitted fold left out, in the test photos, and in those that all fold models train on.

    Writes views.npz and annotations.csv beside the model and, once every fold has them, the assembled annotations.csv above.
    """
    config = experiment.config
    run = RunFolder(experiment.run_path(fold))
    made_by = _made_by(experiment, fold)
    found = read_views(run.path / "views.npz")
    unseen = [*folds.train_validation(experiment.folds, fold)[1], *experiment.data.test]
    if found is None or found.made_by != made_by:
        always = experiment.folds.loc[experiment.folds["fold"] < 0, "Image"].tolist()
        images = experiment.pictures.usable([*unseen, *always])
        net = load_net(config, run)
        rows = experiment.pictures.rows(images)
        found = FoldViews(images, look(net, experiment.pictures, rows, config, f"{config.name} fold {fold}"), made_by)
        write_views(run.path / "views.npz", found)
    source = f"{config.dataset}/{config.name}"
    table = fold_table(found, unseen, fold, f"{source}/fold{fold}", config, experiment.pictures, experiment.boxes)
    write(run.path / "annotations.csv", _scored(experiment, table))
    _say(f"{run.path}, held out", table, experiment)
    _assemble(experiment, source)
    return run


def load_net(config: LocateConfig, run: RunFolder) -> nn.Module:
    """The fitted network of a run."""
    bare = config.model_copy(update={"backbone": config.backbone.bare})
    net = VARIANTS[config.variant](bare)
    net.load_state_dict(run.read_weights())
    return net.eval()


def look(net: nn.Module, pictures: Pictures, rows: NDArray[np.int64], config: LocateConfig, name: str = "") -> Views:
    """What `net` finds in pictures `rows` under the config's views, and by a second look at some of them.

    An aligner's, where the views don't agree (`look_again`), sees the head level, about the middle of the points that the first
    look found, at its scale. Its views take the place of the first's where they lie less far apart, in d. A localizer's
    (`step_back`) sees the photo at FURTHER of its size; its views count where the head is large in the photo and they are clearly
    surer.
    """
    first = predict(net, pictures, rows, config, name=name)
    if isinstance(config, LocalizerConfig) and config.step_back:
        return _stepped_back(net, pictures, rows, config, name, first)
    if not (isinstance(config, AlignerConfig) and config.look_again):
        return first
    before = _apart(first)
    unsure = np.flatnonzero(before > config.look_again)
    if not len(unsure):
        return first
    points = average(first.take(unsure)).points[:, :2]
    size = config.view_size
    base = [_levelled(pictures, int(row), pair, size) for row, pair in zip(rows[unsure], points, strict=True)]
    second = predict(net, pictures, rows[unsure], config, name=f"{name} again", base=np.stack(base))
    better = _apart(second) < before[unsure]
    return first.put(unsure[better], second.take(np.flatnonzero(better)))


def _stepped_back(
    net: nn.Module, pictures: Pictures, rows: NDArray[np.int64], config: LocalizerConfig, name: str, first: Views
) -> Views:
    """`first`, and where a head seen from further away is large in its photo and clearly surer, those views."""
    size, place = config.view_size, average(first)
    far = moved_about_middle(size, False, 0.0, FURTHER, (0.0, 0.0))
    base = np.repeat(compose(to_view(pictures, size), far)[None], len(rows), 0)
    others = predict(net, pictures, rows, config, name=f"{name or 'locate'} from further", base=base)
    second, photo = average(others), pictures.index.iloc[rows][["width", "height"]].to_numpy(np.float64)
    assert second.extent is not None
    large = box_size(second.extent) > config.step_back * box_size(photo)
    taken = np.flatnonzero(large & (second.score > SURER * place.score))
    return first.put(taken, others.take(taken))


def _apart(views: Views) -> NDArray[np.float64]:
    """How far the views of the worse of the first two points lie apart [N], in d."""
    place = average(views)
    doubts = place.doubts([0, 1])
    return doubts.apart.max(1) / np.maximum(doubts.d, 1.0)


def _levelled(pictures: Pictures, row: int, points: NDArray[np.float64], size: tuple[int, int]) -> Affine:
    """Picture-to-view transform that lays two points (px of the photo) level about the view's middle, at the view's own scale."""
    first, second = apply(pictures.matrix[row], points)
    turn = np.arctan2(*(second - first)[::-1])
    middle = (first + second) / 2
    goal = (np.array(size) - 1) / 2
    return compose(rotation(-turn, middle), translation(*(goal - middle)))


def predict(
    net: nn.Module,
    pictures: Pictures,
    rows: NDArray[np.int64],
    config: LocateConfig,
    moves: list[Affine] | None = None,
    name: str = "",
    base: NDArray[np.float64] | None = None,
) -> Views:
    """What `net` finds in pictures `rows` under each of `moves` (view to view; the config's by default).

    `base` [rows, 2, 3] are the pictures' own picture-to-view transforms; by default the middle of a picture is seen.
    """
    size = config.view_size
    moves = prediction_moves(config.views, size) if moves is None else moves
    batches = in_order(len(rows), config.views.batch_size)
    bar = tqdm(total=len(moves) * len(batches), desc=name or "locate", unit="batch", delay=2, leave=False)
    to_photo = [invert(matrix) for matrix in pictures.matrix[rows]]
    base = np.repeat(to_view(pictures, size)[None], len(rows), 0) if base is None else base
    points, scores, extents, spreads = [], [], [], []
    with evaluating(net, config.fit.precision) as device:
        for move in moves:
            matrix = [compose(one, move) for one in base]
            make = lambda i, matrix=matrix: {"image": view_picture(pictures, int(rows[i]), matrix[i], size)}  # noqa: E731
            found = []
            for batch in load(Items(len(rows), make), batches, device):
                found.append(net.find(batch["image"]))
                bar.update()
            back = np.stack([compose(invert(one), photo) for one, photo in zip(matrix, to_photo, strict=True)])
            seen = torch.cat([one.points for one in found]).cpu().double().numpy()
            points.append(np.stack([apply(one, p) for one, p in zip(back, seen, strict=True)]))
            scores.append(torch.cat([one.score for one in found]).cpu().double().numpy())
            if found[0].extent is not None:
                extents.append(move_extent(back, torch.cat([one.extent for one in found]).cpu().double().numpy()))
            if found[0].spread is not None:
                scale = np.array([scale_of(one) for one in back])[:, None]
                spreads.append(scale * torch.cat([one.spread for one in found]).cpu().double().numpy())
    bar.close()
    return Views(*(np.stack(each, 1) if each else None for each in (points, scores, extents, spreads)))


def prediction_moves(config: PredictionViews, size: tuple[int, int]) -> list[Affine]:
    """View-to-view transforms of the views of a picture, the plain one first if it is among them."""
    mirrors = (False, True) if config.mirror else (False,)
    return [
        moved_about_middle(size, mirrored, np.deg2rad(turn), zoom, (0.0, 0.0))
        for zoom, turn, mirrored in product(config.zooms, config.rotations, mirrors)
    ]


def _assemble(experiment: Experiment, source: str) -> None:
    """Write the table of all photos, if every fold model's views are there and belong to its weights."""
    by_fold = {}
    for fold in folds.numbers(experiment.folds):
        found = read_views(experiment.run_path(fold) / "views.npz")
        if found is None or not RunFolder(experiment.run_path(fold)).fitted or found.made_by != _made_by(experiment, fold):
            return
        by_fold[fold] = found
    config, calibrated = experiment.config, None
    kept = experiment.annotations_path.with_name(UNCERTAINTY)
    if config.uncertainty == "calibrated":
        calibrated = calibrate(experiment.folds, by_fold, experiment.truth, config.channels, config.least_score)
    if calibrated is not None:
        calibrated.of_all.write(kept)
    else:
        kept.unlink(missing_ok=True)
    where = (experiment.pictures, experiment.boxes)
    table = assembled_table(experiment.folds, by_fold, experiment.data.test, source, config, *where, calibrated)
    write(experiment.annotations_path, _scored(experiment, table))
    counts = table["status"].value_counts().to_dict()
    print(f"{experiment.annotations_path}: {len(table)} photos, " + ", ".join(f"{n} {status}" for status, n in counts.items()))
    _say("all folds, out-of-fold", table, experiment)
    _say_doubt(table, experiment)


def _scored(experiment: Experiment, table: pd.DataFrame) -> pd.DataFrame:
    """The table with its localizer's scores, if it has one."""
    config = experiment.config
    if not (isinstance(config, AlignerConfig) and config.boxes):
        return table
    return scored_by(table, read(table_in(runs_dir() / config.dataset / config.boxes)), config.truth.part)


def _made_by(experiment: Experiment, fold: int) -> str:
    """Fingerprint of what views.npz is made of; raises RunError if the fold is not fitted."""
    run, config = RunFolder(experiment.run_path(fold)), experiment.config
    run.refuse_unfitted()
    parts = [sha256(run.weights), experiment.pictures.key, config.views.model_dump_json(), config.of_variant()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _say_doubt(table: pd.DataFrame, experiment: Experiment) -> None:
    """Print how well the points' sd predict the error."""
    names = experiment.config.point_names
    if set(experiment.config.channels) - {"box"}:
        compared = errors(table, experiment.truth.table, names, experiment.config.truth.part)
        seen = compared["fold"] >= 0
        sd = doubt(table.set_index("Image").loc[compared.loc[seen, "Image"]].reset_index(), names)
        print(f"rank correlation of the points' sd with their error: {rank_correlation(sd, compared.loc[seen, 'error']):.2f}")


def _say(what: str, table: pd.DataFrame, experiment: Experiment) -> None:
    """Print the point error of photos that the model did not see."""
    if set(experiment.config.channels) - {"box"}:
        compared = errors(table, experiment.truth.table, experiment.config.point_names, experiment.config.truth.part)
        print(f"{what}: {in_words(summary(compared[compared['fold'] >= 0]))}")
