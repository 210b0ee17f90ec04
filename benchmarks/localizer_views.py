"""How a wild survey's localizer should look at photos: usual ones, those that a head nearly fills, and those without any head.

examples:
  python benchmarks/real_photos.py --alone           first, once: draws input/real and fits the localizer
  python benchmarks/localizer_views.py               every row, 100 photos of each kind
  python benchmarks/localizer_views.py --count 20    fewer

Photos of three kinds, of which none trained the localizer: those that its fold left out (usual); the same cut so that d, the
distance from bonnet tip to blowhole, takes 35 to 50 % of the width (large), where their margins allow it; and as many of the open
sea (empty), drawn into input/DATASET_empty with as many that have a head and aren't used. A head is missed if nothing was found,
or a true point lies outside the field that an aligner sees about the box. All goes to runs/DATASET/localizer_views.json. Takes 15
minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from localize import ROOT
from localize_measured import NAMES, against_boxes
from markdown_table import markdown_table
from numpy.typing import NDArray
from side_by_side import Commands, Run
from sklearn.metrics import roc_auc_score

from whichwhale.annotations.table import BOX
from whichwhale.checkout import Checkout
from whichwhale.command_line import carried_out, parser_of
from whichwhale.competition import folds
from whichwhale.competition.photos import decode
from whichwhale.config import input_dir, runs_dir
from whichwhale.files import write_atomically, write_json
from whichwhale.localize.config import TruthConfig
from whichwhale.localize.error import errors
from whichwhale.localize.locating import Locator, read_fitted
from whichwhale.localize.truth import read_table

CONFIG = ROOT / "configs" / "survey" / "localizer_wild.yaml"
ROWS = {
    "four quarter turns": ("views={rotations: [0, 90, 180, 270], mirror: false}",),
    "and at sizes 0.8, 1, 1.25": ("views={rotations: [0, 90, 180, 270], zooms: [0.8, 1, 1.25], mirror: false}",),
    "0 and 180 degrees": ("views={rotations: [0, 180], mirror: false}",),
    "and mirrored": ("views={rotations: [0, 180]}",),
    "and at sizes 0.7, 1": ("views={rotations: [0, 180], zooms: [0.7, 1]}",),
    "and at sizes 0.5, 0.7, 1": ("views={rotations: [0, 180], zooms: [0.5, 0.7, 1]}",),
    "and at sizes 0.8, 1": ("views={rotations: [0, 180], zooms: [0.8, 1]}",),
    "and from further away (`localizer_wild.yaml`)": ("views={rotations: [0, 180], zooms: [0.8, 1]}", "step_back=0.3"),
}
HEAD = [
    *(
        "views",
        "usual: missed",
        "both in box",
        "own points, median",
        "95 %",
        "large: missed",
        "both in box",
        "own points, median",
    ),
    *("heads and open sea told apart (AUC)", "heads in the open sea", "heads lost by it"),
]
SHARE = (0.35, 0.5)  # d over the width of a photo cut about its head


def main(arguments: Sequence[str] | None = None, run: Run | None = None) -> int:
    """Exit codes: 0 done, 2 it can't be carried out."""
    parser = parser_of("benchmarks/localizer_views.py", __doc__)
    parser.add_argument("--dataset", default="real", help="as for real_photos.py (default %(default)s)")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="photos of each kind (default %(default)s)")
    parser.add_argument("--least-score", type=float, default=0.15, metavar="S", help="of a head (default %(default)s)")
    parser.add_argument("--width", type=int, default=1152, help="of the photos of the open sea (default %(default)s)")
    options = parser.parse_args(arguments)
    return carried_out(_asked, options, run or Commands(1), by="benchmarks/localizer_views.py")


@dataclass(frozen=True, eq=False)
class Photos:
    """Files by name, and their true boxes and points (contract 1)."""

    paths: dict[str, Path]
    truth: pd.DataFrame


def _asked(options: argparse.Namespace, run: Run) -> int:
    """Raises ValueError if the localizer isn't fitted, or a command fails."""
    if options.count < 2:
        raise ValueError(f"--count {options.count}: at least two photos of each kind")
    home, survey = runs_dir() / options.dataset, input_dir() / options.dataset
    if not (home / "localizer" / "fold0" / "model.safetensors").exists():
        raise ValueError(f"{home / 'localizer'}: not fitted yet; python benchmarks/real_photos.py --alone makes it")
    dealt = folds.read(home / "folds.csv")
    truth = read_table(TruthConfig(), survey)
    held = sorted(set(dealt.loc[dealt["fold"] == 0, "Image"]) & set(truth.loc[truth["status"] == "ok", "Image"]))[: options.count]
    truth = truth[truth["Image"].isin(set(held))].reset_index(drop=True)
    usual = Photos({image: survey / "imgs" / image for image in truth["Image"]}, truth)
    large = cut(usual, input_dir() / f"{options.dataset}_large")
    empty = open_sea(input_dir() / f"{options.dataset}_empty", options.count, options.width, home / "logs" / "empty.txt", run)
    rows = []
    for name, changes in ROWS.items():
        locator = Locator(read_fitted(home / "localizer", (*changes, "least_score=0"), 0), None)
        rows.append({"views": name, "changes": list(changes)} | figures(locator, usual, large, empty, options.least_score))
        print(f"{name}: done", flush=True)
    about = {"photos": len(held), "empty": len(empty), "least_score": options.least_score, "commit": str(Checkout.of(ROOT))}
    write_json(home / "localizer_views.json", about | {"rows": rows})
    print("\n" + as_text(rows))
    return 0


