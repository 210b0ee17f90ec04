"""Where it comes from: commit, config, versions, times and peak memory of every fit."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import yaml

from whichwhale.config import to_yaml
from whichwhale.report import page
from whichwhale.report.curves import progress
from whichwhale.report.sources import Absent, Sources
from whichwhale.runs.fit import Fit

HEAD = ["fit", "state", "commit", "seed", "learned from", "held out", "epochs", "time", "photos/s", "memory"]


def origin(sources: Sources) -> str:
    """A table of fits, then versions and whole configs to open."""
    if not sources.fits:
        raise Absent(f"There is no run folder below {sources.short(sources.config.runs)} yet; train.py makes them.")
    rows = [_row(fit) for fit in sources.fits]
    told = (
        "Learned from, held out: photos. Time is that of the training steps, without validation and prediction; memory is the "
        "peak of the whole process (1 MB = 10⁶ bytes)."
    )
    parts = [page.paragraph(told), page.table("Every fit of this data set", HEAD, rows, 3)]
    changed = [f"{fit.model}, {fit.label}" for fit in sources.fits if fit.provenance.get("modified")]
    if changed:
        parts.append(
            page.paragraph(
                f"Code differed from the commit in {'; '.join(changed)}: changes.diff in the run folder has it.", "note"
            )
        )
    parts.append(_versions(sources.fits))
    parts.append(page.details(f"Config of the blend ({sources.config.name})", page.code(to_yaml(sources.config))))
    for model, group in groupby(sources.fits, key=lambda fit: fit.model):
        fit = next(group)
        parts.append(page.details(f"Config of {model} ({fit.label})", page.code(yaml.safe_dump(fit.config, sort_keys=False))))
    return "".join(parts)


def _row(fit: Fit) -> list[str]:
    photos, speeds = fit.provenance.get("photos", {}), fit.numbers("images_per_second")
    state = fit.status.get("state", "unknown")
    return [
        f"{fit.model}, {fit.label}",
        "fitted" if not progress(fit) else "not finished" if state == "running" else state,
        str(fit.provenance.get("commit", "unknown"))[:10] + (" + changes" if fit.provenance.get("modified") else ""),
        str(fit.provenance.get("seed", "")),
        _count(photos.get("training")),
        _count(photos.get("held out")),
        f"{fit.done} of {fit.epochs or '?'}",
        duration(sum(fit.numbers("seconds"))) if fit.metrics else "",
        f"{np.median(speeds):.1f}" if speeds else "",
        f"{max(fit.numbers('peak_memory_mb')):,.0f} MB" if fit.numbers("peak_memory_mb") else "",
    ]


def duration(seconds: float) -> str:
    """'1 h 03 min', '12 min', '40 s'."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if seconds >= 90 else f"{seconds:.0f} s"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _versions(fits: list[Fit]) -> str:
    """A column for each set of versions and machines that fits ran with."""
    sets: dict[str, dict[str, str]] = {}
    for fit in fits:
        about = {name: str(value) for key in ("machine", "versions") for name, value in fit.provenance.get(key, {}).items()}
        if about and about not in sets.values():
            sets[f"{fit.model}, {fit.label}" if sets else "all fits"] = about
    if not sets:
        return ""
    if len(sets) > 1:
        sets = {name.replace("all fits", "most fits"): about for name, about in sets.items()}
    packages = list(dict.fromkeys(package for about in sets.values() for package in about))
    rows = [[package, *(about.get(package, "") for about in sets.values())] for package in packages]
    return page.details("Versions and machine", page.table("Versions and machine", ["", *sets], rows, len(sets) + 1))
