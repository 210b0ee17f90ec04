"""Members that half know the whales of some photos."""

import numpy as np

from whichwhale.blend.cosines import Cosines
from whichwhale.blend.evidence import Evidence

WHALES = [f"whale_{letter}" for letter in "dbface"]  # not in the order of names


def evidence(seed: int = 0, members: int = 3, photos: int = 90) -> tuple[Evidence, np.ndarray, list[str]]:
    """Members with noise, sharpness and units of their own, the logits of the second are cosines; whales are not equally common.
    Evidence, truth [N], images."""
    rng = np.random.default_rng(seed)
    prior = np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    truth = rng.choice(6, photos, p=prior)
    signal = np.eye(6)[truth] * rng.uniform(0.5, 3, (photos, 1))
    noise = rng.uniform(0.7, 1.5, members)
    z = np.stack([(signal + one * rng.normal(size=signal.shape)) * rng.uniform(0.5, 4) for one in noise])
    z -= z.mean(axis=2, keepdims=True)
    names = [f"model_{m}" for m in rng.permutation(members)]
    unsure = rng.uniform(0, 0.2, photos)
    cosines = Cosines(np.where(np.arange(members) == 1, 7.0, np.nan), rng.uniform(-0.2, 0.2, (members, photos)))
    found = Evidence.of(names, WHALES, z, prior, unsure, cosines)
    return found, truth, [f"w_{i}.jpg" for i in rng.permutation(photos)]


def loss(p: np.ndarray, truth: np.ndarray) -> float:
    return float(-np.log(p[np.arange(len(truth)), truth]).mean())
