"""Which way to blend, chosen by nested cross-validation over photos.

Photos are dealt into five parts by a hash of their names and a seed, so their order is nothing; bursts of one whale may lie in
two parts, as they lie in training and test photos (docs/decisions.md). A recipe is fitted without part k for the photos of k:
that is its score. To score the *choice* as well it must be made without part k, by scores that come from fits without parts k
and j on the photos of j. Such a fit serves twice, for (k, j) and (j, k), so five parts take 10 + 5 fits of a recipe, and two
more partitions, which say how much the deal alone moves a gain, 5 each. The choice without part k goes by the same two rules as
the one that counts: its gains are of fits without k, and how much the deal moves them is taken from the partitions of all photos,
on those outside k. That spread alone comes from fits that saw photos of k. It is a spread over deals of the same predictions, not
over models that are fitted anew.

The ladder is climbed from its simplest step: a recipe takes the place of the best so far if the paired bootstrap of its gain in
log loss leaves no doubt (95 %), and if the gain is more than twice its standard deviation over the partitions. Otherwise it is
left out, and the table says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.evidence import Evidence
from whichwhale.blend.listing import candidates
from whichwhale.blend.memo import Memo
from whichwhale.blend.parts import PARTS, partition
from whichwhale.blend.recipes import LADDER, fit
from whichwhale.score import Interval, log_loss_rows, paired_bootstrap

PARTITIONS = 3
DRAWS, BOOTSTRAP_SEED = 2000, 0
SPREADS = 2.0  # standard deviations over partitions that a gain must exceed
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One recipe's turn: its log loss (mean over partitions), the one that it had to beat (None for the first), gain over that,
    the gain in each partition, and whether it took its place."""

    name: str
    log_loss: float
    against: str | None
    gain: Interval | None
    by_partition: list[float]
    kept: bool

    @property
    def spread(self) -> float:
        """Standard deviation of the gain over partitions; 0 with one."""
        return float(np.std(self.by_partition, ddof=1)) if len(self.by_partition) > 1 else 0.0


@dataclass(frozen=True, eq=False)
class Nested:
    """Scores of R recipes on N photos, S partitions, K parts.

    names         [R]
    part          [N], of the first partition
    loss          [R, S, N] of fits without the photo's part
    p             [R] of [N, C] float32: their answers in the first partition
    inner         [R, K, N]: loss of a photo by the fit without its own part and part k; NaN for the photos of k, and
                  throughout if nothing was to be chosen
    """

    names: list[str]
    part: NDArray[np.int64]
    loss: Floats
    p: list[NDArray[np.float32]]
    inner: Floats

    def of(self, names: Sequence[str]) -> Nested:
        """Some of the recipes, in this order."""
        at = [self.names.index(name) for name in names]
        return Nested(list(names), self.part, self.loss[at], [self.p[r] for r in at], self.inner[at])

    def choose(self) -> tuple[str, list[Trial]]:
        """The recipe that all photos speak for, and every turn on the way."""
        return climb(self.names, self.loss)

    def choices(self) -> list[str]:
        """What would have been chosen without each part's photos [K]."""
        if len(self.names) == 1:
            return self.names * self.inner.shape[1]
        found = []
        for k in range(self.inner.shape[1]):
            others = self.part != k
            name, _ = climb(self.names, self.inner[:, k, others][:, None], self.loss[:, :, others])
            found.append(name)
        return found

    def honest(self) -> NDArray[np.float32]:
        """p [N, C] of every photo by a recipe that was chosen and fitted without its part."""
        p = np.empty_like(self.p[0])
        for k, name in enumerate(self.choices()):
            here = self.part == k
            p[here] = self.p[self.names.index(name)][here]
        return p


