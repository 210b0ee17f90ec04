"""From a photo to ranked whales: the fitted models of a run folder, ready to use.

import whichwhale

identifier = whichwhale.load("runs/survey/ensemble")
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

from whichwhale.blend import neighbours, pool
from whichwhale.blend.answering import answer
from whichwhale.blend.assemble import IMPORTED, centred, shares
from whichwhale.blend.cosines import Cosines
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.neighbours import Gallery
from whichwhale.blend.pool import LEAST_FLOOR, Pool, TestFrom
from whichwhale.blend.recipes import Fitted
from whichwhale.competition.photos import PhotoError, decode
from whichwhale.embedder import Embedder
from whichwhale.identify import fitted
from whichwhale.identify.config import GivenPassports, IdentifyConfig, PassportsFromPoints
from whichwhale.identify.net import Identifier
from whichwhale.identify.predicting import all_columns, predict
from whichwhale.localize import locating
from whichwhale.passport.from_points import cut
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.points import animals
from whichwhale.passport.store import Store

UNCERTAINTY = "uncertainty"  # column of a store in memory


class LoadError(ValueError):
    """A folder that holds nothing that can identify; the message says what was looked for."""


class NoAnimalError(ValueError):
    """A photo in which no animal was found."""


@dataclass(frozen=True)
class Guess:
    """One whale and the calibrated probability that the photo shows it."""

    whale: str
    probability: float


@dataclass(frozen=True, eq=False)
class FittedFold:
    """One fitted network of a model: its share in the model's mean, and its logits' columns among all whales. With a `gallery`
    the logits are those of neighbours on its embeddings. `path` is its run folder."""

    share: float
    net: Identifier
    columns: NDArray[np.int64]
    config: IdentifyConfig
    gallery: Gallery | None = None
    path: Path = Path()


@dataclass(frozen=True, eq=False)
class PhotoIdentifier:
    """Models whose mean centred logits are pooled into probabilities, as `ensemble.py` pools the test rows.

    `runs` is the folder of all data sets' runs, where the aligner is whose points cut the passports.
    """

    class_id: list[str]
    models: list[list[FittedFold]]
    pool: Pool
    runs: Path

    def identify(self, photo: str | Path, top: int | None = 5) -> list[Guess]:
        """The `top` most probable whales (None: all), most probable first.

        Raises PhotoError for an unreadable photo, NoAnimalError for one in which no animal was found.
        """
        p = self.probabilities([photo])[0]
        return [Guess(self.class_id[i], float(p[i])) for i in np.argsort(-p, kind="stable")[:top]]

    def probabilities(self, photos: Sequence[str | Path]) -> NDArray[np.float64]:
        """Probabilities [photos, whales] in the order of `class_id`; rows sum to 1."""
        paths = [Path(photo) for photo in photos]
        ways = {repr(fold.config.passports): fold.config.passports for model in self.models for fold in model}
        stores = {way: self._passports(paths, passports) for way, passports in ways.items()}
        said: dict[int, tuple[NDArray, NDArray]] = {}
        means = [self._mean(model, stores, said) for model in self.models]
        z = np.stack([mean[:, :-1] for mean in means])
        scale = np.array([model[0].gallery.scale if model[0].gallery is not None else np.nan for model in self.models])
        cosines = Cosines(scale, np.stack([mean[:, -1] for mean in means]) / scale[:, None])
        prior = None if self.pool.chosen is None else Fitted.of_plain(self.pool.chosen).prior_of(self.class_id)
        unsure = next((found for found in map(_uncertainty, stores.values()) if found is not None), None)
        return answer(self.pool, Evidence.of(self.pool.members, self.class_id, z, prior, unsure, cosines), means=True)

    def embedder(self) -> Embedder:
        """The one network that there is, to embed photos for a catalogue.

        Raises LoadError if there are several: their embeddings can't be compared.
        """
        paths = sorted({str(fold.path) for model in self.models for fold in model})
        if len(paths) > 1:
            raise LoadError(
                f"{len(paths)} networks ({paths[0]}, …), whose embeddings can't be compared; give the folder of one fit, "
                f"such as {paths[-1]}"
            )
        fold = self.models[0][0]
        return Embedder(fold.net, fold.config, fold.path, lambda photos: self.cut(photos, fold.config.passports)[:2])

    def _mean(
        self, model: list[FittedFold], stores: dict[str, Store], said: dict[int, tuple[NDArray, NDArray]]
    ) -> NDArray[np.float64]:
        """Centred logits, averaged over a model's fits that know the whale; last, what centring took off [photos, whales + 1]."""
        z, weight = 0.0, np.zeros(len(self.class_id) + 1)
        for fold in model:
            store = stores[repr(fold.config.passports)]
            if id(fold.net) not in said:  # a network is asked once, for itself and for the neighbours on its embeddings
                said[id(fold.net)] = predict(fold.net, store, np.arange(len(store.images)), fold.config)
            logits, embedding = said[id(fold.net)]
            if fold.gallery is not None:
                logits = fold.gallery.logits(embedding)
            rows, seen = centred(all_columns(logits, fold.columns, len(self.class_id)))
            z = z + fold.share * np.c_[rows, logits.mean(axis=1, dtype=np.float64)]
            weight += fold.share * np.append(seen, True)
        return z / np.where(weight > 0, weight, 1.0)

    def _passports(self, paths: list[Path], passports: GivenPassports | PassportsFromPoints) -> Store:
        """A store in memory; raises the first photo's error."""
        view, images, unsure = self.cut(paths, passports)
        for image in images:
            if isinstance(image, ValueError):
                raise image
        index = pd.DataFrame() if isinstance(passports, GivenPassports) else pd.DataFrame({UNCERTAINTY: unsure})
        return Store(Path(), "", np.stack(images), index, view.matrix())

    def cut(
        self, paths: Sequence[Path], passports: GivenPassports | PassportsFromPoints
    ) -> tuple[PlaneView, list[NDArray[np.uint8] | ValueError], list[float]]:
        """What passports show; for each photo its passport uint8 [H, W, 3], or why there is none (PhotoError, NoAnimalError); and
        the standard deviation over d of the points that it was cut by (NaN: there are none).

        Crops as they are, or cut from the photos by the points that the aligner finds.
        """
        images: list[NDArray[np.uint8] | ValueError] = []
        if isinstance(passports, GivenPassports):
            for path in paths:
                try:
                    images.append(cv2.resize(decode(path), passports.view.size, interpolation=cv2.INTER_AREA))
                except PhotoError as error:
                    images.append(error)
            return passports.view, images, [float("nan")] * len(paths)
        locator = locating.load((self.runs / passports.annotations).parent)
        names = [str(number) for number in range(len(paths))]
        herd = animals(locator.locate(dict(zip(names, paths, strict=True))), passports)
        meant = {animal.image: animal for animal in herd if animal.item.endswith("#0")}
        unsure = []
        for name, path in zip(names, paths, strict=True):
            image = cut(path, [meant[name]], passports)[0][0]
            images.append(_why_none(path, passports.part) if image is None else image)
            points = meant[name].points
            unsure.append(float("nan") if points is None else meant[name].sd / float(np.linalg.norm(np.subtract(*points))))
        return passports.store_view(), images, unsure


