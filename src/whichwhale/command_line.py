"""What all command lines do alike: help as it was written, a config with changes, one message if nothing comes of it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def parser_of(prog: str, about: str | None, examples: str | None = None) -> argparse.ArgumentParser:
    """A parser whose help shows `about` (a module's docstring, say) and then `examples`, line by line as they are."""
    form = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(prog=prog, description=about, epilog=examples, formatter_class=form)


def add_config(parser: argparse.ArgumentParser, what: str, changes: str) -> None:
    """Let `parser` take a YAML, `config`, and key=value after it, `override`; what the two are, for the help."""
    parser.add_argument("config", type=Path, help=what)
    parser.add_argument("override", nargs="*", metavar="key=value", help=changes)


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None, late: str) -> argparse.Namespace:
    """The parsed command line, where words of the list `late` may also stand behind options (argparse alone takes them in one
    piece). Ends the program as argparse does, if a command without `late` has such words, or an option is unknown."""
    options, more = parser.parse_known_args(arguments)
    if more and (late not in options or any(one.startswith("-") for one in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        setattr(options, late, [*getattr(options, late), *more])
    return options


class _Patient:
    """Standard output `stream` that swallows what is written when nobody reads it any more."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            return self._unread(len(text))

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._unread(0)

    def _unread(self, written: int) -> int:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())  # what is in the buffer still goes there, at the end of the program at last
        os.close(nowhere)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def carried_out(run: Callable[..., int | None], *what: object, by: str = "") -> int:
    """Call `run(*what)` and give the command's exit code: what `run` returns (None: 0), or 2 if it can't be carried out.

    That is a ValueError, as every error of the house is, or what the system refuses (OSError: a full disk, a missing file): one
    message on stderr, after the name `by` if there is one. Any other error is the program's own and keeps its traceback. Whoever
    stops reading what is printed, as `| head` does, has read enough: the work goes on, and nothing more is printed.
    """
    try:
        with redirect_stdout(_Patient(sys.stdout)):
            code = run(*what) or 0
            sys.stdout.flush()
        return code
    except (ValueError, OSError) as problem:
        print(f"{by}: {problem}" if by else problem, file=sys.stderr)
        return 2
