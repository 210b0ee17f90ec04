"""`verify`: do two photos show one animal? The calibration on file, its figures, and the answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pydantic

from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.held_out import HeldOut
from whichwhale.catalogue.incoming import Incoming, refuse_other_model
from whichwhale.catalogue.manifest import Model
from whichwhale.config import Config
from whichwhale.files import write_json
from whichwhale.score import verification as verifying

SCHEMA = 1
FILE = "verification.json"  # beside the predictions, in the run folder of the fit
MOST_PHOTOS = 3000  # 4.5 million pairs


class VerificationFile(Config):
    """Plain numbers: ln p(cosine | one animal) / p(cosine | two) = slope * cosine + offset, for vectors of `model`.

    prior: the share of pairs of one animal that pairs were weighted to; figures: what was measured, [estimate, low, high] each;
    warning: why they are too good, "" if they are not.
    """

    model: Model
    slope: float
    offset: float
    prior: float = pydantic.Field(gt=0, lt=1)
    photos: int
    animals: int
    same: int
    different: int
    figures: dict[str, list[float]]
    judged: dict[str, Any]
    seed: int
    warning: str = ""

    @property
    def calibration(self) -> verifying.PairCalibration:
        return verifying.PairCalibration(self.slope, self.offset)


def write(path: Path, fitted: VerificationFile) -> None:
    """Write the calibration atomically."""
    write_json(path, {"schema": SCHEMA} | fitted.model_dump(mode="json"))


def read(path: Path) -> VerificationFile:
    """Raises CatalogueError: there is none, it is damaged, or of another schema."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CatalogueError(
            f"{path}: no such file, so cosines can't be turned into probabilities; "
            "`verify --vectors PREDICTIONS.npz --table CSV` fits it on animals that were held out"
        ) from None
    except (OSError, ValueError) as error:
        raise CatalogueError(f"{path}: not readable ({error}); delete it and fit it anew") from None
    if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
        raise CatalogueError(f"{path}: not a verification file of schema {SCHEMA}; fit it anew")
    try:
        return VerificationFile.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{path}: damaged, {where}: {first['msg']}; fit it anew") from None


