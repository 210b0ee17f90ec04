"""Candidates drawn up: which whales are in question for a photo, and what the members say of each.

A candidate is a whale among the first `LIST` of any member. Its features, for every member that is not another's copy, in the
order of names: the centred logit, the rank, the lead, which is how far the logit is above the best other one (for the first its
gap to the next, for the others minus the gap to the first), the gap, which is how far it is above the next one below it, and,
where logits are cosines times a scale, as neighbours' are, the cosine. For all members together the same of the mean of their
scaled logits, and for the photo and whale: the shares of members that have the candidate first and in their list (agreement), the
logarithm of the whale's share of the photos that were learned from (its class count, but for a constant), and how surely the
photo's points are known. Ranks are log2(1 + rank), so that a place more counts most at the top.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.candidates import Candidates
from whichwhale.blend.evidence import Evidence
from whichwhale.blend.weigh import sizes

LIST = 16
OF_PHOTO = ("uncertainty",)  # features that all candidates of a photo share


def scales(evidence: Evidence) -> dict[str, float]:
    """Root mean square of the logits of each distinct member."""
    names = evidence.distinct
    return dict(zip(names, sizes(evidence.of_members(names).z).tolist(), strict=True))


def candidates(evidence: Evidence, scale: dict[str, float] | None = None) -> Candidates:
    """The candidates of N >= 1 photos and C >= 2 whales, or those that the evidence has listed already.

    Members are those of `scale`, whose numbers make their logits comparable; without it the distinct ones, as they are here.
    """
    if evidence.listed is not None and scale in (None, evidence.listed.scale):
        return evidence.listed
    if scale is None:
        scale = scales(evidence)
    evidence = evidence.of_members(list(scale))
    z, has = evidence.z.astype(np.float64), evidence.has
    photos, whales = z.shape[1:]
    unit = z / np.array(list(scale.values()))[:, None, None]
    mean = unit.sum(axis=0) / np.maximum(has.sum(axis=0), 1)[:, None]
    tables = [*z, mean]
    ranks = np.stack([_ranks(table) for table in tables])
    in_list = (ranks[:-1] < LIST) & has[:, :, None]
    mask = in_list.any(axis=0)
    mask |= (ranks[-1] < LIST) & ~mask.any(axis=1, keepdims=True)  # no member has the row
    photo, whale = np.nonzero(mask)
    columns, names = [], []
    known = [*has, np.ones(photos, bool)]
    for table, rank, there, name in zip(tables, ranks, known, [*scale, "mean"], strict=True):
        falling = -np.sort(-table, axis=1)
        at = rank[photo, whale]
        own = table[photo, whale]
        lead = own - falling[photo, np.where(at == 0, 1, 0)]
        gap = own - falling[photo, np.minimum(at + 1, whales - 1)]
        low = np.log2(1 + whales / 2)
        columns += [own, np.where(there[photo], np.log2(1.0 + at), low), np.where(there[photo], lead, 0.0), gap]
        names += [f"{name}, logit", f"{name}, rank", f"{name}, lead", f"{name}, gap"]
    for m, name in enumerate(scale):
        if evidence.cosines is not None and np.isfinite(evidence.cosines.scale[m]):
            columns.append(evidence.cosines.of(m, z[m])[photo, whale])
            names.append(f"{name}, cosine")
    members = np.maximum(has.sum(axis=0), 1)[photo]
    columns += [
        ((ranks[:-1] == 0) & has[:, :, None]).sum(axis=0)[photo, whale] / members,
        in_list.sum(axis=0)[photo, whale] / members,
        np.broadcast_to(evidence.log_prior, (photos, whales))[photo, whale],
        evidence.uncertainty[photo],
    ]
    names += ["first", "in lists", "log prior", *OF_PHOTO]
    start = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
    return Candidates(scale, photo, whale, start, np.stack(columns, axis=1), names)


def _ranks(table: NDArray) -> NDArray[np.int64]:
    """Place of each column in its row, 0 for the greatest [N, C]."""
    order = np.argsort(-table, axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(table.shape[1]), table.shape), axis=1)
    return ranks
