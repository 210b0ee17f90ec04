"""Charts as inline SVG that take their colours and fonts from the page, so that one drawing serves light and dark mode."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from whichwhale.runs.fit import Fit, is_held_out
from whichwhale.score import Reliability

# Stand-ins that matplotlib draws with, and the page's colours that take their place (style.css; series colours are told apart by
# the colour-blind in either mode, and line styles and markers tell them apart without colour).
INK, MUTED, RULE, WARM = "#010101", "#010102", "#010103", "#010104"
SERIES = ["#010110", "#010111", "#010112", "#010113", "#010114", "#010115"]
VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", WARM: "warm"} | {colour: f"s{i}" for i, colour in enumerate(SERIES)}
MARKERS, DASHES = "os^DvP", ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1)), (0, (8, 3))]
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "whichwhale",  # equal charts, equal bytes
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NAMES = {"log_loss": "held-out log loss\n(nats)", "error_50": "held-out point error,\nmedian (share of d)"}  # most telling first


def as_svg(figure: Figure, name: str, alternative: str) -> str:
    """The chart as an <svg> element. `name` keeps its ids apart from other charts' on the page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)  # a style would rule the whole page
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{escape(alternative)}">', svg, count=1
    )
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:)?href="#', f'href="#{name}-', svg).replace("url(#", f"url(#{name}-")
    svg = re.sub(r"font: ([^;\"]*?)([\d.]+)px [^;\"]*", r"font: \1\2px var(--sans)", svg)
    svg = re.sub(r"#0101\w\w", lambda match: f"var(--{VARIABLES[match[0]]})", svg)
    return re.sub(r"\n\s*", "\n", svg)


def learning_curves(fits: Sequence[Fit], name: str) -> str:
    """Training loss, held-out score and learning rate over epochs, a line a fit; kicks are shaded through all three."""
    score = held_out_score(fits)
    with matplotlib.rc_context(STYLE):
        heights = [3, 3, 1.5] if score else [3, 1.5]
        figure = Figure(figsize=(7.4, 1.05 * sum(heights)), layout="constrained")
        panels = figure.subplots(len(heights), 1, sharex=True, gridspec_kw={"height_ratios": heights})
        peak = max((row.get("lr", 0.0) for fit in fits for row in fit.metrics), default=0.0)
        power = int(np.floor(np.log10(peak))) if peak > 0 else 0
        for number, fit in enumerate(fits):
            colour, dash, marker = (choice[number % 6] for choice in (SERIES, DASHES, MARKERS))
            epoch = [row["epoch"] for row in fit.metrics]
            look = {"color": colour, "linestyle": dash, "linewidth": 1.8}
            losses = [row.get("loss", np.nan) for row in fit.metrics]
            alone = marker if len(epoch) == 1 else ""  # a line needs two points to be seen
            panels[0].plot(epoch, losses, label=fit.label, marker=alone, **look)
            if score:
                known = [(row["epoch"], row[score]) for row in fit.metrics if score in row]
                panels[1].plot([epoch for epoch, _ in known], [value for _, value in known], marker=marker, **look)
            rates = [row.get("lr", np.nan) / 10.0**power for row in fit.metrics]
            panels[-1].stairs(rates, np.arange(len(rates) + 1), baseline=None, color=colour, linestyle=dash, linewidth=1.8)
        _kicks(panels, fits)
        panels[0].set_ylabel("training loss\n(nats)" if score == "log_loss" else "training loss")
        if score:
            panels[1].set_ylabel(NAMES.get(score, f"held-out\n{score.replace('_', ' ')}"))
        panels[-1].set_ylabel(f"learning rate\n(×10{str(power).translate(RAISED)})")
        panels[-1].set_xlabel("epoch")
        last = max([fit.epochs or 0 for fit in fits] + [row["epoch"] for fit in fits for row in fit.metrics])
        panels[-1].set_xlim(0, last * 1.01)  # room for half a marker
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[-1].set_ylim(bottom=0)
        for panel in panels[:-1]:
            panel.margins(y=0.12)
        panels[0].legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), handlelength=3, borderaxespad=0.2)
        figure.align_ylabels(panels)
        labels = " and ".join(dict.fromkeys(fit.label for fit in fits))
        shown = f"training loss, {f'held-out {score}, ' if score else ''}learning rate by epoch"
        told = f"Learning curves of {fits[0].model}, {labels}: {shown}."
        return as_svg(figure, name, told)


