"""What members and blend are worth: out-of-fold, and on test photos whose whales are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import softmax

from whichwhale.blend.assemble import Member
from whichwhale.blend.pool import mix_floor
from whichwhale.blend.rows import rows_of_test
from whichwhale.blend.scores import CROSS_FITTED, OTHER_PARTS, RAW, Score, with_prior
from whichwhale.predictions import ROLE_TEST, ROLE_VALIDATION
from whichwhale.report import page
from whichwhale.report.chosen import chosen
from whichwhale.report.sources import Absent, Answers, Sources
from whichwhale.score import Submission, evaluate

HEAD = ["whose answers", "weights", "log loss", "95% interval", "top-1", "top-5", "photos", "by prior"]
WORDS = (
    "Out-of-fold: each labelled photo is answered only by the model that did not learn from it. Log loss: the mean of minus the "
    "natural logarithm of the probability given to the true whale; 0 is perfect, and a guess that spreads itself evenly over {c} "
    "whales scores {even:.2f}. Top-1 and top-5: the share of photos whose true whale is the first guess, or among the first "
    "five. Intervals: 95% bootstrap over photos. Cross-fitted: the blend was fitted on the photos of the other folds, or of the "
    "other parts of the photos, so that no photo helped with its own answer; this is the line to quote. By prior: photos without "
    "a prediction, mostly since no head was found, and count with the share of each whale among the other photos."
)


def results(sources: Sources) -> str:
    """Figures in large, the table of scores, what was fitted on what, and scores by the number of photos of a whale."""
    scores, remarks = out_of_fold(sources)
    if not scores:
        raise Absent(" ".join(dict.fromkeys(remarks)))
    best = _headline(scores)
    classes = len(sources.tables.class_id)
    parts = [_tiles(best), page.paragraph(WORDS.format(c=classes, even=np.log(classes)), "note")]
    strong = [number for number, one in enumerate(scores) if one is best]
    parts.append(page.table("Out-of-fold scores of each model and of the blend", HEAD, [_line(one) for one in scores], 2, strong))
    parts += [page.paragraph(remark, "note") for remark in remarks]
    parts += [make(sources) for make in (_fitted, chosen, _by_photos, _test)]
    return "".join(parts)


def out_of_fold(sources: Sources) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows that blend.json keeps; without a blend each member as predicted. And what a reader must know beside."""
    found, missing = sources.members
    remarks = list(missing.values())
    for name, member in found.items():
        have = len(set(member.fold.tolist()))
        of = [fit.config.get("folds", {}).get("count", have) for fit in sources.fits if fit.model == name]
        if of and have < max(of):
            remarks.append(f"{name}: {have} of {max(of)} folds so far; the photos of the others are not scored yet.")
    try:
        scores = sources.pool.scores.get("out_of_fold", [])
        if list(sources.pool.members) != list(sources.config.members):
            remarks.append(f"The blend's members are {', '.join(sources.pool.members)}; the config now names others.")
        if scores:
            return scores, remarks
    except Absent as absent:
        remarks.insert(0, str(absent) + (" Each model is scored as it predicted." if found else ""))
    scores = []
    for member in found.values():
        answers = member_answers(sources, member)
        absent = len(set(answers.images) - set(member.images))
        scores.append(Score.of(answers.name, RAW, 1.0, answers.p, answers.truth, absent).as_dict())
    return scores, remarks


def member_answers(sources: Sources, member: Member) -> Answers:
    """A member's out-of-fold answers as it predicted them: softmax, mixed with the blend's floor."""
    rows, truth, prior = sources.left_out([member])
    p = mix_floor(softmax(rows.z[0], axis=1), sources.config.floor)
    return Answers(member.name, rows.images, truth, with_prior(p, rows.answered, prior, sources.config.floor))


def best_answers(sources: Sources) -> Answers:
    """The blend's cross-fitted out-of-fold answers, or else those of the first member that has any."""
    try:
        return sources.blend_answers(ROLE_VALIDATION)
    except Absent:
        return member_answers(sources, sources.first_member())