def nested(
    evidence: Evidence,
    truth: NDArray[np.int64],
    images: Sequence[str],
    names: Sequence[str] = LADDER,
    *,
    l2: float = 1e-3,
    floor: float = 1e-6,
    usable: NDArray[np.bool_] | None = None,
    parts: int = PARTS,
    partitions: int = PARTITIONS,
    choosing: bool = True,
) -> Nested:
    """Fit and score recipes on photos [N].

    Args:
        evidence, truth, images: of the photos, in any order; classes in any order.
        usable: photos that recipes are fitted on [N], such as those with a row of every member; all are answered.
        partitions: 1 or more, of seeds 0, 1, ...
        choosing: whether to fit without two parts as well, which is what a choice is scored by.

    Raises:
        ValueError: an unknown recipe, or fewer usable photos than parts.
    """
    good = np.ones(len(truth), bool) if usable is None else np.asarray(usable, bool)
    if good.sum() < parts:
        few = f"{int(good.sum())} photos with a row of every member"
        raise ValueError(f"{few} are too few to choose a blend on; take choose=log_linear")
    # One order of photos and whales, whatever the caller's: sums of floats and ties among splits then never depend on it.
    by_name = np.array(sorted(range(len(images)), key=images.__getitem__))
    whales = sorted(evidence.class_id)
    column = np.array([whales.index(whale) for whale in evidence.class_id])
    table = evidence.rows(by_name).of_whales(whales).as_type(np.float32)
    table = replace(table, listed=candidates(table))  # of all photos at once: no label is in them
    labels, photos = column[truth[by_name]], [images[i] for i in by_name]
    found = _nested(table, labels, photos, good[by_name], list(names), l2, floor, parts, partitions, choosing)
    back = np.argsort(by_name)
    p = [one[back][:, column] for one in found.p]
    return Nested(found.names, found.part[back], found.loss[:, :, back], p, found.inner[:, :, back])


def _nested(
    table: Evidence,
    truth: NDArray[np.int64],
    images: list[str],
    good: NDArray[np.bool_],
    names: list[str],
    l2: float,
    floor: float,
    parts: int,
    partitions: int,
    choosing: bool,
) -> Nested:
    count, photos = len(names), len(images)
    loss, inner = np.empty((count, partitions, photos)), np.full((count, parts, photos), np.nan)
    p = [np.empty(table.z.shape[1:], np.float32) for _ in names]
    memo = Memo()

    def answers(without: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
        """The photos `without`, and what each recipe, fitted on the others, says of them."""
        nonlocal memo
        memo, at = memo.for_other_rows(), np.flatnonzero(without)
        learned, asked = np.flatnonzero(~without & good), table.rows(at)
        fits = (fit(name, mine, truth[learned], l2, floor, memo=memo) for mine in [table.rows(learned)] for name in names)
        return at, [one.probabilities(asked) for one in fits]

    first = partition(images, 0, parts)
    for s in range(partitions):
        part = first if s == 0 else partition(images, s, parts)
        for k in range(parts):
            at, said = answers(part == k)
            for r, one in enumerate(said):
                loss[r, s, at] = log_loss_rows(one, truth[at])
                if s == 0:
                    p[r][at] = one
    for k, j in combinations(range(parts), 2) if choosing and count > 1 else ():
        at, said = answers((first == k) | (first == j))
        for r, one in enumerate(said):
            rows = log_loss_rows(one, truth[at])
            inner[r, k, at[first[at] == j]] = rows[first[at] == j]
            inner[r, j, at[first[at] == k]] = rows[first[at] == k]
    return Nested(names, first, loss, p, inner)


def climb(names: Sequence[str], loss: Floats, dealt: Floats | None = None) -> tuple[str, list[Trial]]:
    """The ladder's outcome and its trials; loss [R, S, N] of the recipes, in the order in which they have their turn. `dealt`
    [R, S', N]: losses whose spread over partitions a gain must exceed, if those of `loss` are of too few."""
    dealt = loss if dealt is None else dealt
    best, trials = 0, [Trial(names[0], float(loss[0].mean()), None, None, [], True)]
    for r in range(1, len(names)):
        gain = paired_bootstrap(loss[best].mean(axis=0), loss[r].mean(axis=0), seed=BOOTSTRAP_SEED, draws=DRAWS)
        by_partition = (dealt[best] - dealt[r]).mean(axis=1).tolist()
        trial = Trial(names[r], float(loss[r].mean()), names[best], gain, by_partition, False)
        pays = gain.low > 0 and gain.mean > SPREADS * trial.spread
        trials.append(replace(trial, kept=pays))
        best = r if pays else best
    return names[best], trials
