"""Made-up photos: unit vectors about a direction of each animal."""

import numpy as np
import pandas as pd

from whichwhale.catalogue.gallery import check_vectors
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
