"""A submission made again from its record and its runs, byte for byte; or what is in the way."""

import hashlib
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from whichwhale.blend.blended import Blended, blend, write_submission
from whichwhale.blend.config import EnsembleConfig, beside
from whichwhale.blend.neighbours import write_neighbours, write_neighbours_of
from whichwhale.blend.record import data_of, read_record, versions
from whichwhale.checkout import Checkout
from whichwhale.competition import Competition
from whichwhale.files import sha256, write_atomically
from whichwhale.score.submission import content

# How far weights, of logits of about unit size, may be from the recorded ones where arithmetic alone is another.
NEAR = 1e-3


class ReproduceError(ValueError):
    """A submission that can't be made again; the message lists every part that is gone or differs."""


def reproduce(submission: Path) -> list[str]:
    """Make a submission again and hold it against its record; if the file itself is gone, it is written.

    The weights are fitted anew. Where that gives other digits (another processor or library), those in the record are taken, and
    it is said. Returns what there is to say, a line each.

    Raises:
        RecordError: no record beside it.
        ReproduceError: parts that are gone or differ, a file that was changed, or other bytes from the same parts.
    """
    if not submission.name:
        raise ReproduceError("reproduce= names no submission; say reproduce=submissions/NAME.csv.gz")
    told = read_record(submission, beside(submission, ".json"))
    if submission.name != told["submission"]:
        named = submission.with_name(told["submission"])
        raise ReproduceError(f"{submission}: its record is of {named.name}; say {named}")
    try:
        config = EnsembleConfig.model_validate(told["config"])
    except ValueError as error:
        raise ReproduceError(f"{submission}: this code doesn't know its config ({error}); check out {told['commit']}") from None
    if submission.is_file() and sha256(submission) != told["sha256"]:
        raise ReproduceError(
            f"{submission}: is not the file that its record tells of (sha256 {sha256(submission)[:16]}, recorded "
            f"{told['sha256'][:16]}): it was changed. Move it away, and it is made again"
        )
    try:
        tables = config.competition()
    except ValueError as error:
        lines = [f"the data set: {error}", *_members(told, config.runs)[0]]
        raise ReproduceError(_in_words(submission, lines)) from None
    in_the_way, absent, others = parts(told, config, tables)
    if absent and not in_the_way:
        write_neighbours_of(absent, config.runs, tables, config.neighbours_scale)
        in_the_way, _, others = parts(told, config, tables)  # this machine's arithmetic may have made them other ones
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = {}
        if not in_the_way:
            elsewhere, in_the_way = _neighbours(others, told, config, tables, Path(folder))
        if in_the_way:
            raise ReproduceError(_in_words(submission, in_the_way))
        blended = blend(config, tables, elsewhere)
        made = Path(folder) / submission.name
        lines = _make(blended, told, made)
        if not submission.is_file():
            with made.open("rb") as stream:
                write_atomically(submission, lambda file: shutil.copyfileobj(stream, file))
            lines.append(f"{submission}: was gone, written")
    anew = [f"neighbours made anew: {', '.join(absent)}"] * bool(absent)
    aside = [f"{name}: now other neighbours, left alone; made anew aside, of scale {others[name]:g}" for name in elsewhere]
    return anew + aside + lines


def _in_words(submission: Path, lines: list[str]) -> str:
    return "\n".join([f"{submission}: can't be made again:", *(f"  {line}" for line in lines)])


def parts(told: dict[str, Any], config: EnsembleConfig, tables: Competition) -> tuple[list[str], list[str], dict[str, float]]:
    """What is gone or differs, a line each; members of neighbours that are gone but can be made from their model's fits; and
    those whose folder has others now, such as of another scale, but can be made too: the recorded scale of each."""
    now = data_of(config, tables)
    lines = [_data(name, config, was, now.get(name)) for name, was in told["data"].items() if now.get(name) != was]
    found, absent, others = _members(told, config.runs)
    return lines + found, absent, others


def _members(told: dict[str, Any], runs: Path) -> tuple[list[str], list[str], dict[str, float]]:
    """As `parts`, of the members alone."""
    lines, absent, others = [], [], {}
    for member in told["members"]:
        home = runs / member["name"]
        found = _fits(home, _recorded(member), f"member {member['name']}")
        if found and "neighbours" in member:
            source, was = runs / member["neighbours"]["model"], member["neighbours"]
            of_model = _fits(source, was["fits"], f"the model of {member['name']}")
            if not home.exists():
                found, absent = of_model, [*absent, member["name"]]
            elif of_model:
                found += of_model
            else:
                found, others[member["name"]] = [], was["scale"]
        lines += found
    return lines, absent, others


