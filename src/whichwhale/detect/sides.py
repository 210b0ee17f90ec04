"""Left or right? Which of a pair's two parts a box is, told by where it lies from the animal's other parts as well.

A left flipper is the mirror image of a right one, and seen alone a turned one as well: what tells them apart is where the animal
has its head. A network that learned from few photos finds flippers and guesses their sides. But the parts that have no partner
(head, fluke, callosities) lie on the animal's axis, so any two of them say which side of it a box is on. How much that is worth
for each two is fitted on the labelled photos that the network learned from: logistic regression on the sine of the angle from one
part to the other and on to the box, without an intercept, since a mirror image exchanges the sides. Where the other parts lie
anywhere, the weights come out near 0 and the network decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from json import loads
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.detect import animals
from whichwhale.detect.detections import Detections
from whichwhale.detect.matching import iou
from whichwhale.detect.truth import Truth
from whichwhale.files import write_json

FILE = "sides.json"
LEAST_ANCHOR = 0.1  # score of a box that tells where the axis lies
HOLD = 1.0  # C of the regression: a few dozen labelled animals make weights of about 2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairSides:
    """One pair of parts, and for each two of the unpaired parts (`axes`) what the sine is worth: `weights`, in log-odds of
    `left`."""

    left: str
    right: str
    axes: list[list[str]]
    weights: list[float]

    def log_odds(self, centre: Floats, anchors: dict[str, Floats]) -> float:
        """Of a box with its centre [2] there being `left`, by the centres of the unpaired parts; 0 where none is known."""
        return float(np.dot(self.weights, _sines(centre, anchors, self.axes)))


def learn(truth: Truth, images: Sequence[str], mirrored: dict[str, str]) -> list[PairSides]:
    """What the labelled photos `images` say of the sides of `mirrored`, {left: right}; a pair of which no animal shows a part and
    two unpaired ones beside it is left out."""
    from sklearn.linear_model import LogisticRegression

    paired = {*mirrored, *mirrored.values()}
    axes = [list(two) for two in combinations([part for part in truth.parts if part not in paired], 2)]
    rows: dict[str, list[list[float]]] = {left: [] for left in mirrored}
    for image in images:
        box, part = truth.of(image)
        item = animals.number(part, box, (np.nan, np.nan))
        for one in np.unique(item):
            centre = {truth.parts[part[i]]: box[i, :2] + box[i, 2:] / 2 for i in np.flatnonzero(item == one)}
            for left, right in mirrored.items():
                for name, sign in ((left, 1.0), (right, -1.0)):
                    if name in centre:
                        rows[left].append([sign * sine for sine in _sines(centre[name], centre, axes)])
    found = []
    for left, right in mirrored.items():
        sines = np.array(rows[left]).reshape(-1, len(axes))
        sines = sines[np.any(sines != 0, axis=1)]
        if len(sines):  # each with its mirror image, which shows the other side
            both, side = np.concatenate([sines, -sines]), np.repeat([1, 0], len(sines))
            fitted = LogisticRegression(C=HOLD, fit_intercept=False).fit(both, side)
            found.append(PairSides(left, right, axes, fitted.coef_[0].round(6).tolist()))  # the same on every machine
    return found


def tell(found: Detections, sides: Sequence[PairSides], overlap: float, least: float) -> Detections:
    """Give the boxes of each pair their sides.

    Boxes of the two parts that overlap by more than `overlap` are one, with the place of the surest; its score, the sum of the
    sides' best (at most 1), is shared between the sides by the odds of the two scores times those of where it lies. A side
    that is left with less than `least` (which counts as nothing) is dropped. Where the axis is unknown, boxes stay as they were.
    """
    if not sides:
        return found
    part, score, box = found.part, found.score, found.box
    gone = np.zeros(len(part), bool)
    more: list[tuple[int, int, float, Floats]] = []  # photo, part, score, box
    order = np.argsort(found.photo, kind="stable")
    starts = np.searchsorted(found.photo[order], np.arange(len(found.images) + 1))
    for photo in range(len(found.images)):
        mine = order[starts[photo] : starts[photo + 1]]
        for pair in sides:
            number = [found.parts.index(name) for name in (pair.left, pair.right)]
            both = mine[np.isin(part[mine], number)]
            if not len(both):
                continue
            anchors = _anchors(found, mine, {name for axis in pair.axes for name in axis})
            for group in _one_place(box[both], score[both], overlap):
                same = both[group]
                place = box[same[0]]  # the surest
                centre = place[:2] + place[2:] / 2
                odds = np.exp(pair.log_odds(centre, {name: _surest(centre, *boxes) for name, boxes in anchors.items()}))
                if odds == 1.0:  # the axis is unknown, or the box lies on it
                    continue
                gone[same] = True
                left, right = (float(score[same[part[same] == one]].max(initial=0.0)) for one in number)
                share = odds * (left + least) / (odds * (left + least) + right + least)
                total = min(left + right, 1.0)
                values = zip(number, (total * share, total * (1 - share)), strict=True)
                more += [(photo, one, value, place) for one, value in values if value >= least]
    keep = np.flatnonzero(~gone)
    photos, parts, scores, boxes = zip(*more, strict=True) if more else ((), (), (), np.zeros((0, 4)))
    return Detections(
        found.images,
        found.parts,
        np.concatenate([found.photo[keep], np.array(photos, np.int64)]),
        np.concatenate([part[keep], np.array(parts, np.int64)]),
        np.concatenate([score[keep], np.array(scores, np.float64)]),
        np.concatenate([box[keep], np.array(boxes, np.float64).reshape(-1, 4)]),
    )


def write(folder: Path, sides: Sequence[PairSides]) -> None:
    """Write sides.json beside a fit's weights; if there is nothing to say, none is left."""
    if sides:
        write_json(folder / FILE, [asdict(one) for one in sides])
    else:
        (folder / FILE).unlink(missing_ok=True)


