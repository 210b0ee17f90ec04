"""Which code is running: the commit of a checkout, and what differs from it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

CODE = ["src", "configs", "*.py", "requirements.txt"]


@dataclass(frozen=True)
class Checkout:
    """A git checkout.

    commit   of HEAD; `unknown` outside a checkout, or where there is no git
    changed  files of code or configs that differ from it, new ones included
    diff     of tracked files
    """

    commit: str
    changed: list[str]
    diff: str

    @classmethod
    def of(cls, folder: Path) -> Checkout:
        """The checkout that `folder` lies in."""

        def git(*arguments: str) -> str:
            done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=True)
            return done.stdout.decode("utf-8", "replace")

        try:
            top = git("rev-parse", "--show-toplevel").strip()
            commit = git("rev-parse", "HEAD").strip()
            status = git("-C", top, "status", "--porcelain", "--", *CODE).splitlines()
            return cls(commit, [line[3:] for line in status], git("diff", "HEAD"))
        except (OSError, subprocess.CalledProcessError):
            return cls("unknown", [], "")

    def __str__(self) -> str:
        if self.commit == "unknown":
            return "unknown (not a git checkout with a commit)"
        changes = f"with {len(self.changed)} uncommitted changes to code or configs" if self.changed else "clean"
        return f"{self.commit} ({changes})"
