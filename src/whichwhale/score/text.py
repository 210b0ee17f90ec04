"""Evaluations and comparisons as plain text and as plain numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from whichwhale.files import null_for_nan
from whichwhale.score.bootstrap import Interval
from whichwhale.score.breakdown import Group
from whichwhale.score.comparison import Comparison, compare
from whichwhale.score.evaluation import CAVEAT, Evaluation, evaluate, place_in_2016
from whichwhale.score.quality import Quality
from whichwhale.score.ranking import NEW_WHALE
from whichwhale.score.submission import Submission
from whichwhale.text_table import text_table


def judge(
    models: Mapping[str, Submission],
    truth: Mapping[str, str],
    *,
    train: Mapping[str, str] | None = None,
    quality: Mapping[str, Quality] | None = None,
    new_whale: float | None = None,
    seed: int = 0,
    partial: bool = False,
    worst: int = 10,
    reliability: bool = False,
    counted: str = "training photos",
) -> tuple[str, dict[str, Any]]:
    """Score every model and compare each pair: as text, and as plain numbers for a JSON file.

    Args:
        models: name -> answers; worst: whales listed of each; reliability: bins of each too; counted: what the photos of `train`
            are, for people; the others as `evaluate`.

    Raises:
        ValueError: as `evaluate` and `compare`; the message names the model.
    """
    blocks, scores, pairs = [], {}, []
    for name, answers in models.items():
        try:
            result = evaluate(answers, truth, train=train, quality=quality, new_whale=new_whale, seed=seed, partial=partial)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        scores[name] = as_numbers(result)
        blocks.append("\n".join([*([name] if len(models) > 1 else []), table(result, worst, new_whale, reliability, counted)]))
    for ours, theirs in combinations(models, 2):
        result = compare(models[ours], models[theirs], truth, new_whale=new_whale, seed=seed)
        pairs.append({"ours": ours, "theirs": theirs, "verdict": result.verdict} | null_for_nan(asdict(result)))
        blocks.append(comparison(ours, theirs, result))
    return "\n\n".join(blocks), {"scores": scores, "pairs": pairs, "seed": seed}


def as_numbers(result: Evaluation) -> dict[str, Any]:
    """An evaluation for JSON: what is not known (NaN) is null."""
    return null_for_nan(asdict(result) | {"place_in_2016": place_in_2016(result.log_loss.mean)})


def table(
    result: Evaluation,
    worst: int = 10,
    new_whale: float | None = None,
    reliability: bool = False,
    counted: str = "training photos",
) -> str:
    """The evaluation as text, with its `worst` whales and, if wanted, the bins of its reliability diagram; `new_whale` is the
    threshold that it was made with, `counted` what the photos are by whose number groups are made."""
    loss = result.log_loss
    lines = [
        f"photos scored    {result.photos} of {result.whales} whales",
        f"log loss         {loss}",
        f"top-1            {result.top_1:.1%}",
        f"top-3            {result.top_3:.1%}",
        f"top-5            {result.top_5:.1%}",
        f"MAP@5            {result.map_at_5:.4f}" + ("" if new_whale is None else f" ({NEW_WHALE} below {new_whale:g})"),
        f"macro accuracy   {result.macro_accuracy:.1%}",
        f"place in 2016    {place_in_2016(loss.mean)} ({CAVEAT})",
    ]
    if result.calibration is not None:
        lines.append(f"calibration      {result.calibration}")
    if result.without_column:
        lines.append(f"not in log loss  {result.without_column} photos whose whale has no column (in MAP@5 as new_whale)")
    if (new := result.novelty) is not None:
        lines.append(f"novelty          AUC {new.auc:.4f} (a stranger's first guess is less sure than a known whale's so often)")
        lines.append(f"best {NEW_WHALE}   {new.best:.4g}, MAP@5 {new.best_map_at_5:.4f} (chosen on these photos: optimistic)")
    if result.without_truth:
        lines.append(f"left out         {result.without_truth} photos of the submission that the truth doesn't name")
    if result.without_answer:
        lines.append(f"left out         {result.without_answer} photos of the truth without answer, such as those learned from")
    if reliability and result.calibration is not None:
        body = [[f"{one.claimed:.1%}", f"{one.right:.1%}", str(one.photos)] for one in result.calibration.bins]
        lines += ["", text_table(["first guess claims", "right", "photos"], body, left=())]
    lines += _groups(counted, result.by_training_photos, _whole)
    lines += _groups("d, pixels", result.by_distance, lambda group: f"{group.low:.4g} to {group.high:.4g}")
    lines += _groups("sd of a point", result.by_uncertainty, lambda group: f"{group.low:.1%} to {group.high:.1%} of d")
    if result.without_quality:
        lines.append(f"{result.without_quality} photos of unknown quality are in none of the quarters")
    if worst and result.by_whale:
        head = ["worst whales", "photos", *([counted.split()[0]] if result.by_whale[0].training_photos is not None else [])]
        body = [
            [one.whale, str(one.photos), *([] if one.training_photos is None else [str(one.training_photos)])]
            + [f"{one.log_loss:.4f}", f"{one.top_1:.1%}", one.taken_for]
            for one in result.by_whale[:worst]
        ]
        lines += ["", text_table([*head, "log loss", "top-1", "most often taken for"], body, left=(0, len(body[0]) - 1))]
    return "\n".join(lines)


def comparison(ours: str, theirs: str, result: Comparison) -> str:
    """One pair as text."""

    def difference(interval: Interval) -> str:
        return f"{interval.mean:+.4f} ({interval.level:.0%} interval {interval.low:+.4f} to {interval.high:+.4f})"

    return "\n".join(
        [
            f"{ours} minus {theirs}, paired over {result.photos} photos: {result.verdict} by log loss",
            f"log loss         {difference(result.log_loss)}",
            f"top-1            {difference(result.top_1)}",
            f"MAP@5            {difference(result.map_at_5)}",
        ]
    )


def _whole(group: Group) -> str:
    end = "+" if group.high is None else "" if group.low == group.high else f"-{group.high:g}"
    return f"{group.low:g}{end}"


def _groups(head: str, groups: Sequence[Group], span: Callable[[Group], str]) -> list[str]:
    body = [
        [span(group), str(group.photos), f"{group.log_loss:.4f}", f"{group.top_1:.1%}", f"{group.top_5:.1%}"] for group in groups
    ]
    return ["", text_table([head, "photos", "log loss", "top-1", "top-5"], body, left=(0,))] if groups else []