def drawn(held_out: HeldOut, most: int, seed: int) -> HeldOut:
    """At most `most` photos: animals drawn by the seed as long as they fit, each with all of its photos, or, of very many, with a
    tenth of `most`, drawn as well: else one animal would leave no room for the others."""
    animal = held_out.animal
    if len(animal) <= most:
        return held_out
    draw = np.random.default_rng([seed, 2])
    names, code = np.unique(animal, return_inverse=True)
    lot = draw.permutation(len(animal))
    order = np.lexsort((lot, code))
    rank = np.empty(len(animal), np.int64)  # of each photo among its animal's
    rank[order] = np.arange(len(animal)) - np.searchsorted(code[order], code[order])
    few = rank < max(most // 10, 2)
    counts, kept, room = np.bincount(code[few]), np.zeros(len(names), bool), most
    for one in draw.permutation(len(names)).tolist():
        if counts[one] <= room:
            kept[one], room = True, room - int(counts[one])
    why = f"at most {most} are compared, and {max(most // 10, 2)} of an animal"
    return HeldOut(held_out.photos.only(few & kept[code], why), held_out.warning)


def fit(held_out: HeldOut, prior: float, where: str, *, seed: int = 0, draws: int = 1000) -> VerificationFile:
    """The calibration from all pairs of held-out photos, but for those of one animal in one encounter, and its figures.

    Raises:
        CatalogueError: pairs of one kind alone, or too few animals to judge the calibration on others.
    """
    held_out = drawn(held_out, MOST_PHOTOS, seed)
    pairs = verifying.pairs_of(held_out.photos.vectors, held_out.animal, held_out.meeting)
    try:
        fitted = verifying.calibrate(pairs.cosine, pairs.same, prior)
        found = verifying.verification(pairs, seed=seed, draws=draws)
        judged = verifying.judge(pairs, prior, seed=seed)
    except ValueError as error:
        raise CatalogueError(
            f"{where}: {len(held_out.animal)} photos of {pairs.animals} held-out animals are not enough ({error}); "
            "it takes several animals with two photos or more, of different encounters where these are known"
        ) from None
    rates = {_accepts(rate): one for rate, one in found.accepts.items()}
    figures = {"ROC AUC": found.auc, "equal error rate": found.eer} | rates
    return VerificationFile(
        model=held_out.photos.model,
        slope=fitted.slope,
        offset=fitted.offset,
        prior=prior,
        photos=len(held_out.animal),
        animals=found.animals,
        same=found.same,
        different=found.different,
        figures={name: [one.mean, one.low, one.high] for name, one in figures.items()},
        judged={"log_loss": judged.log_loss, "uninformed": judged.uninformed, "error": judged.error, "bins": judged.bins},
        seed=seed,
        warning=held_out.warning,
    )


def _accepts(rate: float) -> str:
    return f"true accepts at {rate:.1%} false"


def text(fitted: VerificationFile) -> str:
    """What was measured, for people."""
    lines = [
        f"{fitted.photos} photos of {fitted.animals} animals: {fitted.same} pairs of one animal, {fitted.different} of two; "
        "95 % intervals over animals"
    ]
    lines += [
        f"  {name:<32} {estimate:6.1%}  ({low:.1%} to {high:.1%})" for name, (estimate, low, high) in fitted.figures.items()
    ]
    few = [rate for rate in verifying.FALSE_ACCEPTS if _accepts(rate) not in fitted.figures]
    lines += [f"  {_accepts(rate):<32}   none: it takes {1 / rate:,.0f} pairs of two animals" for rate in few]
    judged = fitted.judged
    lines.append(
        f"calibrated, on animals not fitted on, {fitted.prior:.0%} of pairs of one animal: "
        f"log loss {judged['log_loss']:.3f} nats (always {fitted.prior:.0%}: {judged['uninformed']:.3f}), "
        f"off by {judged['error']:.1%}"
    )
    lines.append("  claimed " + "".join(f"{claimed:>8.1%}" for claimed, _, _ in judged["bins"]))
    lines.append("  true    " + "".join(f"{true:>8.1%}" for _, true, _ in judged["bins"]))
    return "\n".join([*lines, *([fitted.warning] if fitted.warning else [])])


def compare(photos: Incoming, names: Sequence[str], fitted: VerificationFile, prior: float, where: str) -> list[dict[str, Any]]:
    """Every pair of the photos named: `photos`, `cosine`, `probability` that they show one animal, for the share `prior`.

    Raises:
        CatalogueError: another model's vectors, fewer than two photos, one that is not there, or one twice.
    """
    refuse_other_model(photos.model, fitted.model, where)
    place = {photo: row for row, photo in enumerate(photos.table["photo"].tolist())}
    if missing := [name for name in names if name not in place]:
        raise CatalogueError(f"{where}: has no photo {missing[0]}; the first there is {next(iter(place))}")
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise CatalogueError("name two photos or more to compare, each once")
    found = []
    for one, other in combinations(names, 2):
        cosine = float(photos.vectors[place[one]].astype(np.float64) @ photos.vectors[place[other]].astype(np.float64))
        p = float(fitted.calibration.probability(cosine, prior))
        found.append({"photos": [one, other], "cosine": round(cosine, 4), "probability": round(p, 6)})
    return found


def shown(found: Sequence[dict[str, Any]], prior: float) -> str:
    """A line a pair."""
    lines = [f"{one['probability']:7.2%}  cosine {one['cosine']:6.3f}  {' = '.join(one['photos'])}?" for one in found]
    return "\n".join([f"probability that both show one animal, where {prior:.1%} of such pairs do:", *lines])
