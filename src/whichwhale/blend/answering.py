"""What a stored blend answers: its log-linear pool, or the recipe that was chosen in the pool's place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.evidence import Evidence
from whichwhale.blend.pool import Pool
from whichwhale.blend.recipes import Fitted


def answer(pool: Pool, evidence: Evidence, means: bool = False) -> NDArray[np.float64]:
    """p [N, C] of evidence whose members are the pool's. `means`: its rows are means over fits, to which `test_power` belongs.

    Raises PoolError if the members differ, or the recipe is none that this code knows.
    """
    if pool.chosen is None:
        return pool.probabilities(evidence.z, means)
    return Fitted.of_plain(pool.chosen).probabilities(evidence, pool.test_power if means else 1.0)


def log_answer(pool: Pool, evidence: Evidence) -> NDArray[np.float64]:
    """log p [N, C] but for a constant of each photo, before floor and `test_power`: what a further power multiplies, whichever
    way the blend answers.

    Raises PoolError as `answer`.
    """
    if pool.chosen is None:
        return np.tensordot(pool.weights, np.asarray(evidence.z, np.float64), axes=1)
    return Fitted.of_plain(pool.chosen).log_p(evidence).astype(np.float64)
