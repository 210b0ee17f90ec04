"""Draw a simulated aerial survey of right whales, in the layout of the 2015 competition.

examples:
  python -m whichwhale.survey input/survey --whales 60 --photos 900 --width 1152 --seed 0 --workers 2
  python -m whichwhale.survey input/heads --close-up --width 384 --whales 2000 --photos 20000 --test-photos 1000 --workers 2
  python -m whichwhale.survey input/lifelike --close-up --lifelike --width 288 --whales 4000 --photos 30000 --test-photos 400
  python -m whichwhale.survey input/parts --whales 40 --photos 360 --width 768 --two 60 --none 40 --parts --workers 2
  python -m whichwhale.survey input/wild --wild --whales 300 --photos 3000 --width 1152 --workers 2

OUT gets imgs/w_*.jpg, train.csv, sample_submission.csv, callosity.csv, the annotations points1.json (bonnet tips), points2.json
(blowholes) and slot.json (head boxes), for training and test photos alike as in the real competition's files, and truth/:
solution.csv (who is in the test photos; new_whale for unknown animals), metadata.csv, survey.json. With --parts also parts.csv,
the boxes of head, flippers, fluke and callosities in contract 1. Run again, it draws only what is missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from whichwhale.command_line import carried_out, parser_of
from whichwhale.survey import plan, shoot


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 2 the command can't be carried out."""
    parser = parser_of("python -m whichwhale.survey", __doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write")
    parser.add_argument(
        "--whales", type=int, default=60, help="known animals, each with at least one training photo (default 60)"
    )
    parser.add_argument("--photos", type=int, default=900, help="training and test photos together (default 900)")
    parser.add_argument("--width", type=int, default=1152, help="pixels; the height is two thirds of it (default 1152)")
    parser.add_argument(
        "--close-up",
        action="store_true",
        help="photos of little but the head, bonnet tip to the right, d a third of the width: many whales in little time, to "
        "learn from or to try identification alone",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same pixels (default 0)")
    test = parser.add_mutually_exclusive_group()
    test.add_argument("--test-photos", type=int, metavar="N", help="how many of the photos are test photos")
    test.add_argument("--test-share", type=float, default=0.25, metavar="S", help="or which share of them (default 0.25)")
    parser.add_argument(
        "--unknown", type=int, default=0, metavar="N", help="further animals that appear only among the test photos (default 0)"
    )
    parser.add_argument(
        "--two", type=int, default=0, metavar="N", help="photos that show a second, unknown whale beside the first (default 0)"
    )
    parser.add_argument(
        "--none", type=int, default=0, metavar="N", help="further photos of the open sea; their whale is no_whale (default 0)"
    )
    parser.add_argument("--parts", action="store_true", help="write parts.csv: boxes of head, flippers, fluke, callosities")
    parser.add_argument(
        "--wild",
        action="store_true",
        help="sea, light, camera, pose, place, size and animals vary far more than in real photos: to train what must find its "
        "way in real ones unseen",
    )
    parser.add_argument(
        "--lifelike",
        action="store_true",
        help="with --close-up: skin, mouth, water, light and camera as in real head crops, a photo unlike the next, and patterns "
        "with the variety of real ones",
    )
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    return carried_out(run, parser.parse_args(arguments))


def run(options: argparse.Namespace) -> None:
    """Draw what is missing. Raises ValueError, OSError."""
    count = options.test_photos if options.test_photos is not None else round(options.photos * options.test_share)
    began = time.monotonic()
    size = options.whales, options.photos, options.width, options.seed, count, options.unknown
    more = {"two": options.two, "none": options.none, "parts": options.parts, "wild": options.wild, "lifelike": options.lifelike}
    survey = plan.Survey(*size, close_up=options.close_up, **more)
    drawn = shoot.make(survey, options.out, options.workers)
    took = time.monotonic() - began
    pace = f", {drawn} drawn in {took:.0f} s ({drawn / took:.1f} a second)" if drawn else ", all there already"
    sea = f" and {survey.none} of the open sea" if survey.none else ""
    print(f"{options.out}: {survey.photos} photos of {survey.whales} whales, {survey.test_photos} of them test photos{sea}{pace}")


if __name__ == "__main__":
    sys.exit(main())
