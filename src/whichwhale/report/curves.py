"""Learning curves of every fit of the data set."""

from __future__ import annotations

from itertools import groupby

from whichwhale.report import page
from whichwhale.report.charts import kicks_of, learning_curves
from whichwhale.report.sources import Absent, Sources
from whichwhale.runs.fit import Fit


def curves(sources: Sources) -> str:
    """A chart a model, and beside it how far fits are that are not finished."""
    if not sources.fits:
        raise Absent(f"There is no run folder below {sources.short(sources.config.runs)} yet; train.py makes them.")
    told = (
        "A line a fit. The training loss is what the fit minimises, on distorted pictures and with whatever margin, smoothing "
        "and auxiliary target its config asks for, so it can't be compared with the held-out score, which is measured on photos "
        "that the fit has not seen. Shaded: a kick, where the learning rate is raised for a while to shake the model out of a "
        "poor minimum, after which it settles again, often lower."
    )
    parts = [page.paragraph(told)]
    for number, (model, group) in enumerate(groupby(sources.fits, key=lambda fit: fit.model)):
        fits = list(group)
        parts.append(page.heading(model))
        drawn = [fit for fit in fits if fit.metrics]
        if drawn:
            parts.append(page.figure(learning_curves(drawn, f"curves{number}"), _caption(drawn), "chart"))
        parts += [page.paragraph(unfinished, "note") for fit in fits if (unfinished := progress(fit))]
    here = {fit.model for fit in sources.fits}
    home = sources.config.runs  # neighbours and models from elsewhere have predictions, but no run folder
    absent = [name for name in sources.config.members if name not in here and not any(home.glob(f"{name}/fold*/predictions.npz"))]
    parts += [page.paragraph(f"{name}: no fit has started.", "note") for name in absent]
    return "".join(parts)


def progress(fit: Fit) -> str:
    """One sentence on a fit that is not finished; empty for a finished one."""
    state = fit.status.get("state", "unknown")
    if state == "fitted":
        return ""
    done = f"{fit.metrics[-1]['epoch'] if fit.metrics else 0} of {fit.epochs or '?'} epochs are done"
    ends = {"failed": f"failed: {fit.status.get('error', 'no reason kept')}", "running": "not finished", "new": "not started"}
    return f"{fit.model}, {fit.label}: {ends.get(state, f'state {state}')}; {done}."


def _caption(fits: list[Fit]) -> str:
    kicks = sorted({(kick["epoch"], kick["epochs"], kick["factor"]) for fit in fits for kick in kicks_of(fit)})
    told = [f"×{factor:g} for {length:g} epoch{'s' * (length != 1)} after epoch {start:g}" for start, length, factor in kicks]
    rate = f"Kicks of the learning rate: {', '.join(told)}." if told else "This model is fitted without kicks."
    return f"{rate} The learning rate is that of the middle of each epoch."
