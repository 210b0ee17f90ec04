"""Which way a blend answers: the recipe that its config names, or the one that nested cross-validation chooses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.evidence import Evidence
from whichwhale.blend.nested import PARTITIONS, Trial, nested
from whichwhale.blend.recipes import AUTO, DEFAULT, LADDER, Fitted, fit
from whichwhale.blend.told import told


@dataclass(frozen=True, eq=False)
class Choice:
    """asked     the config's `choose`
    fitted    the recipe, fitted on all usable photos
    trials    what was tried on the way, if anything was to be chosen
    parts     what was, or would have been, chosen without each part of the photos
    honest    p [N, C] of each photo by a recipe that was chosen and fitted without its part
    pool      p [N, C] of each photo by a log-linear pool that was fitted without its part: what `honest` is to be held against
    """

    asked: str
    fitted: Fitted
    trials: list[Trial]
    parts: list[str]
    honest: NDArray[np.float64]
    pool: NDArray[np.float64]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for blend.json."""
        trials = [asdict(trial) | {"spread": trial.spread} for trial in self.trials]
        kept = {"asked": self.asked, "name": self.fitted.name, "told": told(self.fitted)}
        return kept | {"without_parts": self.parts, "trials": trials}

    def lines(self) -> list[str]:
        """What was tried and what came of it, for people, a line each."""
        fitted = [f"  {line}" for line in told(self.fitted)]
        if not self.trials:
            head = f"Blended by {self.fitted.name}, as asked for; cross-fitted over {len(self.parts)} parts of the photos."
            return [head, *fitted]
        others = ", ".join(f"{name} {count}" for name, count in Counter(self.parts).most_common())
        head = (
            f"Blended by {self.fitted.name}, chosen among {len(self.trials)} ways; without each of {len(self.parts)} parts of "
            f"the photos there would have been chosen (times): {others}. Gain: log loss, 95 % paired bootstrap; then in each "
            "partition of the photos."
        )
        return [head, *trial_lines(self.trials), f"{self.fitted.name}:", *fitted]


def choose(
    asked: str,
    evidence: Evidence,
    truth: NDArray[np.int64],
    images: Sequence[str],
    *,
    l2: float,
    floor: float,
    usable: NDArray[np.bool_],
    prior: NDArray[np.float64],
) -> Choice:
    """Choose, fit and cross-fit.

    Args:
        asked: a recipe's name, or auto.
        evidence, truth, images: of the photos with a row of some member [N]; usable: those to fit on [N].
        prior: of the whales, for photos that come later [C].
    """
    auto = asked == AUTO
    names, how = list(LADDER) if auto else [asked], {"partitions": PARTITIONS if auto else 1, "choosing": auto}
    tried = nested(evidence, truth, images, list(dict.fromkeys([*names, DEFAULT])), l2=l2, floor=floor, usable=usable, **how)
    done, pool = tried.of(names), tried.of([DEFAULT]).honest()
    name, trials = done.choose()
    found = fit_in_order(name, evidence, truth, images, usable, l2, floor, prior)
    honest, pool = (p.astype(np.float64) for p in (done.honest(), pool))
    return Choice(asked, found, trials if auto else [], done.choices(), honest, pool)


def fit_in_order(
    name: str,
    evidence: Evidence,
    truth: NDArray[np.int64],
    images: Sequence[str],
    usable: NDArray[np.bool_],
    l2: float,
    floor: float,
    prior: NDArray[np.float64],
) -> Fitted:
    """A recipe fitted on the usable photos, taken in the order of the names of photos and whales and not in the caller's."""
    order = np.array(sorted(np.flatnonzero(usable), key=lambda row: images[row]))
    whales = sorted(evidence.class_id)
    column = np.array([whales.index(whale) for whale in evidence.class_id])
    at = np.argsort(column)
    return fit(name, evidence.rows(order).of_whales(whales), column[truth[order]], l2, floor, prior[at])


def trial_lines(trials: Sequence[Trial]) -> list[str]:
    """The ladder, aligned."""
    width = max(len(trial.name) for trial in trials)
    lines = []
    for trial in trials:
        line = f"  {trial.name:{width}}  {trial.log_loss:.4f}"
        if trial.gain is not None:
            each = " ".join(f"{gain:+.4f}" for gain in trial.by_partition)
            gain = f"{trial.gain.mean:+.4f} ({trial.gain.low:+.4f} to {trial.gain.high:+.4f})"
            line += f"  {'taken: ' if trial.kept else 'left out: '}{gain} over {trial.against}; {each}"
        lines.append(line)
    return lines
