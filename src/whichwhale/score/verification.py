"""Do two photos show one animal? Judged on all pairs of photos of animals that the model was never trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from whichwhale.score import roc
from whichwhale.score.bootstrap import Interval

FALSE_ACCEPTS = (0.01, 0.001)
SHRINK = 1e-6  # of the squared slope: keeps it finite where the two kinds of pairs don't overlap


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of photos [P]: `cosine`; whether they show the `same` animal; the animals `first` and `second`, numbers below
    `animals`."""

    cosine: NDArray[np.float64]
    same: NDArray[np.bool_]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    animals: int

    def only(self, kept: NDArray[np.bool_]) -> Pairs:
        """Some of the pairs."""
        return Pairs(self.cosine[kept], self.same[kept], self.first[kept], self.second[kept], self.animals)


def pairs_of(embedding: ArrayLike, animal: ArrayLike, meeting: ArrayLike | None = None) -> Pairs:
    """All pairs of photos; memory grows with the square of their number (5,000 photos: half a gigabyte).

    Args:
        embedding: [N, D], unit length; animal: [N] names or numbers.
        meeting: [N] numbers of the encounters. Two photos of one animal in one encounter are nearly one picture, and no pair.

    Raises:
        ValueError: wrong shapes.
    """
    vectors, names = np.asarray(embedding, np.float64), np.asarray(animal)
    if vectors.ndim != 2 or names.shape != vectors.shape[:1]:
        raise ValueError(f"embedding must be [N, D] and animal [N], not of shape {vectors.shape} and {names.shape}")
    known, code = np.unique(names, return_inverse=True)
    one, other = np.triu_indices(len(code), 1)
    first, second = code[one], code[other]
    if meeting is not None:
        of = np.asarray(meeting)
        if of.shape != names.shape:
            raise ValueError(f"meeting must be [{len(names)}], not of shape {of.shape}")
        apart = (first != second) | (of[one] != of[other])
        one, other, first, second = one[apart], other[apart], first[apart], second[apart]
    return Pairs((vectors @ vectors.T)[one, other], first == second, first, second, len(known))


@dataclass(frozen=True)
class Verification:
    """How well the cosine tells pairs of one animal (`same` of them) from pairs of two (`different`), `animals` in all.

    auc; eer, the equal error rate; accepts: for a rate of false accepts, the largest share of true accepts at it; a rate that is
    less than one pair of two has none. Intervals are over animals.
    """

    same: int
    different: int
    animals: int
    auc: Interval
    eer: Interval
    accepts: dict[float, Interval]


def verification(
    pairs: Pairs, *, seed: int, draws: int = 1000, level: float = 0.95, rates: Sequence[float] = FALSE_ACCEPTS
) -> Verification:
    """Rates over all pairs, and their bootstrap intervals over animals.

    Pairs are not independent: an animal's photos take part in many. So animals are drawn with replacement; a pair of one animal
    counts as often as it was drawn, a pair of two as often as the product says. Pairs of two copies of one animal are left out.
    Source: Bolle, Ratha & Pankanti, Error analysis of pattern recognition systems: the subsets bootstrap (Computer Vision and
    Image Understanding 93, 2004), with the product weights of Owen, The pigeonhole bootstrap (Annals of Applied Statistics 1,
    2007).

    Raises:
        ValueError: no pair of one animal, or none of two.
    """
    ranked = roc.Roc(pairs.cosine, pairs.same)
    rates = [rate for rate in rates if rate * (~pairs.same).sum() >= 1]

    def figures(weight: NDArray[np.float64] | None) -> list[float]:
        false, true = ranked.curve(weight)
        accepted = [roc.true_at_false(false, true, rate) for rate in rates]
        return [roc.area(false, true), roc.equal_error_rate(false, true), *accepted]

    drawn = []
    for times in roc.animals_drawn(pairs.animals, draws, seed):
        own = times[pairs.first]
        drawn.append(figures(np.where(pairs.same, own, own * times[pairs.second])))
    several = len(np.unique(pairs.first[pairs.same]))  # animals that a pair can be accepted of
    found = [roc.interval(one, column, level, several) for one, column in zip(figures(None), np.array(drawn).T, strict=True)]
    same = int(pairs.same.sum())
    return Verification(same, len(pairs.same) - same, pairs.animals, found[0], found[1], dict(zip(rates, found[2:], strict=True)))


