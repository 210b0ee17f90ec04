"""What a command line that scores can be told beside whom to score: of fits (`blend score`) and of files (`score`) alike."""

from __future__ import annotations

import argparse
from pathlib import Path

from whichwhale.score.quality import POINTS, read_quality


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let `parser` take them."""
    parser.add_argument(
        "--quality", metavar="CSV", help="annotations.csv, or a passport store's index.csv: scores by d and by sd of points"
    )
    parser.add_argument(
        "--points",
        default=",".join(POINTS),
        metavar="A,B",
        help=f"in annotations: d is their distance (default {','.join(POINTS)})",
    )
    parser.add_argument("--part", default="head", help="in annotations: the part that has the points (default head)")
    parser.add_argument(
        "--new-whale", type=float, metavar="P", help="MAP@5: new_whale comes before guesses below this probability"
    )
    parser.add_argument("--worst", type=int, default=10, metavar="N", help="whales listed, the worst first (default 10)")
    parser.add_argument("--reliability", action="store_true", help="bins of the reliability diagram; whichwhale.report draws it")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap intervals (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")


def how(options: argparse.Namespace) -> dict:
    """Keyword arguments of `judge` from what `add_options` added. Raises QualityError, ValueError for --points."""
    if options.new_whale is not None and not 0 <= options.new_whale <= 1:
        raise ValueError(f"--new-whale {options.new_whale:g}: is a probability, between 0 and 1")
    points = options.points.split(",")
    if len(points) != 2 or len(set(points)) < 2 or not all(points):
        raise ValueError(f"--points {options.points}: two names, such as {','.join(POINTS)}")
    quality = read_quality(options.quality, points, options.part) if options.quality else None
    told = {name: getattr(options, name) for name in ("new_whale", "worst", "seed", "reliability")}
    return {"quality": quality} | told