def held_out_score(fits: Sequence[Fit]) -> str | None:
    """The score that the fits were validated by: one of NAMES, else the first that their metrics name."""
    keys = [key for fit in fits for row in fit.metrics for key in row if is_held_out(key)]
    return next((name for name in NAMES if name in keys), next(iter(keys), None))


def kicks_of(fit: Fit) -> list[dict]:
    """The kicks of the fit's config and those that a plateau gave: epoch (from 0), epochs, factor."""
    config = fit.config.get("fit", {})
    planned = [kick for kick in config.get("kicks", []) if {"epoch", "epochs", "factor"} <= kick.keys()]
    plateau = {key: value for key, value in config.get("plateau", {}).items() if key in ("epochs", "factor")}
    return planned + [{"epoch": row["epoch"] - 1} | plateau for row in fit.metrics if row.get("kicked") and len(plateau) == 2]


def _kicks(panels: Sequence[Axes], fits: Sequence[Fit]) -> None:
    """Shade the time of each kick and write its factor at the learning rate's."""
    kicks = {(kick["epoch"], kick["epochs"], kick["factor"]) for fit in fits for kick in kicks_of(fit)}
    for start, length, factor in sorted(kicks):
        for panel in panels:
            panel.axvspan(start, start + length, facecolor=WARM, edgecolor=SERIES[1], linewidth=0.6, zorder=0)
        place: dict[str, Any] = {
            "xy": (start + length, 1),
            "xycoords": ("data", "axes fraction"),
            "xytext": (4, -2),
            "textcoords": "offset points",
        }
        panels[-1].annotate(f"kick ×{factor:g}", va="top", fontsize=9, color=MUTED, **place)


def reliability(curves: Sequence[tuple[str, Reliability, np.ndarray]], name: str) -> str:
    """Share of right first guesses against what they claim, and below how many photos claim what: (title, curve, claims)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.9 * len(curves) if len(curves) > 1 else 4.6, 4.9), layout="constrained")
        ratios = {"height_ratios": [3.4, 1]}
        panels = figure.subplots(2, len(curves), sharex=True, sharey="row", squeeze=False, gridspec_kw=ratios)
        for column, (title, curve, claims) in enumerate(curves):
            upper, lower = panels[:, column]
            upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
            low, high = wilson(curve.accuracy, curve.count)
            upper.vlines(curve.confidence, low, high, color=SERIES[column], linewidth=1.5)
            marker = {"marker": MARKERS[column], "markersize": 5.5, "linewidth": 1.1}
            upper.plot(curve.confidence, curve.accuracy, color=SERIES[column], **marker)
            lower.hist(claims, bins=np.linspace(0, 1, 21), color=SERIES[column], alpha=0.85, rwidth=0.9)
            upper.set_title(title, loc="left", fontsize=11, fontweight="bold")
            upper.set_ylim(-0.02, 1.02)
            lower.set_xlim(-0.02, 1.02)
            lower.set_xlabel("claimed probability of the first guess")
            upper.yaxis.set_major_formatter(PercentFormatter(1))
            lower.xaxis.set_major_formatter(PercentFormatter(1))
            lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        panels[0, 0].set_ylabel("first guesses that are right")
        panels[1, 0].set_ylabel("photos")
        figure.align_ylabels(panels[:, 0])
        told = "; ".join(
            f"{title}: "
            + ", ".join(f"claimed {c:.0%}, right {a:.0%}" for c, a in zip(curve.confidence, curve.accuracy, strict=True))
            for title, curve, _ in curves
        )
        return as_svg(figure, name, f"Reliability by bins of equally many photos. {told}.")


def wilson(share: np.ndarray, count: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of each share of `count` photos. Source: Wilson (JASA 22, 1927)."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half
