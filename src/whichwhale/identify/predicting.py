"""Running an identifier over passports: views averaged, contract 3 written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from tqdm import tqdm

from whichwhale import predictions
from whichwhale.files import sha256
from whichwhale.fit.batches import Items, in_order, load
from whichwhale.fit.machine import evaluating
from whichwhale.geometry import Affine, mirrors
from whichwhale.identify import fitted
from whichwhale.identify.bottleneck import Bottleneck
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.experiment import PICTURES, Experiment, Fold, item_of
from whichwhale.identify.net import Identifier
from whichwhale.identify.passports import prediction_views, view_passport
from whichwhale.passport.store import Store
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions
from whichwhale.runs import RunError, RunFolder
from whichwhale.score import among_themselves, log_loss, top_k

AVERAGING = "mean of logits over views; mean of embeddings, then unit length"
NO_MIRROR = ", without mirror images"


def predict(
    net: Identifier,
    store: Store,
    rows: NDArray,
    config: IdentifyConfig,
    views: list[Affine] | None = None,
    name: str = "",
    features: Callable[[Affine], NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits float32 [rows, classes] and embeddings float32 [rows, dims] (unit length), averaged over the config's views.

    `rows` int [rows] are places in the store; `views` (None: the config's) transforms of the plane, mirrored ones included. Where
    a mirror image is another class, mirrored views vote through the twins' logits and have no part in the embedding.
    `features(view)` [rows, dims] are the backbone's, if they are known.
    """
    logits, embeddings = 0.0, 0.0
    views = prediction_views(config.views, config.view) if views is None else views
    batches = in_order(len(rows), config.views.batch_size)
    bar = tqdm(total=len(views) * len(batches), desc=name or "predict", unit="batch", delay=2, leave=False)
    with evaluating(net, config.fit.precision) as device:
        for move in views:
            items = Items(len(rows), lambda i, move=move: {"image": view_passport(store, int(rows[i]), config.view, move)})
            outputs = []
            flipped = mirrors(move)
            if features is not None:
                outputs.append(net.answer(torch.from_numpy(features(move)).to(device), flipped))
                bar.update(len(batches))
            for batch in load(items, batches, device) if features is None else ():
                outputs.append(net(batch["image"], flipped))
                bar.update()
            logits = logits + torch.cat([output.logits for output in outputs]).cpu() / len(views)
            if not (flipped and net.twins):  # a twin's embedding lies elsewhere
                embeddings = embeddings + torch.cat([output.embedding for output in outputs]).cpu()
    bar.close()
    return logits.numpy(), F.normalize(embeddings).numpy()


def predict_fold(experiment: Experiment, fold: Fold) -> RunFolder:
    """Write predictions.npz of a fitted fold: every labelled and test photo whose passport could be made."""
    data = experiment.data
    run = RunFolder(experiment.run_path(fold))
    net, whales, config = fitted.read(run.path)
    config = config.model_copy(update={"views": experiment.config.views})  # all else stays as it was fitted
    written = run.provenance()["tables"]
    other = [name for name, value in experiment.fingerprints(fold, written).items() if written.get(name) != value]
    if other:
        raise RunError(f"{run.path}: was fitted with other {', '.join(other)}; fit it anew under another name=")
    training, held_out = experiment.photos(fold)
    test = experiment.with_passport(data.test)
    items = [item_of(photo) for photo in [*training, *held_out, *test]]
    role = np.repeat([ROLE_TRAIN, ROLE_VALIDATION, ROLE_TEST], [len(training), len(held_out), len(test)])
    unsaid = {"batch_size"} | ({"rotations"} if config.views.rotations == [0.0] else set())  # older files don't name it either
    views = config.views.model_dump_json(exclude=unsaid)
    apart = NO_MIRROR if config.mirrored == "twin" else ""
    about = {"averaging": f"{AVERAGING}{apart}; {views}", "weights_sha": sha256(run.weights)}
    about["pictures"] = experiment.pictures(items)
    if run.predictions.exists():
        old = predictions.read(run.predictions)
        # Files from before say nothing of pictures, but their run folders do of the whole store.
        known = about if old.pictures or written["passports"].startswith(PICTURES) else about | {"pictures": ""}
        same = {key: getattr(old, key) for key in about} == known
        if same and np.array_equal(old.item, items) and np.array_equal(old.role, role):
            print(f"{run.predictions}: written already")
            return run
    rows, name = experiment.store.rows(items), f"{config.name} fold {fold}"
    if config.bottleneck is None:
        logits, embedding = predict(net, experiment.store, rows, config, name=name)
    else:
        bottleneck = Bottleneck(experiment.home, net, config, experiment.store)
        logits, embedding = predict(net, experiment.store, rows, config, name=name, features=bottleneck.views(rows))
        print(bottleneck.cache.told())
    seen = np.array([data.class_id.index(whale) for whale in whales])
    table = Predictions.of(
        items,
        role,
        data.class_id,
        all_columns(logits, seen, len(data.class_id)),
        embedding,
        views=len(prediction_views(config.views, config.view)),
        **about,
    )
    predictions.write(run.predictions, table)
    print(f"{run.predictions}: written")
    if held_out:
        rows_out = role == ROLE_VALIDATION
        figures = scores(table.logits[rows_out], experiment.labels(held_out), table.embedding[rows_out])
        text = ", ".join(f"{key} {value:.4f}" for key, value in figures.items())
        print(f"{run.path}: held out {len(held_out)} photos, {text}")
    return run


def all_columns(logits: NDArray, seen: NDArray, classes: int) -> NDArray[np.float32]:
    """Spread the logits of the whales that a fit saw over all columns; the others are NaN."""
    table = np.full((len(logits), classes), np.nan, np.float32)
    table[:, seen] = logits
    return table


def scores(logits: NDArray, truth: NDArray, embedding: NDArray) -> dict[str, float]:
    """Scores of the rows whose whale the fit knows, by their logits [N, classes]; of the others (`new_`), by their embeddings [N,
    dims]: how often the nearest of them shows the same whale, and how well cosines tell the same whale from two."""
    known = ~np.isnan(logits[np.arange(len(truth)), truth])
    new = {f"new_{key}": value for key, value in among_themselves(embedding[~known], truth[~known]).items()}
    if not known.any():
        return new
    logits, truth = np.nan_to_num(logits[known].astype(np.float64), nan=-np.inf), truth[known]
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    return {"log_loss": log_loss(p, truth), "top1": top_k(p, truth, 1), "top5": top_k(p, truth, 5), **new}