def _why_none(path: Path, part: str) -> ValueError:
    try:
        decode(path)
    except PhotoError as error:
        return error
    return NoAnimalError(f"{path}: no {part} was found in it")


def _uncertainty(store: Store) -> NDArray[np.float64] | None:
    """Standard deviation of the points that the passports were cut by, over d [photos]; None if they were given."""
    return store.index[UNCERTAINTY].to_numpy() if UNCERTAINTY in store.index else None


def load(folder: str | Path) -> PhotoIdentifier:
    """Load a blend (`runs/<dataset>/ensemble`), a model (all its fits) or one fit (`…/fold0`, `…/foldall`).

    A blend's probabilities are calibrated by its fitted weights, and its models' fits count as they did for the test photos (the
    `test` that ensemble.py was told). Those of a model alone (half to the fold models, half to the fit on all photos) or of a fit
    are as it predicts them.

    Raises LoadError if the folder holds none of them, or lacks a fit that the blend has.
    """
    folder = Path(folder)
    home = folder.parent  # of the data set's runs
    if (folder / "blend.json").is_file():
        blended = pool.read(folder / "blend.json")
        models = [_folds(home / member, blended.test) for member in blended.members]
    elif (folder / "model.safetensors").is_file():
        models, blended, home = [[(1.0, folder, None)]], _alone(folder), folder.parent.parent
    else:
        models, blended = [_folds(folder)], _alone(folder)
    nets = {path: fitted.read(path) for model in models for _, path, _ in model}  # a model and its neighbours share theirs
    class_id = sorted({whale for _, whales, _ in nets.values() for whale in whales})
    place = {whale: i for i, whale in enumerate(class_id)}

    def fold(share: float, path: Path, gallery: Gallery | None) -> FittedFold:
        net, whales, config = nets[path]
        columns = np.array([place[whale] for whale in (whales if gallery is None else gallery.whales)])
        return FittedFold(share, net, columns, config, gallery, path)

    return PhotoIdentifier(class_id, [[fold(*one) for one in model] for model in models], blended, home.parent)


def _folds(folder: Path, test: TestFrom | None = None) -> list[tuple[float, Path, Gallery | None]]:
    """The fits of a model and their shares in its answer; without `test`, all that are there take part. Where the model looks for
    neighbours on another's embeddings, they are that one's fits, with the gallery of each."""
    if (source := neighbours.source_of(folder)) is not None:
        fits = _folds(source, test)
        return [(share, path, neighbours.read_gallery(folder / path.name / neighbours.GALLERY)) for share, path, _ in fits]
    fits = {path.parent.name: path.parent for path in sorted(folder.glob("fold*/model.safetensors"))}
    if not fits and (folder / IMPORTED).is_file():
        raise LoadError(f"{folder}: its predictions were taken in from files, so there is no network here to ask")
    if not fits:
        raise LoadError(
            f"{folder}: neither a blend (blend.json), a model (fold0/model.safetensors, …) nor a fit (model.safetensors); "
            "train.py and ensemble.py make them"
        )
    numbers = [int(name.removeprefix("fold")) for name in fits if name != "foldall"]
    if test is None:
        test = "all" if not numbers else "both" if "foldall" in fits else "folds"
    wanted = {name: share for name, share in shares(numbers, test).items() if share}
    if missing := [name for name in wanted if name not in fits]:
        raise LoadError(f"{folder}: {missing[0]} has no model.safetensors, but the blend has it in its mean (test={test})")
    return [(share, fits[name], None) for name, share in wanted.items()]


def _alone(folder: Path) -> Pool:
    return Pool([folder.name], [1.0], 0.0, LEAST_FLOOR, 0)