@dataclass(frozen=True)
class PairCalibration:
    """Plain numbers: ln p(cosine | one animal) / p(cosine | two) = slope * cosine + offset."""

    slope: float
    offset: float

    def probability(self, cosine: ArrayLike, prior: float) -> NDArray[np.float64]:
        """Probability that the photos show one animal, if that holds for the share `prior` of the pairs one asks about."""
        return expit(self.slope * np.asarray(cosine, np.float64) + self.offset + logit(prior))


def weights(same: NDArray[np.bool_], prior: float) -> NDArray[np.float64]:
    """A weight a pair, summing to 1, with which pairs of one animal make up the share `prior`."""
    return np.where(same, prior / same.sum(), (1 - prior) / (~same).sum())


def calibrate(cosine: ArrayLike, same: ArrayLike, prior: float) -> PairCalibration:
    """Logistic regression on the cosine, pairs weighted so that the share `prior` shows one animal.

    Source: Brümmer & du Preez, Application-independent evaluation of speaker detection (Computer Speech and Language 20, 2006),
    section 7: the prior is put in as an offset, so that what is fitted is a likelihood ratio.

    Args:
        cosine: [P]; same: bool [P]; prior: above 0 and below 1.

    Raises:
        ValueError: pairs of one kind alone, a prior outside (0, 1).
    """
    values, right = np.asarray(cosine, np.float64), np.asarray(same, bool)
    if not 0 < prior < 1:
        raise ValueError(f"prior={prior:g}: the share of pairs that show one animal lies between 0 and 1, exclusive")
    if right.all() or not right.any():
        raise ValueError(f"of {len(right)} pairs {int(right.sum())} show one animal: it takes pairs of both kinds")
    weight, sign, start = weights(right, prior), np.where(right, 1.0, -1.0), logit(prior)

    def loss(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (numbers[0] * values + numbers[1] + start)
        pull = -weight * sign * expit(-margin)
        value = float(weight @ np.logaddexp(0, -margin)) + SHRINK * numbers[0] ** 2
        return value, np.array([pull @ values + 2 * SHRINK * numbers[0], pull.sum()])

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-10})
    return PairCalibration(float(found.x[0]), float(found.x[1]))


@dataclass(frozen=True)
class Judged:
    """What calibrated probabilities are worth on animals that they were not fitted on, pairs weighted to the prior.

    log_loss: nats a pair; uninformed: the log loss of always saying the prior; bins: (claimed, true, pairs) by rising claim;
    error: root mean square of claimed - true over the bins, less what chance makes of it (as calibration.debiased_square); pairs
    are taken for independent there.
    """

    log_loss: float
    uninformed: float
    error: float
    bins: list[tuple[float, float, int]]


def judge(pairs: Pairs, prior: float, *, seed: int, bins: int = 10) -> Judged:
    """Cross-fitted: animals are dealt to two halves, and the pairs within one are judged by the fit on those within the other.

    Raises:
        ValueError: too few animals: a half without pairs of one kind.
    """
    half = np.random.default_rng([seed, 1]).permutation(pairs.animals) % 2
    p, kept = np.full(len(pairs.same), np.nan), half[pairs.first] == half[pairs.second]
    for side in (0, 1):
        learn, asked = (kept & (half[pairs.first] == one) for one in (1 - side, side))
        p[asked] = calibrate(pairs.cosine[learn], pairs.same[learn], prior).probability(pairs.cosine[asked], prior)
    p, same = p[kept], pairs.same[kept]
    weight = weights(same, prior)
    margin = np.where(same, 1, -1) * logit(np.clip(p, 1e-15, 1 - 1e-15))
    order = np.argsort(p, kind="stable")
    # bins of equal weight, so that the few pairs of one animal fill as many as their share says
    place = np.minimum((np.cumsum(weight[order]) - weight[order] / 2) * bins, bins - 1).astype(np.int64)
    total, claimed, true = (np.bincount(place, values[order], bins) for values in (weight, weight * p, weight * same))
    some = total > 0
    count = np.bincount(place, minlength=bins)[some]
    claimed, true, total = claimed[some] / total[some], true[some] / total[some], total[some]
    # the variance of a bin's share: its pairs of either kind are Poisson numbers, each kind of one weight
    one, two = prior / same.sum(), (1 - prior) / (~same).sum()
    noise = true * (1 - true) * (one * (1 - true) + two * true) / total
    return Judged(
        float(weight @ np.logaddexp(0, -margin)),
        float(-prior * np.log(prior) - (1 - prior) * np.log(1 - prior)),
        float(np.sqrt(max(0.0, total @ ((claimed - true) ** 2 - noise)))),
        list(zip(claimed.tolist(), true.tolist(), count.tolist(), strict=True)),
    )
