"""How long each stage of a chain of commands took, and how much memory: one line a command in stages.jsonl.

A line is {"stage", "command", "time" (when it began, s since 1970), "seconds" (wall time), "peak_memory_mb", "exit"}. Memory is
that of the command with all its child processes together, sampled every two seconds (on Linux a shared page counts once, else
once a process), and never less than the largest single process had, as the system says when it is over. 1 MB = 10^6 bytes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from whichwhale.files import write_text
from whichwhale.runs.fit import rows

LEAST = 0.05  # s between looks whether it has ended
MOST = 2.0  # s between samples of memory; less at first. A sample of a large process costs a hundredth of a second


@dataclass(frozen=True)
class Stage:
    """All calls of one stage: wall time of those since a moment and of all of them, s; peak memory, MB; the last exit status."""

    name: str
    seconds: float
    seconds_of_all: float
    peak_memory_mb: float
    exit: int


def run_stage(log: Path, name: str, command: Sequence[str]) -> int:
    """Run `command`, append what it took to `log`; returns its exit status (as a shell does: 128 + signal if killed by one).

    Call it from a small process: on Linux the command's largest memory is never less than that of the process it was forked from.
    """
    began, clock = time.time(), time.monotonic()
    process = subprocess.Popen(list(command))
    before_us = signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # else it would go on alone
    try:
        peak = _watch(process)
    finally:
        signal.signal(signal.SIGTERM, before_us)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    row = {"stage": name, "command": list(command), "time": began, "seconds": round(time.monotonic() - clock, 2)}
    row |= {"peak_memory_mb": round(peak / 1e6), "exit": code}
    before = [json.dumps(old) for old in rows(log, "seconds")]
    write_text(log, "\n".join([*before, json.dumps(row)]) + "\n")
    return code


def read_stages(log: Path, since: float = 0.0) -> list[Stage]:
    """The stages in `log` in the order of their first call; a call counts as `seconds` if it began at `since` or later."""
    calls: dict[str, list[dict]] = {}
    for row in rows(log, "seconds"):
        calls.setdefault(str(row.get("stage")), []).append(row)
    return [
        Stage(
            name,
            sum(row["seconds"] for row in of if row["time"] >= since),
            sum(row["seconds"] for row in of),
            max(row["peak_memory_mb"] for row in of),
            of[-1]["exit"],
        )
        for name, of in calls.items()
    ]


def _watch(process: subprocess.Popen) -> float:
    """Wait for the process; returns the largest memory of it and its children together, bytes. Ctrl-C reaches it as well."""
    peak, began, asked = 0.0, time.monotonic(), 0.0
    while True:
        try:
            # Not process.wait(): the system tells what a single process took when it is waited for in this way.
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                process.returncode = os.waitstatus_to_exitcode(status)
                return max(peak, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
            now = time.monotonic()
            if now - asked > min(0.1 + (now - began) / 20, MOST):
                peak, asked = max(peak, _memory(process.pid)), time.monotonic()
            time.sleep(LEAST)
        except KeyboardInterrupt:
            continue  # it got the signal itself; how it ends is its business


def _memory(pid: int) -> float:
    total = 0.0
    try:
        family = [one := psutil.Process(pid), *one.children(recursive=True)]
    except psutil.Error:
        return total
    for one in family:
        try:
            info = one.memory_full_info()
            total += getattr(info, "pss", info.rss)
        except psutil.Error:  # ended meanwhile, or not ours to ask
            continue
    return total
