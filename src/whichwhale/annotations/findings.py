"""What `check` found: one line each, and their table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: 'error' (wrong, or so far from the others that somebody must look) or 'warning' (may be right).
        kind: what sort of thing, a few words that are the same for all of its sort.
        image, entry: the photo, and where in the file its row stands.
        what: what is so, with its figures.
        fix: what to do.
    """

    level: str
    kind: str
    image: str
    entry: str
    what: str
    fix: str


def line(finding: Finding, file: object) -> str:
    """One line: file, entry, level, kind, what, fix."""
    return f"{file}, {finding.entry}: {finding.level}: {finding.kind}: {finding.what}; {finding.fix}"


def summary(findings: Sequence[Finding], photos: int, rows: int) -> str:
    """A table of kinds: errors, warnings, photos."""
    kinds = sorted({finding.kind for finding in findings}, key=lambda kind: [f.kind for f in findings].index(kind))
    lines = [f"{'':<22}{'errors':>8}{'warnings':>10}{'photos':>8}"]
    for kind in [*kinds, "all"]:
        mine = [finding for finding in findings if kind in (finding.kind, "all")]
        counts = [sum(f.level == level for f in mine) for level in (ERROR, WARNING)]
        lines.append(f"{kind:<22}{counts[0]:>8}{counts[1]:>10}{len({f.image for f in mine}):>8}")
    return "\n".join([*lines, f"of {photos} photos, {rows} parts"])


def as_json(findings: Iterable[Finding]) -> str:
    """A list of objects with Finding's fields."""
    return json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False) + "\n"


def as_csv(findings: Iterable[Finding]) -> str:
    """A table with Finding's fields as columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Finding.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(finding) for finding in findings)
    return text.getvalue()
