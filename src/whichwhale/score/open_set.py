"""Strangers among known animals: one table of novelty scores, and bands in which a photo is named, looked at, or called new.

Whatever is fitted (the combination, thresholds, the k of scores that have one) is fitted on other animals' photos than those it
is used on: animals are dealt to PARTS parts. Strangers are weighted to a stated rate, except in AUROC and FPR, which no rate
changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whichwhale.score import roc
from whichwhale.score.bootstrap import Interval
from whichwhale.score.limits import CONFIDENCE, limit
from whichwhale.score.strangers import COLUMNS, NAMES, Asked

COMBINED = "combination"
PARTS = 5
BANDS = ("auto", "review", "new")


@dataclass(frozen=True)
class Row:
    """One novelty score. Intervals are over the animals asked, whose galleries stay as they are.

    auroc: chance that a stranger's photo looks newer than a known animal's; fpr95: share of strangers' photos taken for known
    ones where 95 % of known animals' are; f1: open-set F-measure; map5: MAP@5.
    """

    name: str
    auroc: Interval
    fpr95: Interval
    f1: Interval
    map5: Interval


@dataclass(frozen=True)
class Band:
    """`share` of the photos that come into it, and how many of these are wrong: an animal's name that is not its name (auto), a
    known animal (new); NaN for review, where somebody looks."""

    name: str
    share: Interval
    wrong: Interval


@dataclass(frozen=True, eq=False)
class Judgement:
    """What `judge` found: a row a score, and the combination's bands. `k`: of each score that has one, that of each part."""

    known: int  # photos asked whose animal is known
    strangers: int  # and whose is not
    animals: int
    rate: float  # share of strangers that the photos are weighted to
    rows: list[Row]
    bands: list[Band]
    k: dict[str, tuple[int, ...]]


def parts_of(asked: Asked, seed: int) -> NDArray[np.int64]:
    """Each query's part [Q], 0 … PARTS - 1; whole animals, dealt by the seed."""
    animals, code = np.unique(asked.animal, return_inverse=True)
    return (np.random.default_rng([seed, 4]).permutation(len(animals)) % PARTS)[code]


def weights(stranger: NDArray[np.bool_], rate: float) -> NDArray[np.float64]:
    """A weight a photo, summing to 1, with which strangers make up the share `rate`."""
    return np.where(stranger, rate / max(stranger.sum(), 1), (1 - rate) / max((~stranger).sum(), 1))


def columns(asked: Asked, learn: NDArray[np.bool_]) -> list[int]:
    """Of each of NAMES the column whose k tells strangers best (AUROC) among the photos `learn`; of equally good ones the first.

    Raises:
        ValueError: one kind of photos is missing among them.
    """
    if asked.stranger[learn].all() or not asked.stranger[learn].any():
        raise ValueError("too few animals: both strangers and known ones must be left when some are set aside")
    worth = [roc.area(*roc.Roc(score, asked.stranger[learn]).curve()) for score in asked.score[learn].T]
    best: dict[str, int] = {}
    for column, (name, _) in enumerate(COLUMNS):
        if name not in best or worth[column] > worth[best[name]]:
            best[name] = column
    return [best[name] for name in NAMES]


def cross_fitted(
    asked: Asked, part: NDArray[np.int64], rate: float
) -> tuple[dict[str, NDArray[np.float64]], dict[str, tuple[int, ...]]]:
    """Scores [Q] by name, the combination last, and the k's of the parts.

    The combination is the logit of being a stranger: logistic regression on standardised scores. Where parts have another k their
    scores are standardised too, each by the other parts' photos, since distances grow with k.

    Raises:
        ValueError: a part without which one kind of photos is missing.
    """
    from sklearn.linear_model import LogisticRegression

    found, combined, chosen = np.empty((len(asked), len(NAMES))), np.empty(len(asked)), {}
    for one in np.unique(part):
        learn, use = part != one, part == one
        chosen[one] = columns(asked, learn)
        score = asked.score[:, chosen[one]]
        score = (score - score[learn].mean(axis=0)) / (score[learn].std(axis=0) + 1e-12)
        found[use] = score[use]
        weight = weights(asked.stranger[learn], rate) * learn.sum()
        model = LogisticRegression(C=1.0, max_iter=1000)
        model.fit(score[learn], asked.stranger[learn], sample_weight=weight)
        combined[use] = model.decision_function(score[use])
    table, k = {}, {}
    for place, name in enumerate(NAMES):
        of = [columns_of[place] for columns_of in chosen.values()]
        table[name] = asked.score[:, of[0]] if len(set(of)) == 1 else found[:, place]
        if COLUMNS[of[0]][1] is not None:
            k[name] = tuple(COLUMNS[column][1] or 0 for column in of)
    return table | {COMBINED: combined}, k