def _headline(scores: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The blend's honest line; without one the best member's, of the same honesty."""
    blend = [one for one in scores if one["name"] == "blend"]
    for kind in (OTHER_PARTS, CROSS_FITTED, RAW):
        fair = [one for one in blend or scores if one["weights"] == kind]
        if fair:
            return min(fair, key=lambda one: one["log_loss"])
    return min(blend or scores, key=lambda one: one["log_loss"])


def _tiles(one: dict[str, Any]) -> str:
    who = "the blend" if one["name"] == "blend" else one["name"]
    return page.tiles(
        [
            (f"{one['top_1']:.1%}", "right at the first guess", f"{who}, {one['rows']:,} photos it had not learned from"),
            (f"{one['top_5']:.1%}", "among the first five guesses", f"{who}, the same photos"),
            (f"{one['log_loss']:.3f}", "log loss, in nats", f"95% interval {one['low']:.3f} to {one['high']:.3f}"),
        ]
    )


def _line(one: dict[str, Any]) -> list[str]:
    interval = f"{one['low']:.3f} to {one['high']:.3f}"
    weights = one["weights"] if one["power"] in (None, 1.0) else f"{one['weights']} (power {one['power']:.2f})"
    return [
        one["name"],
        weights,
        f"{one['log_loss']:.3f}",
        interval,
        f"{one['top_1']:.1%}",
        f"{one['top_5']:.1%}",
        f"{one['rows']:,}",
        f"{one.get('prior', 0):,}",
    ]


def _fitted(sources: Sources) -> str:
    """What was fitted on what."""
    try:
        pool = sources.pool
    except Absent:
        return ""
    lead = (
        "The blend is a log-linear pool: the models' logits are weighted and added. One weight a model was fitted on "
        f"{pool.rows:,} out-of-fold rows, with a pull toward equal influence (l2 {pool.l2:g}); no whale gets less than 1 in "
        f"{1 / pool.floor:,.0f}. The weights' sum, {sum(pool.weights):.3f}, is the power that calibrates: below 1 it makes the "
        "answers more modest, above 1 bolder."
    )
    if pool.chosen is not None:
        lead += f" The blend answers by {pool.chosen['name']} in the place of these weights, as told below."
    rows = []
    for name, weight in zip(pool.members, pool.weights, strict=True):
        fits = [fit for fit in sources.fits if fit.model == name]
        photos = [fit.provenance.get("photos", {}).get("training") for fit in fits]
        learned = ", ".join(f"{fit.label}: {n:,}" for fit, n in zip(fits, photos, strict=True) if isinstance(n, int))
        rows.append([name, learned or "unknown", f"{weight:.4f}"])
    told = page.table(
        "Weight of each model, and how many photos each of its fits learned from", ["model", "photos", "weight"], rows, 2
    )
    return page.heading("What was fitted on what") + page.paragraph(lead) + told


def _by_photos(sources: Sources) -> str:
    """Scores by how many labelled photos the whale has."""
    try:
        answers = best_answers(sources)
    except Absent:
        return ""
    tables = sources.tables
    truth = {image: tables.class_id[column] for image, column in zip(answers.images, answers.truth, strict=True)}
    train = dict(zip(tables.train["Image"], tables.train["whaleID"], strict=True))
    groups = evaluate(Submission(answers.images, tables.class_id, answers.p), truth, train=train).by_training_photos
    rows = []
    for group in groups:
        span = (
            f"{group.low}"
            if group.low == group.high
            else f"{group.low} or more"
            if group.high is None
            else f"{group.low} to {group.high}"
        )
        rows.append([span, f"{group.photos:,}", f"{group.log_loss:.3f}", f"{group.top_1:.1%}", f"{group.top_5:.1%}"])
    count = Counter(Counter(train.values()).values())
    text = f"Of {len(tables.class_id)} whales {count[1]} have a single labelled photo"
    text += ", from which every fold model learns, so that such whales can't be scored here." if count[1] else "."
    head = ["labelled photos of the whale", "photos", "log loss", "top-1", "top-5"]
    told = page.table(f"Out-of-fold scores of {answers.name} by the number of labelled photos of the whale", head, rows, 1)
    return page.heading("Known well, known little") + page.paragraph(text) + told


def _test(sources: Sources) -> str:
    """Scores of the test photos whose whales were told with --truth."""
    if sources.truth is None:
        return ""
    place = {whale: column for column, whale in enumerate(sources.tables.class_id)}
    known = [image for image in sources.tables.test if sources.truth.get(image) in place]
    truth = np.array([place[sources.truth[image]] for image in known], np.int64)
    prior = np.tile(sources.tables.prior(), (len(known), 1))
    rows = []
    for member in sources.members[0].values() if known else ():
        z, answered = rows_of_test([member], known)
        p = with_prior(mix_floor(softmax(z[0], axis=1), sources.config.floor), answered > 0, prior, sources.config.floor)
        rows.append(Score.of(member.name, RAW, 1.0, p, truth, int((answered == 0).sum())).as_dict())
    try:
        blend = sources.blend_answers(ROLE_TEST)
        members = sources.members[0].values()
        found = set().union(*(member.test_images for member in members))
        absent = len(set(blend.images) - found) if members else 0
        rows.append(Score.of("blend", "fitted on out-of-fold rows", None, blend.p, blend.truth, absent).as_dict())
    except Absent as absent:
        if not rows:
            return page.heading("Test photos") + page.paragraph(str(absent), "absent")
    asked = set(sources.tables.test)
    unknown = sum(image in asked and whale not in sources.tables.class_id for image, whale in sources.truth.items())
    remark = f" {unknown} test photos of whales without a column are not scored." if unknown else ""
    told = page.paragraph(
        "Photos that no model and no weight was fitted on; their whales were told to this report only." + remark
    )
    return (
        page.heading("Test photos")
        + told
        + page.table("Scores on test photos", HEAD, [_line(one) for one in rows], 2, [len(rows) - 1])
    )