def _recorded(member: dict[str, Any]) -> dict[str, str]:
    """Fingerprints of a recorded member's predictions, by fit."""
    return {fit["name"]: fit["predictions_sha"] for fit in member["fits"]}


def _neighbours(
    scales: dict[str, float], told: dict[str, Any], config: EnsembleConfig, tables: Competition, folder: Path
) -> tuple[dict[str, Path], list[str]]:
    """Make members of neighbours below `folder`, each with its scale: where they are, and what of them is not as recorded."""
    whale_of = dict(zip(tables.train["Image"], tables.train["whaleID"], strict=True))
    homes, lines = {}, []
    for member in told["members"]:
        if (name := member["name"]) in scales:
            homes[name] = folder / name
            source = config.runs / member["neighbours"]["model"]
            write_neighbours(source, whale_of, tables.class_id, scales[name], homes[name])
            lines += _fits(homes[name], _recorded(member), f"member {name}, made anew with scale {scales[name]:g}")
    return homes, lines


def _data(name: str, config: EnsembleConfig, was: str | None, now: str | None) -> str:
    where = config.runs / name if name == "folds.csv" else config.root
    if now is None or was is None:
        return f"{name}: {'gone' if now is None else 'there now, but was not then'} ({where})"
    return f"{name}: differs ({where}; fingerprint {now[:16]}, recorded {was[:16]})"


def _fits(home: Path, recorded: dict[str, str], what: str) -> list[str]:
    if not home.exists():
        return [f"{what}: gone ({home})"]
    lines = []
    for name, was in recorded.items():
        path = home / name / "predictions.npz"
        if not path.is_file():
            lines.append(f"{what}, {name}: gone ({path})")
        elif (now := sha256(path)) != was:
            lines.append(f"{what}, {name}: differs ({path}; fingerprint {now[:16]}, recorded {was[:16]})")
    there = {path.name for path in home.glob("fold*") if re.fullmatch(r"fold(\d+)", path.name)}
    for name in sorted(there - recorded.keys()):
        lines.append(f"{what}, {name}: was not there then, and would count ({home / name}; move it away)")
    return lines


def _make(blended: Blended, told: dict[str, Any], made: Path) -> list[str]:
    """Write the submission to `made`, whose bytes are the record's; what there is to say of it. Raises ReproduceError."""
    config, tables = blended.config, blended.tables

    def same(p: np.ndarray) -> str:
        write_submission(made, config, tables, p)
        if sha256(made) == told["sha256"]:
            return "byte for byte"
        alike = hashlib.sha256(content(made)).hexdigest() == told["content_sha256"]
        return "the same text, packed by another zlib" if alike else ""

    if how := same(blended.answers()):
        return [f"{made.name}: made again from {len(blended.members)} members, weights fitted anew: {how}"]
    recorded = replace(blended.pool, **({"chosen": None} | told["pool"]))
    off = _apart(*({"weights": pool.weights, "chosen": pool.chosen} for pool in (blended.pool, recorded)))
    told_off = f"off by {off:.2g} at most" if off < np.inf else "others altogether"
    here = Checkout.of(Path(__file__).parent)
    other = [
        f"library ({name}: recorded {was}, this is {versions().get(name)})"
        for name, was in told["versions"].items()
        if versions().get(name) != was
    ]
    if here.commit != told["commit"] or here.changed or told["modified"]:
        changes = " with changes" * bool(told["modified"])
        other.append(f"code (recorded commit {told['commit']}{changes}, this is {here})")
    # The same code and libraries may differ by a processor's last digits, no further: else it was made in another way.
    if (off < NEAR or other) and (how := same(blended.answers(recorded))):
        return [
            f"{made.name}: made again from {len(blended.members)} members with the recorded weights: {how}",
            f"fitted anew they are {told_off}: another {' and '.join(other) or 'processor'}",
        ]
    lines = [f"  the weights fitted anew are {told_off}"]
    lines += [f"  another {what}" for what in other]
    raise ReproduceError("\n".join([f"{made.name}: every part is there and the same, but other bytes came of them:", *lines]))


def _apart(one: Any, other: Any) -> float:
    """The greatest difference of two sets of plain numbers; infinite if anything but a number differs, such as a tree's text."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((_apart(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(_apart, one, other), default=0.0)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return float(abs(one - other))
    return 0.0 if one == other else np.inf
