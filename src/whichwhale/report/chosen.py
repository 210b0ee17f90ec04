"""Which ways to blend were tried, and which of them paid."""

from __future__ import annotations

from collections import Counter

from whichwhale.report import page
from whichwhale.report.sources import Absent, Sources

WORDS = (
    "Tried in this order, each against the best so far, on photos that its fit did not learn from. A way took the place of the "
    "best if the 95% paired bootstrap of its gain lies above 0 and the gain is more than twice its standard deviation over other "
    "partitions of the photos; otherwise it was left out of what is answered."
)


def chosen(sources: Sources) -> str:
    """The ladder of `choose: auto`, or the way that the config asks for; nothing where that is the log-linear pool."""
    try:
        told = sources.pool.scores.get("choice") or {}
    except Absent:
        return ""
    trials = told.get("trials") or []
    if not trials and not told.get("name"):
        return ""
    fitted = page.details("What was fitted", "".join(page.paragraph(line) for line in told.get("told", [])))
    if not trials:
        asked = f"Answered by {told['name']}, as the config asks; its cross-fitted line in the table of scores is of fits that"
        return page.heading("Which way to blend") + page.paragraph(f"{asked} did not learn from the photos scored.") + fitted
    rows = []
    for trial in trials:
        gain, parts = trial["gain"], trial["by_partition"]
        between = f"{gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})" if gain else ""
        spread = f"{trial['spread']:.4f}" if parts else ""
        said = "taken" if trial["kept"] else "left out"
        rows.append([trial["name"], trial["against"] or "", f"{trial['log_loss']:.4f}", between, spread, said])
    without = ", ".join(f"{name} ({count})" for name, count in Counter(told["without_parts"]).most_common())
    last = (
        f"Answered by {told['name']}. Chosen again without each of {len(told['without_parts'])} parts of the photos, it would "
        f"have been (times): {without}. The blend's cross-fitted line in the table of scores is of those choices, so that no "
        "photo helped to choose its own answer."
    )
    head = ["way to blend", "against", "log loss", "gain (95%)", "sd over partitions", ""]
    strong = [row for row, trial in enumerate(trials) if trial["name"] == told["name"]]
    table = page.table("Ways to blend, simplest first", head, rows, 2, strong)
    return page.heading("Which way to blend") + page.paragraph(WORDS) + table + page.paragraph(last) + fitted
