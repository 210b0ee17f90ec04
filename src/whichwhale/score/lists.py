"""Lists of five guesses (`Image,Id`), scored as tables of probabilities are: intervals, groups, pairs on the same photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.score.bootstrap import Interval, mean_interval, paired_bootstrap
from whichwhale.score.breakdown import COUNTS
from whichwhale.score.ranking import NEW_WHALE, map_at_5, ranked_lists
from whichwhale.score.submission import Submission
from whichwhale.score.top5 import GUESSES, TopFive
from whichwhale.text_table import text_table

NOWHERE = GUESSES  # the place of what is in no list


def lists_of(answers: Submission, new_whale: float | None = None) -> TopFive:
    """The lists that a table of probabilities comes to; `new_whale` as `ranked_lists`."""
    return TopFive(answers.image, ranked_lists(answers.p, answers.class_id, new_whale=new_whale))


@dataclass(frozen=True, eq=False)
class Places:
    """Photos in order of their names, the right answer of each, `new_whale` for a whale that is not known; its place in the list,
    0 for the first guess, 5 if it is in none; and its average precision: all [N]."""

    image: list[str]
    answer: list[str]
    place: NDArray[np.int64]
    precision: NDArray[np.float64]

    @classmethod
    def of(cls, table: TopFive, truth: Mapping[str, str], known: set[str] | None = None, partial: bool = False) -> Places:
        """Lists and truth brought together; whales not among `known` are `new_whale`.

        Raises ValueError if a photo of the truth is missing (unless `partial`), or all are.
        """
        guesses = dict(zip(table.image, table.guesses, strict=True))
        missing, scored = sorted(truth.keys() - guesses.keys()), sorted(truth.keys() & guesses.keys())
        if (missing and not partial) or not scored:
            raise ValueError(f"{len(missing)} photos of the truth are not in the submission: {', '.join(missing[:10])}")
        answer = [truth[image] if known is None or truth[image] in known else NEW_WHALE for image in scored]
        lists = [guesses[image][:GUESSES] for image in scored]
        place = [one.index(right) if right in one else NOWHERE for one, right in zip(lists, answer, strict=True)]
        precision = [map_at_5([one], [right]) for one, right in zip(lists, answer, strict=True)]
        return cls(scored, answer, np.array(place, np.int64), np.array(precision))

    def top(self, k: int) -> float:
        """Share of photos whose right answer is among the first `k` guesses."""
        return float((self.place < k).mean())


def numbers(places: Places, truth: Mapping[str, str], train: Mapping[str, str] | None, seed: int) -> dict[str, Any]:
    """All figures of one file, plain; with `train` also by how many training photos the whale has."""
    interval = mean_interval(places.precision, seed=seed)
    found: dict[str, Any] = {"photos": len(places.image), "map_at_5": interval.mean, "map_at_5_interval": vars(interval)}
    found |= {f"top_{k}": places.top(k) for k in (1, 3, 5)}
    counts = Counter((train or {}).values())
    count = np.array([counts.get(truth[image], 0) for image in places.image], np.int64)
    groups = []
    for low, high in COUNTS if train else ():
        inside = (count >= low) & (count <= (np.inf if high is None else high))
        if inside.any():
            own = {"map_at_5": float(places.precision[inside].mean())}
            own |= {f"top_{k}": float((places.place[inside] < k).mean()) for k in (1, 5)}
            groups.append({"low": low, "high": high, "photos": int(inside.sum())} | own)
    return found | {"by_training_photos": groups}


def text(found: Mapping[str, Any], who: str = "") -> str:
    """The figures for people; `who`: whom the lists call new_whale."""
    interval = Interval(**found["map_at_5_interval"])
    lines = [f"photos scored    {found['photos']}{who}", f"MAP@5            {interval}"]
    lines += [f"top-{k}            {found[f'top_{k}']:.1%}" for k in (1, 3, 5)]
    body = []
    for one in found["by_training_photos"]:
        end = "+" if one["high"] is None else "" if one["low"] == one["high"] else f"-{one['high']}"
        row = [f"{one['low']}{end}", str(one["photos"]), f"{one['map_at_5']:.4f}", f"{one['top_1']:.1%}", f"{one['top_5']:.1%}"]
        body.append(row)
    table = ["", text_table(["training photos", "photos", "MAP@5", "top-1", "top-5"], body, left=(0,))] if body else []
    return "\n".join(lines + table)


def compare(ours: Places, theirs: Places, seed: int) -> dict[str, Any]:
    """Ours minus theirs over the photos that both answer, paired bootstrap, plain numbers. Raises ValueError if there is none."""
    shared = sorted(set(ours.image) & set(theirs.image))
    if not shared:
        raise ValueError("no photo of the truth is answered by both")
    at = [[side.image.index(image) for image in shared] for side in (ours, theirs)]

    def difference(values: Sequence[NDArray]) -> dict[str, float]:
        return vars(paired_bootstrap(*(one[rows].astype(float) for one, rows in zip(values, at, strict=True)), seed=seed))

    precision = difference([ours.precision, theirs.precision])
    verdict = "better" if precision["low"] > 0 else "worse" if precision["high"] < 0 else "can't be told apart"
    return {
        "photos": len(shared),
        "verdict": verdict,
        "map_at_5": precision,
        "top_1": difference([ours.place < 1, theirs.place < 1]),
    }


def comparison(ours: str, theirs: str, found: Mapping[str, Any]) -> str:
    """One pair for people."""
    lines = [f"{ours} minus {theirs}, paired over {found['photos']} photos: {found['verdict']} by MAP@5"]
    for name, key in (("MAP@5", "map_at_5"), ("top-1", "top_1")):
        one = found[key]
        lines.append(
            f"{name}            {one['mean']:+.4f} ({one['level']:.0%} interval {one['low']:+.4f} to {one['high']:+.4f})"
        )
    return "\n".join(lines)
