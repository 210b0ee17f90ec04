"""Where do a survey's heads differ from real ones? The mean of many heads, laid over each other by their two points.

examples:
  python benchmarks/mean_head.py input/real                          a wild survey beside the real head crops
  python benchmarks/mean_head.py input/real input/survey --out mean.png

Real heads are the crops of input/right_whale_heads, whose bonnet tip lies at x = 179 and blowhole at x = 67 of 224 px, by the
points that people set; a survey's photos are warped to the same by its own points, stretched twofold across as the crops are.
Each head is brought to mean 0 and standard deviation 1 before the mean is taken. Printed: the brightness along the midline, and
where it falls to half way between the bonnet and the water before it. The picture shows the means side by side, with the points.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from markdown_table import markdown_table
from numpy.typing import NDArray

from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition.photos import decode
from whichwhale.config import input_dir
from whichwhale.files import write_atomically
from whichwhale.geometry import warp
from whichwhale.localize.config import TruthConfig
from whichwhale.localize.truth import points_of, read_table

SIDE, TIP, BLOWHOLE = 224, np.array([179.0, 112.0]), np.array([67.0, 112.0])
ACROSS = 2.0  # how much crops are stretched across the head
POINTS = ("bonnet_tip", "blowhole")
SHOWN = np.arange(-1.25, 0.41, 0.05)  # d from the tip, forwards
MIDLINE = slice(100, 125)  # rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 2 it can't be carried out."""
    parser = parser_of("benchmarks/mean_head.py", __doc__)
    parser.add_argument("surveys", type=Path, nargs="+", metavar="SURVEY", help="folder of a survey, with its Sloth files")
    parser.add_argument("--heads", type=Path, metavar="FOLDER", help="real crops (default input/right_whale_heads/imgs)")
    parser.add_argument("--count", type=int, default=1500, metavar="N", help="heads of each at most (default %(default)s)")
    parser.add_argument("--out", type=Path, metavar="PNG", help="picture of the means")
    return carried_out(_asked, parser.parse_args(arguments), by="benchmarks/mean_head.py")


def _asked(options: argparse.Namespace) -> int:
    """Raises ValueError if a folder has no heads."""
    folder = options.heads or input_dir() / "right_whale_heads" / "imgs"
    crops = sorted(folder.iterdir())[: options.count] if folder.is_dir() else []
    if not crops or options.count < 1:
        raise ValueError(f"{folder}: has no head crops; link them there, or say --heads and a --count above 0")
    means = {"real heads": mean(cv2.resize(decode(path), (SIDE, SIDE)) for path in crops)}
    for survey in options.surveys:
        means[str(survey)] = mean(heads(survey, options.count))
    print("\n".join(as_text(means)))
    if options.out:
        ok, data = cv2.imencode(".png", side_by_side(list(means.values())))
        assert ok
        write_atomically(options.out, lambda stream: stream.write(data.tobytes()) and None)
    return 0


def heads(survey: Path, count: int) -> Iterator[NDArray[np.uint8]]:
    """The first `count` heads of a survey as crops, uint8 RGB. Raises ValueError if its annotations know no points."""
    table = read_table(TruthConfig(), survey)
    points = points_of(table, POINTS)
    known = np.flatnonzero(np.isfinite(points).all((1, 2)))[:count]
    if not len(known):
        raise ValueError(f"{survey}: its annotations have no photo with both points")
    for number in known:
        yield warp(decode(survey / "imgs" / table["Image"].iloc[number]), onto_crop(*points[number]), (SIDE, SIDE))


def onto_crop(tip: NDArray[np.float64], blowhole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Photo-to-crop transform [2, 3] that takes the two points to their places in a crop."""
    axis = tip - blowhole
    d = np.hypot(*axis)
    along, scale = axis / d, (TIP - BLOWHOLE)[0] / d
    linear = scale * np.array([along, ACROSS * np.array([-along[1], along[0]])])
    return np.column_stack([linear, BLOWHOLE - linear @ blowhole])


def mean(crops: Iterable[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """[SIDE, SIDE] mean of grey crops, each of mean 0 and standard deviation 1."""
    total, count = np.zeros((SIDE, SIDE)), 0
    for crop in crops:
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
        total += (grey - grey.mean()) / max(float(grey.std()), 1e-6)
        count += 1
    return total / count


def profile(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness along the midline at SHOWN."""
    row = image[MIDLINE].mean(0)
    return np.interp(TIP[0] + SHOWN * (TIP - BLOWHOLE)[0], np.arange(SIDE), row)


def front(image: NDArray[np.float64]) -> float:
    """d from the tip, forwards, where the bonnet's brightness has fallen half way to the water's; NaN if it doesn't."""
    row, d = image[MIDLINE].mean(0), (TIP - BLOWHOLE)[0]
    brightest = int(TIP[0] - 0.4 * d + row[int(TIP[0] - 0.4 * d) : int(TIP[0] + 0.2 * d)].argmax())
    half = (row[brightest] + row[int(TIP[0] + 0.2 * d)]) / 2
    below = np.flatnonzero(row[brightest:] <= half)
    if not len(below) or below[0] == 0:
        return float("nan")
    at = brightest + below[0]
    return float((at - 1 + (row[at - 1] - half) / (row[at - 1] - row[at]) - TIP[0]) / d)


def as_text(means: dict[str, NDArray[np.float64]]) -> list[str]:
    """The profiles in Markdown."""
    rows = [[f"{x:+.2f}", *(f"{profile(one)[number]:.2f}" for one in means.values())] for number, x in enumerate(SHOWN)]
    rows.append(["front edge at", *(f"{front(one):+.3f} d" for one in means.values())])
    return markdown_table(["d ahead of the tip", *means], rows)


def side_by_side(means: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
    """The means as one picture, their points marked."""
    shown = []
    for one in means:
        low, high = np.quantile(one, [0.01, 0.99])
        grey = (255 * np.clip((one - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
        picture = cv2.resize(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), None, fx=2, fy=2)
        for point in (TIP, BLOWHOLE):
            x, y = (2 * point).astype(int).tolist()
            cv2.line(picture, (x, y - 16), (x, y + 16), (60, 60, 255), 1)
        shown.append(picture)
    return np.concatenate(shown, 1)


if __name__ == "__main__":
    sys.exit(main())
