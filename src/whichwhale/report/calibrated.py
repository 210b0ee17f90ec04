"""Reliability before and after calibration: is a guess that claims 80% right in 80% of the photos?"""

from __future__ import annotations

import numpy as np

from whichwhale.blend.pool import Pool
from whichwhale.blend.scores import with_prior
from whichwhale.predictions import ROLE_VALIDATION
from whichwhale.report import page
from whichwhale.report.charts import reliability
from whichwhale.report.results import member_answers
from whichwhale.report.sources import Absent, Answers, Sources
from whichwhale.score import Calibration, reliability_curve

BINS = 12
FEWEST = 50  # photos; below, a curve would be noise


def calibrated(sources: Sources) -> str:
    """Curves, a table of the errors, the bins as tables, and what few photos do to all of it."""
    entries, remarks = [], []
    for title, make in (("Before calibration", before), ("After, cross-fitted", lambda s: s.blend_answers(ROLE_VALIDATION))):
        try:
            answers = make(sources)
        except Absent as absent:
            remarks.append(f"{title}: {absent}")
            continue
        if len(answers.images) < FEWEST:
            remarks.append(f"{title}: {len(answers.images)} photos are too few for a curve ({FEWEST} are needed).")
            continue
        entries.append((title, answers, reliability_curve(answers.p, answers.truth, BINS), _claims(answers)))
    if not entries:
        raise Absent(remarks[0])
    told = (
        "Photos are sorted by how sure the first guess is and cut into bins of equally many. A point is a bin: to the right what "
        "was claimed, upward how many were right. On the dashed line claims are true; below it they are too bold, above it too "
        "modest. Bars are 95% intervals of the share. Below: how many photos have which claim."
    )
    chart = reliability([(title, curve, claims) for title, _, curve, claims in entries], "reliability")
    names = "; ".join(f"{title.split(',')[0].lower()}: {answers.name}" for title, answers, _, _ in entries)
    parts = [page.paragraph(told), page.figure(chart, f"{names[0].upper()}{names[1:]}.", "chart")]
    rows = []
    for title, answers, _, _ in entries:
        found = Calibration.of(answers.p, answers.truth, BINS)
        between = f"{found.error.low:.1%} to {found.error.high:.1%}"
        shares = [f"{one:.1%}" for one in (found.claimed, found.right, found.error.mean)]
        rows.append([title, f"{found.photos:,}", *shares, between, f"{found.plain:.1%}", f"{found.perfect:.1%}"])
    head = ["", "photos", "mean claim", "right", "calibration error, debiased", "95% interval", "plain ECE", "if perfect"]
    parts.append(page.table("Calibration of the first guess, out-of-fold", head, rows))
    photos, per_bin = len(entries[-1][3]), int(entries[-1][2].count.min())
    caveat = (
        f"Read this with care: of {photos:,} photos the smallest bin holds {per_bin}, so that a share of right guesses near 50% "
        f"is known to within about ±{98 / np.sqrt(per_bin):.0f} percentage points only, and even a perfectly calibrated model "
        "strays from the line by that much. The plain error (ECE) counts this noise as error: of a perfect predictor with these "
        f"claims it would still show {rows[-1][-1]}. The debiased one, a root mean square, takes it off and reads 0 where "
        "nothing is left."
    )
    parts += [page.paragraph(caveat, "note"), *(page.paragraph(remark, "note") for remark in remarks)]
    for title, _, curve, _ in entries:
        lines = zip(curve.confidence, curve.accuracy, curve.count, strict=True)
        cells = [[f"bin {n}", f"{c:.1%}", f"{a:.1%}", f"{k}"] for n, (c, a, k) in enumerate(lines, 1)]
        parts.append(page.details(f"{title}: the bins", page.table(title, ["", "mean claim", "right", "photos"], cells)))
    return "".join(parts)


def before(sources: Sources) -> Answers:
    """The blend's pool with power 1 (its weights divided by their sum); without a blend, the first member as predicted."""
    try:
        pool = sources.pool
    except Absent:
        answers = member_answers(sources, sources.first_member())
        return Answers(f"{answers.name}, as predicted", answers.images, answers.truth, answers.p)
    found, missing = sources.members
    absent_members = [name for name in pool.members if name not in found]
    if absent_members:
        raise Absent(" ".join(missing.get(name, f"{name} is no longer among the config's members.") for name in absent_members))
    total = sum(pool.weights)
    if total <= 0:
        raise Absent("All weights of the blend are 0.")
    rows, truth, prior = sources.left_out([found[name] for name in pool.members])
    plain = Pool(pool.members, [weight / total for weight in pool.weights], pool.l2, pool.floor, pool.rows)
    name = (
        "the same pool with power 1 (its weights divided by their sum)"
        if len(pool.members) > 1
        else f"{pool.members[0]} as predicted"
    )
    return Answers(name, rows.images, truth, with_prior(plain.probabilities(rows.z), rows.answered, prior, pool.floor))


def _claims(answers: Answers) -> np.ndarray:
    """Probability of the first guess [N]."""
    return answers.p.max(axis=1) / answers.p.sum(axis=1)
