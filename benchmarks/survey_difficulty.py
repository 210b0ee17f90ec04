"""Is a survey hard enough? Nearest neighbour on raw 32 × 32 passports made from the true points: top-1 on the test photos.

    python benchmarks/survey_difficulty.py input/survey                      (python -m whichwhale.survey input/survey first)
    python benchmarks/survey_difficulty.py --heads input/right_whale_heads   (real aligned heads, 5-fold over the training photos)

A whole-photo nearest neighbour at the same size stands beside it: what sea and light alone give away. A survey should lie
between 10 and 25 %.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from whichwhale.command_line import carried_out, parser_of
from whichwhale.geometry import similarity_from_points, warp

SIDE = 32
BONNET, BLOWHOLE = (179 / 224, 0.5), (67 / 224, 0.5)  # where the real crops have the points


def passport(pixels: NDArray[np.uint8], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """The head [32, 32, 3] of an RGB photo, from bonnet tip and blowhole [2, 2] (pixels), by a similarity, then squashed
    across twofold."""
    size = (128, 64)
    target = np.array([BONNET, BLOWHOLE]) * size - 0.5
    head = warp(pixels, similarity_from_points(points, target), size)
    return small(head)


def small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Squashed to [32, 32, 3] by averaging."""
    return cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def top_1(gallery: NDArray[np.float32], names: NDArray, query: NDArray[np.float32], truth: NDArray) -> float:
    """Share of queries whose nearest gallery vector (Euclidean) bears their name."""
    a, b = gallery.reshape(len(gallery), -1), query.reshape(len(query), -1)
    distance = (a * a).sum(1)[None] - 2 * b @ a.T
    return float((names[distance.argmin(1)] == truth).mean())


def read(path: Path) -> NDArray[np.uint8]:
    """RGB [h, w, 3]."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path}: can't be read")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def survey(root: Path) -> None:
    """Print the table of a survey's folder."""
    truth = pd.read_csv(root / "truth" / "metadata.csv")
    truth = truth[truth["known"]]
    heads, wholes = [], []
    for row in tqdm(truth.itertuples(), total=len(truth), unit="photo"):
        pixels = read(root / "imgs" / row.Image)
        heads.append(passport(pixels, np.array([[row.bonnet_tip_x, row.bonnet_tip_y], [row.blowhole_x, row.blowhole_y]])))
        wholes.append(small(pixels))
    names, test = truth["whaleID"].to_numpy(), truth["test"].to_numpy()
    encounters = truth["encounter"].to_numpy()
    counts = f"{(~test).sum()} training and {test.sum()} test photos, {len(set(names))} whales"
    print(f"{root}: {counts}, chance about {1 / len(set(names)):.1%}")
    apart = ~np.isin(encounters[test], encounters[~test])
    for label, images in (("passport from true points", np.array(heads)), ("whole photo", np.array(wholes))):
        gallery, query = (images[~test], names[~test]), (images[test], names[test])
        line = f"nearest neighbour on raw {SIDE} x {SIDE}, {label}: top-1 {top_1(*gallery, *query):.1%}"
        if apart.any():
            alone = top_1(*gallery, query[0][apart], query[1][apart])
            line += f"; the {apart.sum()} test photos of encounters without a training photo: {alone:.1%}"
        print(line)


def heads(root: Path) -> None:
    """Print the row of the real heads."""
    table = pd.read_csv(root / "train.csv")
    images = np.array([small(read(root / "imgs" / image)) for image in tqdm(table["Image"], unit="photo")])
    names, fold = table["whaleID"].to_numpy(), np.random.default_rng(0).integers(0, 5, len(table))
    scores = [top_1(images[fold != k], names[fold != k], images[fold == k], names[fold == k]) for k in range(5)]
    found = f"nearest neighbour on raw {SIDE} x {SIDE}, 5-fold top-1 {np.mean(scores):.1%}"
    print(f"{root}: {len(table)} heads of {len(set(names))} whales, {found}")


def main() -> int:
    """Exit codes: 0 measured, 2 it can't be carried out."""
    parser = parser_of("benchmarks/survey_difficulty.py", __doc__)
    parser.add_argument("survey", type=Path, nargs="?", help="folder of a survey")
    parser.add_argument("--heads", type=Path, help="folder of aligned heads in the Kaggle layout")
    options = parser.parse_args()
    if options.survey is None and options.heads is None:
        parser.error("name a survey's folder, or --heads FOLDER")
    return carried_out(benchmark, options)


def benchmark(options: argparse.Namespace) -> None:
    """Measure what was named. Raises ValueError, OSError."""
    if options.survey is not None:
        survey(options.survey)
    if options.heads is not None:
        heads(options.heads)


if __name__ == "__main__":
    sys.exit(main())