def read(folder: Path) -> list[PairSides]:
    """Read sides.json of a fit's folder; empty if there is none."""
    try:
        return [PairSides(**one) for one in loads((folder / FILE).read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def _sines(centre: Floats, anchors: dict[str, Floats], axes: Sequence[Sequence[str]]) -> list[float]:
    """Of the angle at the middle between two parts, from the way to the second to the way to `centre`; 0 if one is unknown."""
    found = []
    for first, second in axes:
        sine = 0.0
        if first in anchors and second in anchors:
            axis, way = anchors[second] - anchors[first], centre - (anchors[first] + anchors[second]) / 2
            length = np.linalg.norm(axis) * np.linalg.norm(way)
            sine = float((axis[0] * way[1] - axis[1] * way[0]) / length) if length > 0 else 0.0
        found.append(sine)
    return found


def _anchors(found: Detections, mine: NDArray[np.int64], names: set[str]) -> dict[str, tuple[Floats, Floats]]:
    """Boxes [n, 4] and scores [n] of the unpaired parts in a photo that are sure enough."""
    anchors = {}
    for name in names:
        there = mine[(found.part[mine] == found.parts.index(name)) & (found.score[mine] >= LEAST_ANCHOR)]
        if len(there):
            anchors[name] = (found.box[there], found.score[there])
    return anchors


def _surest(centre: Floats, box: Floats, score: Floats) -> Floats:
    """Centre of the box that is surest, of equally sure ones the nearer: there may be two animals."""
    middle, reach = box[:, :2] + box[:, 2:] / 2, animals.REACH * np.sqrt(box[:, 2:].prod(1))
    return middle[np.argmax(score * reach / (reach + np.linalg.norm(middle - centre, axis=1)))]


def _one_place(box: Floats, score: Floats, overlap: float) -> list[NDArray[np.int64]]:
    """Rows of the boxes that are one, from the highest score down."""
    left, groups = np.argsort(-score, kind="stable"), []
    while len(left):
        same = iou(box[left[:1]], box[left])[0] > overlap
        same[0] = True
        groups.append(left[same])
        left = left[~same]
    return groups
