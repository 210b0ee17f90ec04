"""List, show and compare fits; measure the stages of a chain of commands.

examples:
  python -m whichwhale.runs list                                       every fit of every data set
  python -m whichwhale.runs list survey                                those of runs/survey
  python -m whichwhale.runs show runs/survey/passports/fold0           one fit: state, origin, epochs, config
  python -m whichwhale.runs show runs/survey/passports/fold0 runs/survey/wider/fold0      how two differ
  python -m whichwhale.runs stage demo survey python -m whichwhale.survey input/demo      run a command, keep what it took
  python -m whichwhale.runs stages demo                                a table of what was kept
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from whichwhale.command_line import carried_out, parser_of
from whichwhale.config import runs_dir
from whichwhale.runs.fit import Fit, fits, read_fit
from whichwhale.runs.stages import read_stages, run_stage
from whichwhale.text_table import text_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out; `stage` returns that of its command."""
    parser = parser_of("python -m whichwhale.runs", __doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="a line a fit")
    listing.add_argument("dataset", nargs="*", help="folders below runs/ (default: all)")
    listing.set_defaults(run=_list)
    showing = commands.add_parser("show", help="one fit, or how two differ")
    showing.add_argument("folders", type=Path, nargs="+", metavar="RUN", help="run folder, such as runs/survey/passports/fold0")
    showing.set_defaults(run=_show)
    stage = commands.add_parser("stage", help="run a command and keep its wall time and peak memory in runs/DATASET/stages.jsonl")
    stage.add_argument("dataset")
    stage.add_argument("name", help="of the stage")
    stage.add_argument("what", nargs=argparse.REMAINDER, metavar="COMMAND", help="the command and its arguments")
    stage.set_defaults(run=_stage)
    stages = commands.add_parser("stages", help="table of the stages that were kept")
    stages.add_argument("dataset")
    stages.add_argument("--since", type=float, default=0.0, metavar="T", help="seconds since 1970: earlier calls apart")
    stages.set_defaults(run=_stages)
    options = parser.parse_args(arguments)
    return carried_out(options.run, options)


def _list(options: argparse.Namespace) -> int:
    home = runs_dir()
    names = options.dataset or sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else options.dataset
    found = {name: fits(home / name) for name in names}
    if empty := [name for name in options.dataset if not found[name]]:
        raise ValueError(f"{home / empty[0]}: holds no fit; train.py makes them")
    head = ["model", "fold", "state", "epochs", "time", "images/s", "peak MB", "held-out scores of the last validation"]
    for name, runs in found.items():
        if runs:
            print(f"{home / name}\n{text_table(head, [_line(fit) for fit in runs], left=(0, 1, 2, 7))}")
    if not any(found.values()):
        raise ValueError(f"{home}: holds no fit; train.py makes them")
    return 0


def _line(fit: Fit) -> list[str]:
    speeds, peaks = fit.numbers("images_per_second"), fit.numbers("peak_memory_mb")
    return [
        fit.model,
        fit.fold.removeprefix("fold"),
        fit.state(),
        f"{fit.done}/{fit.epochs or '?'}",
        clock(sum(fit.numbers("seconds"))) if fit.metrics else "",
        f"{statistics.median(speeds):.1f}" if speeds else "",
        f"{max(peaks):,.0f}" if peaks else "",
        "  ".join(f"{key} {value:.4g}" for key, value in fit.scores().items()),
    ]


