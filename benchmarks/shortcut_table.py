"""The shortcut benchmark's figures: shares of photos with bootstrap intervals over animals, and what a swap costs, paired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from markdown_table import markdown_table
from numpy.typing import NDArray
from shortcut_answers import SETS, Answers, read

from whichwhale.config import runs_dir
from whichwhale.files import null_for_nan
from whichwhale.score import NEW_WHALE, roc

SEED = 0


def share(values: NDArray, animal: NDArray[np.str_], draws: int) -> list[float]:
    """Mean of one number a photo [N], and its 95 % interval over animals: [estimate, low, high]. NaN without a photo."""
    if not len(values):
        return [float("nan")] * 3
    names, code = np.unique(animal, return_inverse=True)
    times = roc.animals_drawn(len(names), draws, SEED)
    total, number = np.bincount(code, np.asarray(values, np.float64)), np.bincount(code)
    count = len(names) if np.asarray(values).dtype == bool else None  # a difference of 0 is no share
    found = roc.interval(float(np.mean(values)), (times @ total) / (times @ number), animals=count)
    return [found.mean, found.low, found.high]


def known_rows(answers: dict[str, Answers], photos: pd.DataFrame, draws: int) -> dict[str, Any]:
    """Of the photos [N] of known animals, set by set: `right`, `found` (a head), `lured` (named for the whale of the other sea);
    and paired: `cost` of each swap, `cost_of_the_sea` (other less own), `lured_more` (other less own)."""
    known = (photos["whaleID"] != NEW_WHALE).to_numpy()
    truth, sea, animal = (photos[name].to_numpy(str)[known] for name in ("whaleID", "sea_whale", "animal"))
    right = {kind: one.name[known] == truth for kind, one in answers.items()}
    lured = {kind: one.name[known] == sea for kind, one in answers.items()}
    sets = {
        kind: {
            "right": share(right[kind], animal, draws),
            "lured": share(lured[kind], animal, draws),
            "found": float(one.found[known].mean()),
        }
        for kind, one in answers.items()
    }
    plain = right[SETS[0]].astype(float)
    cost = {kind: share(right[kind] - plain, animal, draws) for kind in SETS[1:]}
    cost["sea"] = share(right["other"].astype(float) - right["own"], animal, draws)
    more = share(lured["other"].astype(float) - lured["own"], animal, draws)
    return {"photos": int(known.sum()), "animals": len(set(animal)), "sets": sets, "cost": cost, "lured_more": more}


def sure_rows(answers: dict[str, Answers], photos: pd.DataFrame, sure: float, draws: int) -> dict[str, Any]:
    """Set by set and way by way (softmax, catalogue): shares of `unknown` and of `known` animals' photos that get a confident
    name, and `right`, the share of the known ones' that is right."""
    unknown = (photos["whaleID"] == NEW_WHALE).to_numpy()
    truth, animal = photos["whaleID"].to_numpy(str), photos["animal"].to_numpy(str)
    found: dict[str, Any] = {}
    for kind, one in answers.items():
        for way, (name, p) in {"softmax": (one.name, one.p), "catalogue": (one.guess, one.sure)}.items():
            named = p >= sure
            both = named & ~unknown
            found.setdefault(kind, {})[way] = {
                "unknown": share(named[unknown], animal[unknown], draws),
                "known": share(named[~unknown], animal[~unknown], draws),
                "right": share((name == truth)[both], animal[both], draws),
            }
    return found


def collect(dataset: str, models: Sequence[str], photos: pd.DataFrame, sure: float, draws: int) -> dict[str, Any]:
    """All figures, plain numbers; null where there is none."""
    unknown = photos["whaleID"] == NEW_WHALE
    results: dict[str, Any] = {
        "dataset": dataset,
        "sure": sure,
        "under": float(photos["under"].mean()),
        "strangers": {"photos": int(unknown.sum()), "animals": int(photos.loc[unknown, "animal"].nunique())},
        "models": {},
    }
    for model in models:
        fit = runs_dir() / dataset / model / "fold0"
        answers = {kind: read(fit, kind, photos["Image"].tolist()) for kind in SETS}
        results["models"][model] = {
            "known": known_rows(answers, photos, draws),
            "confident": sure_rows(answers, photos, sure, draws),
        }
    return null_for_nan(results)


def verdicts(results: dict[str, Any], most: float) -> tuple[bool, list[str]]:
    """Whether no catalogue gave more than `most` of the unknown animals' photos a confident name, on any sea; and a line each:
    the share, and whether its whole interval keeps below the bound too, for which there may be too few animals."""
    lines, kept = [], True
    for model, found in results["models"].items():
        for kind in SETS:
            share, _, high = found["confident"][kind]["catalogue"]["unknown"]
            if share is None:
                lines.append(f"{model}, {_spelt(kind)}: no unknown animal was asked, so nothing is held")
                kept = False
                continue
            if share > most:
                word, kept = "NOT KEPT", False
            elif high > most:
                word = f"kept, but so few animals leave up to {high:.1%} possible"
            else:
                word = f"kept, and {high:.1%} at most by the interval"
            lines.append(f"{model}, {_spelt(kind)}: {share:.1%} of the unknown animals' photos named, {most:.1%} may be: {word}")
    return kept, lines


def as_text(results: dict[str, Any]) -> str:
    """Both tables in Markdown."""
    one = next(iter(results["models"].values()))["known"]
    strangers = results["strangers"]
    rows = []
    for model, found in results["models"].items():
        known = found["known"]
        sets, cost = known["sets"], known["cost"]
        rows.append(
            [
                f"`{model}`",
                *(_cell(sets[kind]["right"]) for kind in SETS),
                _cell(cost["sea"], signed=True),
                f"{sets['own']['lured'][0]:.1%} to {sets['other']['lured'][0]:.1%}",
                " / ".join(f"{1 - sets[kind]['found']:.0%}" for kind in SETS),
            ]
        )
    head = [
        "model",
        *(f"right, {_spelt(kind)}" for kind in SETS),
        "what another sea costs",
        "named for the sea's whale, own to other",
    ]
    about = (
        f"Known animals: {one['photos']} test photos of {one['animals']}; of a head box {results['under']:.0%} is skin under "
        "water, or foam, that stays and looks of the old sea, so that another one costs more than is seen here"
    )
    blocks = ["\n".join([about, "", *markdown_table([*head, "no head found"], rows)])]
    rows = []
    for model, found in results["models"].items():
        for way in ("softmax", "catalogue"):
            for kind in SETS:
                cells = found["confident"][kind][way]
                rows.append([f"`{model}`", way, _spelt(kind), *(_cell(cells[name]) for name in ("unknown", "known", "right"))])
    head = ["model", "by", "photos", "unknown animals named", "known animals named", "of these right"]
    about = (
        f"Names with a probability of {results['sure']:g} at least: {strangers['photos']} test photos of {strangers['animals']} "
        "unknown animals, and the known animals' ones"
    )
    return "\n\n".join([*blocks, "\n".join([about, "", *markdown_table(head, rows)])])


def _spelt(kind: str) -> str:
    return kind if kind == SETS[0] else {"own": "own sea anew", "other": "another's sea"}[kind]


def _cell(value: Sequence[float | None], signed: bool = False) -> str:
    if value[0] is None:
        return "none"
    estimate, low, high = (f"{one:+.1%}" if signed else f"{one:.1%}" for one in value)  # type: ignore[str-format]
    return f"{estimate} ({low} to {high})"
