"""One fitted network as an embedder: photos to unit vectors, and to the maps that they are pooled from.

embedder = whichwhale.load("runs/right_whale_heads/arcface_lite0/foldall").embedder()
embedder.embed(["photo.jpg"]).vectors
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from whichwhale.files import sha256
from whichwhale.fit.machine import evaluating
from whichwhale.geometry import identity
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.identify.passports import view_passport
from whichwhale.identify.predicting import predict
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import Store

CHUNK = 256  # photos whose passports are held at a time

Cut = Callable[[Sequence[Path]], tuple[PlaneView, list[NDArray[np.uint8] | ValueError]]]


@dataclass(frozen=True, eq=False)
class Embedded:
    """`vectors` float32 [len(rows), dims], unit length, of the photos `rows` (places in what was given); `failed`: why the others
    have none, by their place."""

    rows: list[int]
    vectors: NDArray[np.float32]
    failed: dict[int, str]


@dataclass(frozen=True, eq=False)
class Embedder:
    """`cut` gives what passports show, and each photo's passport or why there is none; `path` is the fit's run folder."""

    net: Identifier
    config: IdentifyConfig
    path: Path
    cut: Cut

    @cached_property
    def weights_sha(self) -> str:
        """Fingerprint of the weights, as predictions.npz has it."""
        return sha256(self.path / "model.safetensors")

    def embed(self, photos: Sequence[str | Path]) -> Embedded:
        """Unit vectors of photos, averaged over the fit's test-time views; what can't be used is told, not raised."""
        rows: list[int] = []
        parts: list[NDArray[np.float32]] = []
        failed: dict[int, str] = {}
        for at in range(0, len(photos), CHUNK):
            view, images = self.cut([Path(photo) for photo in photos[at : at + CHUNK]])
            failed |= {at + place: str(image) for place, image in enumerate(images) if isinstance(image, ValueError)}
            good = [place for place, image in enumerate(images) if not isinstance(image, ValueError)]
            if not good:
                continue
            store = Store(Path(), "", np.stack([images[place] for place in good]), pd.DataFrame(), view.matrix())
            _, vectors = predict(self.net, store, np.arange(len(good)), self.config, name="embed")
            rows += [at + place for place in good]
            parts.append(vectors)
        dims = self.net.head.dims
        return Embedded(rows, np.concatenate(parts) if parts else np.zeros((0, dims), np.float32), failed)

    def look(self, photo: str | Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """The passport of one photo as the network sees it without augmentation, uint8 RGB [H, W, 3], and the last stage's maps
        of it, float32 [C, h, w], which its features are pooled from.

        Raises PhotoError or NoAnimalError.
        """
        view, (image,) = self.cut([Path(photo)])
        if isinstance(image, ValueError):
            raise image
        store = Store(Path(), "", image[None], pd.DataFrame(), view.matrix())
        seen = view_passport(store, 0, self.config.view, identity())
        with evaluating(self.net, self.config.fit.precision) as device:
            batch = torch.from_numpy(seen).permute(2, 0, 1)[None].to(device)
            maps = self.net.backbone.maps(batch)
        return seen, maps[0].float().cpu().numpy()
