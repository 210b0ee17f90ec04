"""A survey that nobody trained on: other width, other colours, other head size, made of a drawn one by cropping and recolouring.

Waves, light and animals are drawn by the same renderer. What another's does is for benchmarks/localize.py --other.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.annotations import read, write
from whichwhale.annotations.table import BOX
from whichwhale.competition.photos import decode
from whichwhale.files import sha256, write_atomically, write_json

SHARE = 0.55  # of the photo's width and height that is kept: heads are 1.8 times as large in it
GAINS = (0.75, 1.05, 0.85)  # of R, G, B: greener and darker
GAMMA = 1.2
KEY_FILE = "moved.json"  # what it was made of


def move(source: Path, target: Path, seed: int = 0) -> None:
    """Write the photos and annotations.csv of the drawn survey `source` into `target`, each cut to a part that holds its head.

    Cuts are whole pixels, so that every point moves by exactly as many. A photo whose head would not fit is left as large as it
    must be. Run again, it does nothing, unless `source` has been drawn anew.
    """
    of = [source / name for name in ("annotations.csv", "truth/survey.json")]
    key = {"of": [sha256(path) for path in of if path.exists()], "seed": seed, "share": SHARE, "gains": GAINS, "gamma": GAMMA}
    key = json.loads(json.dumps(key))  # as it is read back
    if (target / KEY_FILE).exists() and json.loads((target / KEY_FILE).read_text(encoding="utf-8")) == key:
        return
    table = read(source / "annotations.csv")
    shutil.rmtree(target, ignore_errors=True)
    (target / "imgs").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    names = [column.removesuffix("_x") for column in table.columns if column.endswith("_x")]
    for number, image in enumerate(table["Image"]):
        photo, box = decode(source / "imgs" / image), table.loc[number, BOX].to_numpy(float)
        corner, size = part((photo.shape[1], photo.shape[0]), box, rng.uniform(size=2))
        cut = recoloured(photo[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]])
        ok, data = cv2.imencode(".jpg", cut[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        assert ok
        write_atomically(target / "imgs" / image, lambda stream, data=data: stream.write(data.tobytes()) and None)
        for axis, shift in zip(("x", "y"), corner, strict=True):
            table.loc[number, [axis, *(f"{name}_{axis}" for name in names)]] -= shift
        table.loc[number, ["photo_width", "photo_height"]] = size
    write(target / "annotations.csv", table)
    write_json(target / KEY_FILE, key)  # last: a folder that has it is whole


def part(whole: tuple[int, int], box: NDArray[np.float64], where: NDArray[np.float64]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corner and (width, height), whole px, of a part of a photo of `whole` px that holds `box`, at `where` (0..1) of the places
    it may lie."""
    size, corner = [], []
    for axis in range(2):
        low, high = np.clip([box[axis], box[axis] + box[axis + 2]], 0, whole[axis])
        long = min(whole[axis], max(round(SHARE * whole[axis]), int(np.ceil(high) - np.floor(low)) + 2))
        first, last = max(0, int(np.ceil(high)) - long), min(int(np.floor(low)), whole[axis] - long)
        corner.append(int(round(first + where[axis] * (last - first))))
        size.append(long)
    return (corner[0], corner[1]), (size[0], size[1])


def recoloured(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same photo, greener and darker."""
    return (255 * ((photo / 255.0) ** GAMMA * GAINS).clip(0, 1)).round().astype(np.uint8)