def best_f1(score: NDArray[np.float64], rank: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """The largest score that is still named, of highest open-set F1; of equally good ones the lowest."""
    order, ends = _ordered(score)
    named = np.cumsum(weight[order])[ends]
    right = np.cumsum(np.where(rank[order] == 0, weight[order], 0))[ends]
    return float(score[order][ends][int(np.argmax(2 * right / (named + weight[rank >= 0].sum())))])


def best_map5(score: NDArray[np.float64], rank: NDArray[np.int64], weight: NDArray[np.float64]) -> float:
    """The largest score at which `new_whale` still comes second and not first, of highest MAP@5; -inf: always first."""
    order, ends = _ordered(score)
    gain = (_precision(rank, np.zeros(len(rank), bool)) - _precision(rank, np.ones(len(rank), bool))) * weight
    totals = np.concatenate([[0.0], np.cumsum(gain[order])[ends]])
    return float(np.concatenate([[-np.inf], score[order][ends]])[int(np.argmax(totals > totals.max() - 1e-12))])


def band_limits(
    score: NDArray[np.float64],
    rank: NDArray[np.int64],
    weight: NDArray[np.float64],
    animal: NDArray[np.int64],
    auto: float,
    new: float,
) -> tuple[float, float]:
    """Limits (a, n): a photo is named without anybody looking if its score is at most a, called new if it is at least n.

    Each by `limit`, so that it can be trusted (limits.py says how far) that at most the share `auto` of those named has a wrong
    name (strangers have), and at most the share `new` of those called new is a known animal; -inf and inf if there is none. n is
    above a.
    """
    named = limit(-score, rank != 0, weight, animal, auto)
    low = -np.inf if named is None else -named
    above = score > low
    called = limit(score[above], rank[above] >= 0, weight[above], animal[above], new, weight.max())
    return low, np.inf if called is None else called


def judge(
    asked: Asked, *, rate: float = 0.3, auto: float = 0.05, new: float = 0.05, seed: int = 0, draws: int = 1000
) -> Judgement:
    """The table, and the bands of the combination.

    Open-set F1: precision is the share of right names among those given, recall among the known animals' photos (micro; Mendes
    Júnior et al., Nearest neighbors distance ratio open-set classifier, Machine Learning 106, 2017). MAP@5: `new_whale` comes
    first where the score is above the threshold, else second. Both thresholds are those that are best on the other parts' photos,
    and so are the bands' limits.

    Args:
        rate: share of strangers; auto, new: error rates of the bands.

    Raises:
        ValueError: no strangers or nobody else, a rate outside (0, 1).
    """
    for name, value in (("rate", rate), ("auto", auto), ("new", new)):
        if not 0 < value < 1:
            raise ValueError(f"{name}={value:g}: a share between 0 and 1, exclusive")
    stranger = asked.stranger
    if stranger.all() or not stranger.any():
        raise ValueError(f"of {len(asked)} photos {int(stranger.sum())} show strangers: it takes both kinds")
    animals, code = np.unique(asked.animal, return_inverse=True)
    part, weight = parts_of(asked, seed), weights(stranger, rate)
    times = roc.animals_drawn(len(animals), draws, seed)
    table, k = cross_fitted(asked, part, rate)
    rows = [_row(name, score, asked.rank, part, weight, code, times) for name, score in table.items()]
    bands = _bands(table[COMBINED], asked.rank, part, weight, code, times, (auto, new))
    return Judgement(int((~stranger).sum()), int(stranger.sum()), len(animals), rate, rows, bands, k)


def _row(
    name: str,
    score: NDArray[np.float64],
    rank: NDArray[np.int64],
    part: NDArray[np.int64],
    weight: NDArray[np.float64],
    code: NDArray[np.int64],
    times: NDArray[np.int64],
) -> Row:
    stranger = rank < 0
    # both kinds of thresholds, each from the other parts
    named, second = np.zeros(len(rank), bool), np.zeros(len(rank), bool)
    for one in np.unique(part):
        learn, use = part != one, part == one
        of = score[learn], rank[learn], weight[learn]
        named[use] = score[use] <= best_f1(*of)
        second[use] = score[use] <= best_map5(*of)
    precision = _precision(rank, ~second)
    newer, knowner = roc.Roc(score, stranger), roc.Roc(-score, ~stranger)

    def curves(some: NDArray[np.float64] | None) -> tuple[float, float]:
        return roc.area(*newer.curve(some)), roc.false_at_true(*knowner.curve(some), 0.95)

    def shares(times_of: NDArray[np.float64]) -> tuple[float, float]:
        w = _at_rate(weight, times_of, stranger)
        right = w[named & (rank == 0)].sum()
        return 2 * right / (w[named].sum() + w[~stranger].sum()), float(w @ precision)

    drawn = np.array([(*curves(some), *shares(some)) for some in (one[code].astype(np.float64) for one in times)])
    estimates = (*curves(None), *shares(np.ones(len(rank))))
    animals = len(np.unique(code))
    told = zip(estimates, drawn.T, strict=True)
    return Row(name, *(roc.interval(estimate, column, animals=animals) for estimate, column in told))


def _bands(
    score: NDArray[np.float64],
    rank: NDArray[np.int64],
    part: NDArray[np.int64],
    weight: NDArray[np.float64],
    code: NDArray[np.int64],
    times: NDArray[np.int64],
    errors: tuple[float, float],
) -> list[Band]:
    band = np.full(len(rank), BANDS.index("review"))
    for one in np.unique(part):
        learn, use = part != one, part == one
        low, high = band_limits(score[learn], rank[learn], weight[learn], code[learn], *errors)
        band[use & (score <= low)] = BANDS.index("auto")
        band[use & (score >= high)] = BANDS.index("new")
    stranger = rank < 0
    wrong = {"auto": rank != 0, "new": ~stranger}
    found = []
    for number, name in enumerate(BANDS):
        inside = band == number

        def figures(times_of: NDArray[np.float64], inside: NDArray = inside, name: str = name) -> tuple[float, float]:
            w = _at_rate(weight, times_of, stranger)
            share = w[inside].sum()
            return share, w[inside & wrong[name]].sum() / share if name in wrong and share > 0 else np.nan

        drawn = np.array([figures(one[code].astype(np.float64)) for one in times])
        estimates = figures(np.ones(len(rank)))
        counts = (len(times[0]), len(np.unique(code[inside])))  # of all, and of those of whom the wrong ones are a share
        told = zip(estimates, drawn.T, counts, strict=True)
        found.append(Band(name, *(roc.interval(one, column, animals=count) for one, column, count in told)))
    return found


def _at_rate(weight: NDArray[np.float64], times: NDArray[np.float64], stranger: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of a bootstrap sample that keep the rate of strangers; NaN without one of the kinds."""
    drawn = weight * times
    found = np.empty(len(weight))
    for kind in (stranger, ~stranger):
        total = drawn[kind].sum()
        found[kind] = drawn[kind] * (weight[kind].sum() / total) if total > 0 else np.nan
    return found


def _precision(rank: NDArray[np.int64], new_first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average precision at 5 of each photo [Q], with `new_whale` first or second among the guesses."""
    later = np.where(rank + 1 < 5, 1 / (rank + 2.0 + (rank < 0)), 0.0)  # one place down for new_whale
    known = np.where(new_first | (rank > 0), later, 1.0)
    return np.where(rank < 0, np.where(new_first, 1.0, 0.5), known)


def _ordered(score: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows by rising score, and the last place of each distinct score."""
    order = np.argsort(score, kind="stable")
    return order, np.flatnonzero(np.append(np.diff(score[order]) > 0, True))


def text(found: Judgement, errors: Sequence[float]) -> str:
    """The table and the bands for people."""
    head = f"{'score':<13}" + "".join(f"{name:>25}" for name in ("AUROC", "FPR at 95 % TPR", "open-set F1", "MAP@5"))
    lines = [
        f"{found.known} photos of known animals and {found.strangers} of strangers asked, {found.animals} animals; "
        f"strangers weighted to {found.rate:.0%}; 95 % intervals over animals, the galleries as they are",
        head,
    ]
    lines += [f"{row.name:<13}" + "".join(_cell(one) for one in (row.auroc, row.fpr95, row.f1, row.map5)) for row in found.rows]
    for name, of in found.k.items():
        lines.append(f"k of {name}, chosen on other animals: {', '.join(map(str, sorted(set(of))))}")
    asked = f"asked for {errors[0]:.0%} wrong in auto and {errors[1]:.0%} in new"
    lines.append(f"bands of the {COMBINED}, {asked} (an upper bound of it, {CONFIDENCE:.0%}, one-sided):")
    for band in found.bands:
        wrong = "" if band.name == "review" else f"   wrong {_cell(band.wrong).strip()}"
        lines.append(f"  {band.name:<7} {_cell(band.share).strip():>24} of the photos{wrong}")
    return "\n".join(lines)


def _cell(one: Interval) -> str:
    shown = "none" if np.isnan(one.mean) else f"{one.mean:.1%} ({one.low:.1%} to {one.high:.1%})"
    return f"{shown:>25}"