def figures(locator: Locator, usual: Photos, large: Photos, empty: dict[str, Path], least: float) -> dict[str, float]:
    """Of one row: errors of the localizer's own points in d; `false`, the share of empty photos with a head of score `least`, and
    `lost`, that of usual ones without."""
    found, told = {}, {}
    for kind, photos in (("usual", usual), ("large", large)):
        table = found[kind] = locator.locate(photos.paths)
        error, boxes = errors(table, photos.truth, NAMES)["error"], against_boxes(table, photos.truth)
        told |= {f"{kind}_{p}": float(np.percentile(error, p)) for p in (50, 95)}
        told |= {f"{kind}_missed": round(boxes["out_of_field"] * len(table)), f"{kind}_inside": boxes["inside"]}
    heads, sea = (table["score"].to_numpy(float) for table in (found["usual"], locator.locate(empty)))
    told["auc"] = float(roc_auc_score([1] * len(heads) + [0] * len(sea), [*heads, *sea]))
    return told | {"false": float((sea >= least).mean()), "lost": float((heads < least).mean())}


def cut(photos: Photos, folder: Path) -> Photos:
    """A part of each photo, written into `folder`, in which the head is large."""
    (folder / "imgs").mkdir(parents=True, exist_ok=True)
    rng, table = np.random.default_rng(0), photos.truth.copy()
    for number, image in enumerate(table["Image"]):
        photo = decode(photos.paths[image])
        corner, size = about_head(table.loc[number], (photo.shape[1], photo.shape[0]), rng)
        part = photo[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]]
        ok, data = cv2.imencode(".jpg", part[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        assert ok
        write_atomically(folder / "imgs" / image, lambda stream, data=data: stream.write(data.tobytes()) and None)
        for axis, shift in zip(("x", "y"), corner, strict=True):
            table.loc[number, [axis, *(f"{name}_{axis}" for name in NAMES)]] -= shift
        table.loc[number, ["photo_width", "photo_height"]] = size
    return Photos({image: folder / "imgs" / image for image in table["Image"]}, table)


def about_head(row: pd.Series, photo: tuple[int, int], rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corner and size (x, y; whole px) of a part of 3:2 that holds the row's box at a random place; d is SHARE of its width, or
    less where the box needs more room."""
    box, (first, second) = row[BOX].to_numpy(float), (row[[f"{name}_x", f"{name}_y"]].to_numpy(float) for name in NAMES)
    width = np.hypot(*(first - second)) / rng.uniform(*SHARE)
    size = np.minimum(np.ceil(np.maximum([width, width / 1.5], box[2:] + 2)), photo)  # 2: room for whole px
    low = np.ceil(np.maximum(0, box[:2] + box[2:] - size))
    high = np.floor(np.minimum(box[:2], np.array(photo) - size))
    return rng.integers(low, np.maximum(low, high) + 1).astype(np.int64), size.astype(np.int64)


def open_sea(folder: Path, count: int, width: int, log: Path, run: Run) -> dict[str, Path]:
    """`count` wild photos of the open sea, drawn if they are not there. Raises ValueError if the command fails."""
    if not (folder / "truth" / "survey.json").exists():
        told = ["--wild", "--whales", "2", "--photos", str(count + 1), "--test-photos", "1", "--none", str(count), "--seed", "9"]
        command = [sys.executable, "-m", "whichwhale.survey", str(folder), *told, "--width", str(width)]
        if run(log, command):
            raise ValueError(f"whichwhale.survey failed, see {log}")
    names = pd.concat([pd.read_csv(folder / name, dtype=str) for name in ("train.csv", "truth/solution.csv")])
    images = sorted(names.loc[names["whaleID"] == "no_whale", "Image"]) if "whaleID" in names else []
    if len(images) < count:
        raise ValueError(f"{folder}: has {len(images)} photos of the open sea, not {count}; delete it")
    return {image: folder / "imgs" / image for image in images[:count]}


def as_text(rows: Sequence[dict[str, Any]]) -> str:
    """The table in Markdown."""
    cells = []
    for one in rows:
        usual = [
            f"{one['usual_missed']}",
            f"{100 * one['usual_inside']:.0f} %",
            f"{one['usual_50']:.2f} d",
            f"{one['usual_95']:.2f} d",
        ]
        large = [f"{one['large_missed']}", f"{100 * one['large_inside']:.0f} %", f"{one['large_50']:.2f} d"]
        sea = [f"{one['auc']:.3f}", f"{100 * one['false']:.0f} %", f"{100 * one['lost']:.0f} %"]
        cells.append([one["views"], *usual, *large, *sea])
    return "\n".join(markdown_table(HEAD, cells))


if __name__ == "__main__":
    sys.exit(main())
