"""What is wrong with a submission, told all at once."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SHOWN = 10
"""Problems told of one kind; the rest is counted."""


class SubmissionError(ValueError):
    """A submission that is refused; the message lists the problems by kind, row and column."""


class Problems:
    """Collects problems by kind and raises them together, so that one run shows all that is to be mended."""

    def __init__(self, path: str | Path, refusal: str = "not a valid submission") -> None:
        self.path = path
        self.refusal = refusal
        self.shown: dict[str, list[str]] = {}
        self.count: Counter[str] = Counter()

    def add(self, kind: str, where: str) -> None:
        """One problem of a kind, a few words that are the same for all of its sort, and where it is."""
        self.count[kind] += 1
        if self.count[kind] <= SHOWN:
            self.shown.setdefault(kind, []).append(where)

    def refuse_if_any(self) -> None:
        """Raises SubmissionError with all that was added, if anything was."""
        if not self.count:
            return
        lines = [f"{self.path}: {self.refusal}"]
        for kind, shown in self.shown.items():
            lines.append(f"  {kind} ({self.count[kind]}):")
            lines += [f"    {where}" for where in shown]
            if self.count[kind] > len(shown):
                lines.append(f"    ... and {self.count[kind] - len(shown)} more")
        raise SubmissionError("\n".join(lines))

    def add_double(self, kind: str, names: Iterable[str]) -> None:
        """Add each name that occurs more than once."""
        for name, count in Counter(names).items():
            if count > 1:
                self.add(kind, f"{name!r}: {count} times")
