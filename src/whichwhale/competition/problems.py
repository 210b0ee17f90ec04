"""What can be wrong with a competition's files: found all at once, told one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "note"]
SHOWN = 20  # problems in a message


@dataclass(frozen=True)
class Problem:
    """One finding: `kind` is a short stable name ('missing photo'), `where` the file (and line), `message` says it and the fix.

    `image` is the photo concerned, empty where the finding is about a whole file or a whale.
    """

    severity: Severity
    kind: str
    where: str
    message: str
    image: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}: {self.kind}: {self.message}"


class CompetitionError(ValueError):
    """A competition's files can't be used as they are; `problems` lists every reason, the message the first twenty, how many
    there are of each kind if there are more, and `advice`."""

    def __init__(self, problems: Sequence[Problem], advice: str = "") -> None:
        self.problems = list(problems)
        lines = [str(problem) for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            kinds = Counter(problem.kind for problem in self.problems)
            counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
            lines.append(f"... and {len(self.problems) - SHOWN} more; in all {counted}")
        super().__init__("\n".join([*lines, *filter(None, [advice])]))


def error(kind: str, where: str | Path, message: str, image: str = "") -> Problem:
    """A problem that stops a training."""
    return Problem("error", kind, str(where), message, image)


def note(kind: str, where: str | Path, message: str, image: str = "") -> Problem:
    """A problem that is handled, and told so that nobody is surprised."""
    return Problem("note", kind, str(where), message, image)


def errors(problems: Sequence[Problem]) -> list[Problem]:
    """Those problems that stop a training; notes do not."""
    return [problem for problem in problems if problem.severity == "error"]
