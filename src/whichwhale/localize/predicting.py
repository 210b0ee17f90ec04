"""Running fitted networks over pictures: every view of each, in pixels of the photo; and the tables made of what they found."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from whichwhale.annotations import write
from whichwhale.competition import folds
from whichwhale.files import sha256
from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import ask_machine, keep_freed_memory
from whichwhale.geometry import Affine, apply, compose, identity, invert, rotation, scaling
from whichwhale.localize.averaging import Views
from whichwhale.localize.config import AlignerConfig, LocateConfig
from whichwhale.localize.config import ViewsConfig as PredictionViews
from whichwhale.localize.error import errors, in_words, summary
from whichwhale.localize.experiment import Experiment
from whichwhale.localize.frames import move_extent
from whichwhale.localize.net import VARIANTS
from whichwhale.localize.pictures import Pictures
from whichwhale.localize.tables import FoldViews, assembled_table, fold_table, read_views, write_views
from whichwhale.localize.training import to_view, view_picture
from whichwhale.runs import RunError, RunFolder


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
        found = FoldViews(images, predict(net, experiment.pictures, rows, config, name=f"{config.name} fold {fold}"), made_by)
        write_views(run.path / "views.npz", found)
    source = f"{config.dataset}/{config.name}"
    table = fold_table(found, unseen, fold, f"{source}/fold{fold}", config, experiment.pictures, experiment.boxes)
    write(run.path / "annotations.csv", table)
    _say(f"{run.path}, held out", table, experiment)
    _assemble(experiment, source)
    return run


def load_net(config: LocateConfig, run: RunFolder) -> nn.Module:
    """The fitted network of a run."""
    bare = config.model_copy(update={"backbone": config.backbone.model_copy(update={"weights": False})})
    net = VARIANTS[config.variant](bare)
    net.load_state_dict(run.read_weights())
    return net.eval()


def predict(
    net: nn.Module,
    pictures: Pictures,
    rows: NDArray[np.int64],
    config: LocateConfig,
    moves: list[Affine] | None = None,
    name: str = "",
) -> Views:
    """What `net` finds in pictures `rows` under each of `moves` (view to view; the config's by default)."""
    keep_freed_memory()
    machine = ask_machine(config.fit.precision)
    device, half = torch.device(machine.device), {"bf16": torch.bfloat16, "fp16": torch.float16}.get(machine.precision)
    training = net.training
    net.eval().to(device, memory_format=torch.channels_last)
    size = config.view_size
    moves = prediction_moves(config.views, size) if moves is None else moves
    batches = in_order(len(rows), config.views.batch_size)
    bar = tqdm(total=len(moves) * len(batches), desc=name or "locate", unit="batch", delay=2, leave=False)
    to_photo = [invert(matrix) for matrix in pictures.matrix[rows]]
    points, scores, extents = [], [], []
    with torch.inference_mode(), torch.autocast(device.type, half, enabled=half is not None):
        for move in moves:
            matrix = compose(to_view(pictures, size), move)
            make = lambda i, matrix=matrix: {"image": view_picture(pictures, int(rows[i]), matrix, size)}  # noqa: E731
            found = []
            for batch in load(Items(len(rows), make), batches, device):
                found.append(net.find(batch["image"]))
                bar.update()
            back = np.stack([compose(invert(matrix), one) for one in to_photo])
            seen = torch.cat([one.points for one in found]).cpu().double().numpy()
            points.append(np.stack([apply(one, p) for one, p in zip(back, seen, strict=True)]))
            scores.append(torch.cat([one.score for one in found]).cpu().double().numpy())
            if found[0].extent is not None:
                extents.append(move_extent(back, torch.cat([one.extent for one in found]).cpu().double().numpy()))
    bar.close()
    net.train(training)
    return Views(np.stack(points, 1), np.stack(scores, 1), np.stack(extents, 1) if extents else None)


def prediction_moves(config: PredictionViews, size: tuple[int, int]) -> list[Affine]:
    """View-to-view transforms of the views of a picture, the plain one first if it is among them."""
    middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
    mirrors = [identity(), scaling(-1.0, 1.0, middle)] if config.mirror else [identity()]
    return [compose(mirror, rotation(np.deg2rad(turn), middle)) for turn in config.rotations for mirror in mirrors]


def _assemble(experiment: Experiment, source: str) -> None:
    """Write the table of all photos, if every fold model's views are there and belong to its weights."""
    by_fold = {}
    for fold in folds.numbers(experiment.folds):
        found = read_views(experiment.run_path(fold) / "views.npz")
        if found is None or not RunFolder(experiment.run_path(fold)).fitted or found.made_by != _made_by(experiment, fold):
            return
        by_fold[fold] = found
    table = assembled_table(
        experiment.folds, by_fold, experiment.data.test, source, experiment.config, experiment.pictures, experiment.boxes
    )
    write(experiment.annotations_path, table)
    counts = table["status"].value_counts().to_dict()
    print(f"{experiment.annotations_path}: {len(table)} photos, " + ", ".join(f"{n} {status}" for status, n in counts.items()))
    _say("all folds, out-of-fold", table, experiment)


def _made_by(experiment: Experiment, fold: int) -> str:
    """Fingerprint of what views.npz is made of; raises RunError if the fold is not fitted."""
    run, config = RunFolder(experiment.run_path(fold)), experiment.config
    if not run.fitted:
        raise RunError(f"{run.path}: not fitted yet (state {run.status().get('state', 'missing')}); run train.py first")
    parts = [sha256(run.weights), experiment.pictures.key, config.views.model_dump_json(), config.heatmap.model_dump_json()]
    if isinstance(config, AlignerConfig) and config.variant == "two_looks":
        parts.append(config.second.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _say(what: str, table: pd.DataFrame, experiment: Experiment) -> None:
    """Print the point error of photos that the model did not see."""
    if experiment.config.point_weight:
        compared = errors(table, experiment.truth.table, list(experiment.config.truth.points), experiment.config.truth.part)
        print(f"{what}: {in_words(summary(compared[compared['fold'] >= 0]))}")
