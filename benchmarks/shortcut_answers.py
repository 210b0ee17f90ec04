"""What a fit says of photos that come from outside, by the whole road: found, cut out, asked; kept in a file beside the fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from whichwhale.files import sha256, write_atomically

SETS = ("as photographed", "own", "other")
CATALOGUE = "catalogue"  # folder beside a fit's weights
CHUNK = 256  # photos at a time


@dataclass(frozen=True, eq=False)
class Answers:
    """Of photos [N] in order: the classifier's `name` and its softmax `p`, and the catalogue's first `guess` and its probability
    `sure`; "" and 0 where no head was found, or the catalogue names nobody."""

    photo: list[str]
    name: NDArray[np.str_]
    p: NDArray[np.float64]
    guess: NDArray[np.str_]
    sure: NDArray[np.float64]
    found: NDArray[np.bool_]


def file_of(fit: Path, kind: str) -> Path:
    return fit / f"shortcut-{kind}.npz"


def ask(fit: Path, kind: str, photos: Sequence[Path]) -> None:
    """Write what the fit says of the photos, unless that was written already: photo, vectors, model (as the catalogue reads
    them), and whale, p of the softmax's first guess; photos without a head are left out.

    Raises:
        ValueError: no head was found in any photo; errors of whichwhale.load.
    """
    key = hashlib.sha256(json.dumps([sha256(fit / "model.safetensors"), [sha256(path) for path in photos]]).encode()).hexdigest()
    path = file_of(fit, kind)
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            if str(file["made_of"][0]) == key:
                print(f"{path}: written already")
                return
    from whichwhale.identifier import load  # torch takes seconds to import
    from whichwhale.identify.predicting import predict
    from whichwhale.passport.store import Store

    identifier = load(fit)
    fold = identifier.models[0][0]
    names, logits, vectors = [], [], []
    for start in range(0, len(photos), CHUNK):
        part = list(photos[start : start + CHUNK])
        view, images, _ = identifier.cut(part, fold.config.passports)
        good = [number for number, image in enumerate(images) if not isinstance(image, ValueError)]
        if good:
            store = Store(Path(), "", np.stack([images[number] for number in good]), pd.DataFrame(), view.matrix())
            said = predict(fold.net, store, np.arange(len(good)), fold.config, name=f"{fit.parent.name}, {kind}")
            names += [part[number].name for number in good]
            logits.append(said[0])
            vectors.append(said[1])
    if not names:
        raise ValueError(f"{fit}: no head was found in any of {len(photos)} photos; fit the localizer longer")
    p = softmax(np.concatenate(logits).astype(np.float64), axis=1)
    whales = np.array(identifier.class_id)[fold.columns]
    arrays = {
        "photo": np.array(names),
        "vectors": np.concatenate(vectors),
        "model": np.array(sha256(fit / "model.safetensors")),
        "whale": whales[p.argmax(axis=1)],
        "p": np.array([f"{one:.6f}" for one in p.max(axis=1)]),  # the catalogue takes columns of text
        "made_of": np.full(len(names), key),
    }
    write_atomically(path, lambda stream: np.savez(stream, **arrays))
    print(f"{path}: written, {len(photos) - len(names)} of {len(photos)} photos without a head")


def read(fit: Path, kind: str, photos: Sequence[str]) -> Answers:
    """What was written of the photos by name, and what the catalogue answered.

    Raises:
        ValueError: the catalogue had no probabilities, so that it could not have named anybody confidently.
    """
    with np.load(file_of(fit, kind), allow_pickle=False) as file:
        own = {photo: (name, float(p)) for photo, name, p in zip(file["photo"], file["whale"], file["p"], strict=True)}
    path = file_of(fit, kind).with_suffix(".json")
    said = json.loads(path.read_text(encoding="utf-8"))
    first = {one["query"]: one["matches"][0] for one in said["answers"]}
    if said["uncalibrated"] or any(match["probability"] is None for match in first.values()):
        why = said["uncalibrated"] or "it was not calibrated"
        raise ValueError(
            f"{path}: answers without probabilities, for {fit / CATALOGUE} has none ({why}); nothing can be said of them"
        )
    rows = []
    for photo in photos:
        name, p = own.get(photo, ("", 0.0))
        match = first.get(photo)
        sure = match["probability"] if match else 0.0
        rows.append((str(name), p, match["animal"] if match else "", sure, photo in own))
    name, p, guess, sure, found = zip(*rows, strict=True)
    return Answers(list(photos), np.array(name), np.array(p), np.array(guess), np.array(sure), np.array(found))
