"""What several fold models found in the same photos, as one: weighted boxes fusion (Solovyev, Wang and Gabruseva 2021, section
3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whichwhale.detect.detections import Detections, empty
from whichwhale.detect.matching import iou


def fuse(found: list[Detections], overlap: float) -> Detections:
    """Boxes of the same photos and parts by several models, in the same order of photos.

    From the highest score down a box joins the cluster of its photo and part whose mean it overlaps most, if that is by IoU
    more than `overlap` and has no box of its model yet. A cluster's box is the mean of its boxes by score, its score their sum
    over the number of models: a model that saw nothing there counts as zero.
    """
    images, parts = found[0].images, found[0].parts
    if any(one.images != images or one.parts != parts for one in found):
        raise ValueError("detections of different photos or parts can't be fused")
    models = np.concatenate([np.full(len(one.score), number) for number, one in enumerate(found)])
    photo, part, score, box = (np.concatenate([getattr(one, key) for one in found]) for key in ("photo", "part", "score", "box"))
    if not len(score):
        return empty(images, parts)
    groups = np.unique(np.stack([photo, part], 1), axis=0)
    clusters = []
    for in_photo, of_part in groups:
        mine = np.flatnonzero((photo == in_photo) & (part == of_part))
        clusters.append(_clusters(box[mine], score[mine], models[mine], len(found), overlap))
    counts = [len(scores) for _, scores in clusters]
    boxes, scores = (np.concatenate([one[k] for one in clusters]) for k in range(2))
    return Detections(images, parts, np.repeat(groups[:, 0], counts), np.repeat(groups[:, 1], counts), scores, boxes)


def _clusters(
    box: NDArray[np.float64], score: NDArray[np.float64], model: NDArray[np.int64], models: int, overlap: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    members: list[list[int]] = []
    means: list[NDArray[np.float64]] = []
    for i in np.argsort(-score, kind="stable"):
        near = iou(box[i], np.array(means))[0] if means else np.zeros(0)
        free = np.array([all(model[j] != model[i] for j in one) for one in members], bool)
        best = int(np.where(free, near, -1.0).argmax()) if len(near) else -1
        if best >= 0 and free[best] and near[best] > overlap:
            members[best].append(int(i))
            means[best] = np.average(box[members[best]], 0, score[members[best]])
        else:
            members.append([int(i)])
            means.append(box[i])
    return np.array(means), np.array([score[one].sum() / models for one in members])
