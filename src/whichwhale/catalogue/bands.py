"""Which answers need nobody's eyes: bands of a catalogue's answers, for the rates of error that somebody allows.

auto    an animal is the first guess, and so probable that it is named without anybody looking: at most the share AUTO of these
        names is wrong (strangers' are), as far as so many trials can tell (score/limits.py)
new     nobody is the first guess, and so probable that the photo is called a new animal's: at most the share NEW of these shows
        a known animal, as far as so many can tell
review  somebody looks

Limits are fitted with the calibration, on single photos asked of the whole catalogue, with probabilities of fits that did not see
the animal. The share of strangers decides what error comes with a limit, so there is a pair of limits for each of RATES. Between
two of them the stricter limits hold.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whichwhale.catalogue.calibration import NEW, REST
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.manifest import BandLimits, Bands
from whichwhale.catalogue.reliability import Judge
from whichwhale.catalogue.trials import Trials, halves
from whichwhale.score.limits import CONFIDENCE, limit
from whichwhale.score.open_set import weights

RATES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
ERRORS = (0.05, 0.05)  # of auto, of new
AUTO, REVIEW, NEW_BAND = "auto", "review", "new"


def check(errors: Sequence[float]) -> tuple[float, float]:
    """Raises CatalogueError if one of the two rates of error, of auto and of new, is no share."""
    for name, error in zip((AUTO, NEW_BAND), errors, strict=True):
        if not 0 < error < 1:
            raise CatalogueError(f"--errors: {error:g} of the band {name} is no share between 0 and 1, exclusive, such as 0.05")
    return float(errors[0]), float(errors[1])


def band(top: float, nobody: float, limits: tuple[float | None, float | None]) -> str:
    """The band of an answer that gives its first animal the probability `top`, and `nobody` to nobody."""
    auto, new = limits
    if top >= nobody:
        return AUTO if auto is not None and top >= auto else REVIEW
    return NEW_BAND if new is not None and nobody >= new else REVIEW


def at(bands: Bands, new_rate: float) -> tuple[float | None, float | None]:
    """The limits (auto, new) at a rate of strangers: the stricter ones of the two rates about it that limits were fitted for.
    None of auto above the highest of these rates, and of new below the lowest: what error comes with a limit there is not known,
    but that it is larger."""
    above = int(np.searchsorted([one.new_rate for one in bands.limits], new_rate))
    last = len(bands.limits) - 1
    if above <= last and bands.limits[above].new_rate == new_rate:
        about = [bands.limits[above]]
    else:
        about = [bands.limits[max(above - 1, 0)], bands.limits[min(above, last)]]
    auto, new = _stricter([one.auto for one in about]), _stricter([one.new for one in about])
    return None if above > last else auto, None if new_rate < bands.limits[0].new_rate else new


def _stricter(limits: Sequence[float | None]) -> float | None:
    given = [one for one in limits if one is not None]
    return max(given) if len(given) == len(limits) else None


def fit(trials: Trials, judge: Judge, errors: tuple[float, float]) -> Bands:
    """Limits for each of RATES, and what came into the bands, and how wrong it was, on animals that limits were not chosen on."""
    kept = trials.share == trials.share.max()
    if (alone := kept & (trials.asked.own == 1)).any():
        kept = alone
    part = halves(trials.name, "bands")  # not those that the probabilities were fitted by
    return Bands(errors=list(errors), limits=[_at_rate(trials, judge(rate), kept, part, rate, errors) for rate in RATES])


def _at_rate(
    trials: Trials,
    p: NDArray[np.float64],
    kept: NDArray[np.bool_],
    part: NDArray[np.int64],
    rate: float,
    errors: tuple[float, float],
) -> BandLimits:
    rows = np.flatnonzero(kept & ~np.isnan(p[:, 0]))
    p, part, stranger = p[rows], part[rows], trials.stranger[rows]
    first, top, nobody = p[:, :REST].argmax(axis=1), p[:, :REST].max(axis=1), p[:, NEW]
    wrong, named, weight = first != trials.target[rows], top >= nobody, weights(stranger, rate)
    animal = trials.name[rows]

    def limits(some: NDArray[np.bool_]) -> tuple[float | None, float | None]:
        one, other = some & named, some & ~named
        return (
            limit(top[one], wrong[one], weight[one], animal[one], errors[0], weight.max()),
            limit(nobody[other], ~stranger[other], weight[other], animal[other], errors[1], weight.max()),
        )

    found = np.full(len(rows), REVIEW, dtype="<U6")
    for side in (0, 1):
        chosen = limits(part != side)
        for row in np.flatnonzero(part == side).tolist():
            found[row] = band(top[row], nobody[row], chosen)
    judged: dict[str, float | None] = {"asked": float(len(rows))}
    for name, bad in ((AUTO, wrong), (NEW_BAND, ~stranger)):
        inside = found == name
        share = float(weight[inside].sum())
        judged |= {name: share, f"{name}_wrong": float(weight[inside & bad].sum()) / share if share > 0 else None}
    auto, new = limits(np.ones(len(rows), bool))
    return BandLimits(new_rate=rate, auto=auto, new=new, judged=judged)


def text(bands: Bands) -> str:
    """The table for people."""
    auto, new = bands.errors
    lines = [
        f"bands for {auto:.1%} wrong names in auto and {new:.1%} known animals in new, single photos: limits keep an",
        f"upper bound of that ({CONFIDENCE:.0%}, one-sided); shares of the photos, and of these the wrong ones, on animals that",
        "the limits were not chosen on:",
        f"{'strangers':>9} |"
        + "".join(f"{name + ' from':>10} {'share':>7} {'wrong':>7} |" for name in (AUTO, NEW_BAND))
        + "  review",
    ]
    for one in bands.limits:
        judged, cells = one.judged, []
        for name, least in ((AUTO, one.auto), (NEW_BAND, one.new)):
            cells.append(f"{_cell(least):>10} {_cell(judged[name]):>7} {_cell(judged[f'{name}_wrong']):>7}")
        review = 1 - (judged[AUTO] or 0.0) - (judged[NEW_BAND] or 0.0)
        lines.append(f"{one.new_rate:>9.0%} |{cells[0]} |{cells[1]} | {_cell(max(review, 0.0)):>7}")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
