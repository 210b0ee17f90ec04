"""From a photo to ranked whales: the fitted models of a run folder, ready to use.

    import whichwhale

    identifier = whichwhale.load("runs/right_whale_heads/ensemble")
    for guess in identifier.identify("photo.jpg", top=5):
        print(guess.whale, guess.probability)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.blend import pool
from whichwhale.blend.assemble import centred
from whichwhale.blend.pool import LEAST_FLOOR, Pool
from whichwhale.competition.photos import decode
from whichwhale.identify import fitted
from whichwhale.identify.config import GivenPassports, IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.identify.predicting import all_columns, predict
from whichwhale.passport.store import Store


class LoadError(ValueError):
    """A folder that holds nothing that can identify; the message says what was looked for."""


@dataclass(frozen=True)
class Guess:
    """One whale and the calibrated probability that the photo shows it."""

    whale: str
    probability: float


@dataclass(frozen=True, eq=False)
class FittedFold:
    """One fitted network of a model: its share in the model's mean, and its logits' columns among all whales."""

    share: float
    net: Identifier
    columns: NDArray[np.int64]
    config: IdentifyConfig


@dataclass(frozen=True, eq=False)
class PhotoIdentifier:
    """Models whose mean centred logits are pooled into probabilities, as `ensemble.py` pools the test rows."""

    class_id: list[str]
    models: list[list[FittedFold]]
    pool: Pool

    def identify(self, photo: str | Path, top: int | None = 5) -> list[Guess]:
        """The `top` most probable whales (None: all), most probable first. Raises PhotoError for an unreadable photo."""
        p = self.probabilities([photo])[0]
        return [Guess(self.class_id[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:top]]

    def probabilities(self, photos: Sequence[str | Path]) -> NDArray[np.float64]:
        """Probabilities [photos, whales] in the order of `class_id`; rows sum to 1."""
        pictures = [decode(photo) for photo in photos]
        return self.pool.probabilities(np.stack([self._mean(model, pictures) for model in self.models]))

    def _mean(self, model: list[FittedFold], pictures: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
        """Centred logits [photos, whales], averaged over a model's fits that know the whale."""
        z = np.zeros((len(pictures), len(self.class_id)))
        weight = np.zeros(len(self.class_id))
        for fold in model:
            logits, _ = predict(fold.net, _store(pictures, fold.config), np.arange(len(pictures)), fold.config)
            rows, seen = centred(all_columns(logits, fold.columns, len(self.class_id)))
            z += fold.share * rows
            weight += fold.share * seen
        return z / np.where(weight > 0, weight, 1.0)


def load(folder: str | Path) -> PhotoIdentifier:
    """Load a blend (`runs/<dataset>/ensemble`), a model (all its fits) or one fit (`…/fold0`, `…/foldall`).

    A blend's probabilities are calibrated by its fitted weights; those of a model or a fit alone are as it predicts them.

    Raises LoadError if the folder holds none of them.
    """
    folder = Path(folder)
    if (folder / "blend.json").is_file():
        blended = pool.read(folder / "blend.json")
        models = [_folds(folder.parent / member) for member in blended.members]
    elif (folder / "model.safetensors").is_file():
        models, blended = [[(1.0, folder)]], _alone(folder)
    else:
        models, blended = [_folds(folder)], _alone(folder)
    read = [[(share, *fitted.read(path)) for share, path in model] for model in models]
    class_id = sorted({whale for model in read for _, _, whales, _ in model for whale in whales})
    place = {whale: i for i, whale in enumerate(class_id)}

    def fold(share: float, net: Identifier, whales: list[str], config: IdentifyConfig) -> FittedFold:
        return FittedFold(share, net, np.array([place[whale] for whale in whales]), config)

    return PhotoIdentifier(class_id, [[fold(*one) for one in model] for model in read], blended)


def _folds(folder: Path) -> list[tuple[float, Path]]:
    """The fits of a model and their shares: half to the mean of the fold models, half to the one fitted on all photos."""
    fits = sorted(path.parent for path in folder.glob("fold*/model.safetensors"))
    if not fits:
        raise LoadError(
            f"{folder}: neither a blend (blend.json), a model (fold0/model.safetensors, …) nor a fit (model.safetensors); "
            "train.py and ensemble.py make them"
        )
    folds = [path for path in fits if path.name != "foldall"]
    whole = 1.0 if not folds else 0.5 if len(folds) < len(fits) else 0.0
    return [(whole if path.name == "foldall" else (1 - whole) / len(folds), path) for path in fits]


def _alone(folder: Path) -> Pool:
    return Pool([folder.name], [1.0], 0.0, LEAST_FLOOR, 0)


def _store(pictures: list[NDArray[np.uint8]], config: IdentifyConfig) -> Store:
    """The passports of photos that are aligned heads already."""
    if not isinstance(config.passports, GivenPassports):
        raise LoadError("this model wants passports cut by points; a photo without points can't be answered yet")
    view = config.passports.view
    images = np.stack([cv2.resize(picture, view.size, interpolation=cv2.INTER_AREA) for picture in pictures])
    return Store(Path(), "", images, pd.DataFrame(), view.matrix())
