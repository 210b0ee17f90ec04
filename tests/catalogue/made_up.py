"""Made-up photos: unit vectors about a direction of each animal; and whether a catalogue of them is as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.catalogue.gallery import check_vectors, read
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model

DIMS = 16


def some_photos(animals: int, photos: int, seed: int = 0, first: int = 0, spread: float = 0.5, dims: int = DIMS) -> Incoming:
    """`photos` photos of each of `animals`: a{number} has p{number}_{k}.jpg."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(first + animals, dims))[first:]
    vectors = np.repeat(centres, photos, 0) + spread * rng.normal(size=(animals * photos, dims))
    names = [(f"p{first + n}_{k}.jpg", f"a{first + n}") for n in range(animals) for k in range(photos)]
    table = pd.DataFrame(names, columns=["photo", "animal"], dtype="str")
    return Incoming(table, check_vectors(vectors, table["photo"].tolist(), "test"), Model(weights_sha="m1", dims=dims))


def state(folder: Path) -> tuple[pd.DataFrame, np.ndarray, str]:
    gallery = read(folder)
    return gallery.table, gallery.vectors(), (folder / "catalogue.json").read_text()


def unchanged(folder: Path, before: tuple) -> bool:
    table, vectors, manifest = state(folder)
    return table.equals(before[0]) and np.array_equal(vectors, before[1]) and manifest == before[2]


def with_rows(incoming: Incoming, **columns) -> Incoming:
    return replace(incoming, table=incoming.table.assign(**columns))
