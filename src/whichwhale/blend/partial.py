"""Test photos that some members only have a row for: what is fitted for all members knows nothing of how sure the others are.

A member without a row says nothing, but the weights of those that have one were fitted beside it, and their sum is the blend's
sureness; alone they would leave an answer too flat. So each set of members that test photos have is fitted anew, on the
out-of-fold rows that this set has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.answering import answer
from whichwhale.blend.choice import fit_in_order
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.pool import Pool, fit


def with_partial(
    pool: Pool, known: Evidence, truth: NDArray[np.int64], images: Sequence[str], asked: Evidence, prior: NDArray[np.float64]
) -> Pool:
    """The pool with one of its kind for each set of members that photos of `asked` have, but all and none of them.

    Args:
        known, truth, images: of the labelled photos with a row of some member [N]; prior: of the whales [C].
    """
    found = []
    for has in np.unique(asked.has, axis=1).T:
        if not has.any() or has.all():
            continue
        names = [name for name, there in zip(pool.members, has.tolist(), strict=True) if there]
        mine = known.of_members(names)
        usable = mine.has.all(axis=0)
        if not usable.any():
            continue  # nothing to fit on: the weights of all answer
        one = fit(mine.z[:, usable], truth[usable], names, pool.l2, pool.floor)
        one = replace(one, test_power=pool.test_power, test=pool.test)
        if pool.chosen is not None:
            way = fit_in_order(pool.chosen["name"], mine, truth, images, usable, pool.l2, pool.floor, prior)
            one = replace(one, chosen=way.plain())
        found.append(one.plain())
    return replace(pool, partial=found)


def answers(pool: Pool, asked: Evidence) -> NDArray[np.float64]:
    """p [T, C] of photos whose rows are means over fits, each by what was fitted for the members that it has."""
    p = answer(pool, asked, means=True)
    for values in pool.partial:
        one = Pool(**values)
        has = np.isin(pool.members, one.members)
        at = np.flatnonzero((asked.has == has[:, None]).all(axis=0))
        p[at] = answer(one, asked.of_members(one.members).rows(at), means=True)
    return p