def _show(options: argparse.Namespace) -> int:
    if len(options.folders) > 2:
        raise ValueError("show takes one run folder, or two to compare")
    runs = [read_fit(path) for path in options.folders]
    if missing := [fit.path for fit in runs if not fit.config]:
        raise ValueError(f"{missing[0]}: is no run folder (config.yaml is missing); those are runs/<dataset>/<model>/fold<k>")
    if len(runs) == 2:
        _compare(*runs)
        return 0
    (fit,) = runs
    about, status = fit.provenance, fit.status
    print(f"{fit.path}: {fit.state()}, {fit.done} of {fit.epochs or '?'} epochs")
    if "time" in status:
        print(f"last sign of life  {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(status['time']))}")
    for key in ("error", "weights_from"):
        if key in status:
            print(f"{key:<19}{status[key]}")
    changed = about.get("modified") or []
    print(f"commit             {about.get('commit', 'unknown')}{f', {len(changed)} files changed' if changed else ''}")
    print(f"seed, photos       {about.get('seed')}, " + ", ".join(f"{k} {v}" for k, v in about.get("photos", {}).items()))
    print(f"files              {', '.join(sorted(path.name for path in fit.path.iterdir()))}\n")
    keys = list(dict.fromkeys(key for row in fit.metrics for key in row))
    print(text_table(keys, [[_short(row.get(key)) for key in keys] for row in fit.metrics], left=()))
    print("\n" + yaml.safe_dump(fit.config, sort_keys=False).rstrip())
    return 0


def _compare(one: Fit, other: Fit) -> None:
    names = [str(fit.path) for fit in (one, other)]
    sides = [_flat({"config": fit.config, "commit": fit.provenance.get("commit"), "data": fit.provenance.get("tables")})
             for fit in (one, other)]  # fmt: skip
    differing = [key for key in dict.fromkeys([*sides[0], *sides[1]]) if sides[0].get(key) != sides[1].get(key)]
    lines = [[key.removeprefix("config."), *(_short(side.get(key, "absent")) for side in sides)] for key in differing]
    print(text_table(["what differs", *names], lines, left=(0, 1, 2)) if lines else "same config, commit and data")
    scores = [fit.scores() | {"epochs": fit.done} for fit in (one, other)]
    keys = dict.fromkeys([*scores[0], *scores[1]])
    lines = [[key, *(_short(side.get(key)) for side in scores)] for key in keys]
    print("\n" + text_table(["held-out score", *names], lines, left=(0,)))


def _stage(options: argparse.Namespace) -> int:
    if not options.what:
        raise ValueError("stage: which command? For example: stage demo survey python -m whichwhale.survey input/demo")
    try:
        return run_stage(runs_dir() / options.dataset / "stages.jsonl", options.name, options.what)
    except OSError as error:
        raise ValueError(f"{options.what[0]}: can't be started ({error.strerror})") from None


def _stages(options: argparse.Namespace) -> int:
    log = runs_dir() / options.dataset / "stages.jsonl"
    found = read_stages(log, options.since)
    if not found:
        raise ValueError(f"{log}: no stage was measured; `python -m whichwhale.runs stage --help` says how")
    earlier = any(stage.seconds != stage.seconds_of_all for stage in found)
    body = [
        [one.name, clock(one.seconds), clock(one.seconds_of_all), f"{one.peak_memory_mb:,.0f}", "" if not one.exit else "failed"]
        for one in found
    ]
    total = [sum(one.seconds for one in found), sum(one.seconds_of_all for one in found)]
    body.append(["total", *map(clock, total), f"{max(one.peak_memory_mb for one in found):,.0f}", ""])
    head = ["stage", "wall time", "with earlier calls", "peak MB", ""]
    keep = [column for column in range(5) if earlier or column != 2]
    print(text_table([head[c] for c in keep], [[line[c] for c in keep] for line in body], left=(0, len(keep) - 1)))
    return 0


def clock(seconds: float) -> str:
    """'1:02:03', '4:05', '0:07'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _short(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and len(value) in (40, 64) and not value.strip("0123456789abcdef"):
        return value[:12]  # a fingerprint
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _flat(value: object, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {prefix: value}
    inside = f"{prefix}." if prefix else ""
    return {key: leaf for name, part in value.items() for key, leaf in _flat(part, f"{inside}{name}").items()}


if __name__ == "__main__":
    sys.exit(main())
