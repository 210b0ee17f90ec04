"""A survey's test photos once more, with another sea behind the animal.

The animal keeps its pixels, and so do foam and blow about it: what is cut out, with soft edges, is skin above the water, and
whatever else differs from the same sea without the animal, which the survey can draw. Skin so deep that it does not differ stays.
Behind it comes the open sea of `own`, the photo's own sea and light with other waves, or of `other`, those of a training photo of
another whale, of another encounter. Placement and camera stay the photo's, so that waves have their size. What `own` costs is the
price of the cutting, and what `other` costs beyond it that of another sea: at least that, for skin under water is seen through
the old sea's, with its colour and murk, and that stays with it. How much of the head box this is stands in the table (`under`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import simplejpeg
from numpy.typing import NDArray

from whichwhale.files import write_atomically, write_text
from whichwhale.survey import plan, scene, skin
from whichwhale.survey.plan import Frame, Survey

SETS = ("own", "other")
TABLE, UNDER = "swapped.csv", "under.csv"
EDGE = 0.02  # d: standard deviation of the soft edge
HIDDEN, SEEN = 6.0, 14.0  # of 255: differences from the sea alone at which nothing and all is cut out (parts.LEVELS lies midway)
NEW_WAVES, WHOSE_SEA = 9, 10  # parts of the keys; those below are the survey's own


@dataclass(frozen=True)
class Swap:
    """A test photo and the training photo whose sea comes behind it in `other`."""

    frame: Frame
    sea: Frame


def pairs(survey: Survey) -> list[Swap]:
    """Each test photo that shows an animal with its other sea, drawn by the survey's seed and the photo's number; in the order of
    the plan, whale by whale.

    Raises:
        ValueError: a photo for which there is no sea of another whale.
    """
    frames = [frame for frame in plan.draw(survey) if frame.whale != plan.NOBODY]
    training = [frame for frame in frames if not frame.test]
    found = []
    for frame in frames:
        if not frame.test:
            continue
        others = [one for one in training if one.whale != frame.whale and one.encounter != frame.encounter]
        if not others:
            raise ValueError(f"{frame.image}: no training photo shows another whale; draw a survey of more")
        draw = np.random.default_rng([survey.seed, WHOSE_SEA, _number(frame)])
        found.append(Swap(frame, others[int(draw.integers(len(others)))]))
    return found


def _number(frame: Frame) -> int:
    return int(frame.image[2:-4])


def cut(survey: Survey, swap: Swap, photo: scene.Photo) -> NDArray[np.float32]:
    """How much of each pixel of `photo`, drawn from swap.frame, is the animal's, [h, w] from 0 to 1."""
    return cut_out(photo, scene.render(swap.frame.shot, None, None, survey.width, survey.height).pixels)


def swapped(survey: Survey, swap: Swap, kind: str, photo: scene.Photo, animal: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The animal of `photo`, drawn from swap.frame and `cut` out, on the sea `own` or `other`: uint8 RGB [h, w, 3]."""
    shot = swap.frame.shot
    if kind == "own":
        behind = replace(shot, key=(survey.seed, NEW_WAVES, _number(swap.frame)))
    else:
        behind = replace(shot, key=swap.sea.shot.key, sea=swap.sea.shot.sea, light=swap.sea.shot.light)
    sea = scene.render(behind, None, None, survey.width, survey.height).pixels
    alpha = animal[..., None]
    return np.rint(alpha * photo.pixels + (1 - alpha) * sea).astype(np.uint8)


def cut_out(photo: scene.Photo, alone: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of each pixel is the animal's, [h, w] from 0 to 1; `alone` is the photo without it. 0 where both are the same."""
    differs = np.abs(photo.pixels.astype(np.float32) - alone).max(axis=2)
    mask = np.maximum(np.clip((differs - HIDDEN) / (SEEN - HIDDEN), 0, 1), photo.out).astype(np.float32)
    d = float(np.hypot(*(photo.points[0] - photo.points[1])))
    soft = cv2.GaussianBlur(mask, (0, 0), max(EDGE * d, 0.5))
    return mask * np.clip(1.6 * soft, 0, 1)  # the edge lies inside: outside there would be a rim of the old sea


def under_water(photo: scene.Photo, animal: NDArray[np.float32], box: tuple[float, float, float, float]) -> float:
    """Share of the pixels of a head box (x, y, width, height) that are the animal's, as it was cut out, and not above water:
    what is seen there is the old sea too, or its foam."""
    x, y, width, height = (max(round(one), 0) for one in box)
    within = np.s_[y : y + max(height, 1), x : x + max(width, 1)]
    return float((animal[within] * (1 - photo.out[within])).mean())


def make(survey: Survey, root: Path) -> pd.DataFrame:
    """Write `root`/own/w_*.jpg, `root`/other/w_*.jpg and swapped.csv: Image, whaleID (new_whale for unknown animals), animal (its
    own name), sea_of (the photo whose sea lies behind it in `other`), sea_whale and `under` (`under_water`). What is there
    already stays."""
    found, under = pairs(survey), _noted(root / UNDER)
    for _, group in groupby(found, key=lambda swap: swap.frame.whale):  # a whale's skin is drawn once for all of its photos
        todo = [
            swap
            for swap in group
            if swap.frame.image not in under or any(not (root / kind / swap.frame.image).exists() for kind in SETS)
        ]
        if not todo:
            continue
        whale = plan.whale_of(survey, todo[0].frame)
        textures = skin.draw(whale)
        for swap in todo:
            photo = scene.render(swap.frame.shot, whale, textures, survey.width, survey.height)
            animal = cut(survey, swap, photo)
            for kind in SETS:
                pixels = swapped(survey, swap, kind, photo, animal)
                data = simplejpeg.encode_jpeg(pixels, quality=swap.frame.shot.camera.quality, colorsubsampling="420")
                write_atomically(root / kind / swap.frame.image, lambda stream, data=data: stream.write(data) and None)
            under[swap.frame.image] = under_water(photo, animal, swap.frame.box)
            write_text(root / UNDER, pd.Series(under, name="under").rename_axis("Image").to_csv())
    rows = [
        {
            "Image": one.frame.image,
            "whaleID": one.frame.name if one.frame.whale < survey.whales else plan.NEW_WHALE,
            "animal": one.frame.name,
            "sea_of": one.sea.image,
            "sea_whale": one.sea.name,
            "under": under[one.frame.image],
        }
        for one in found
    ]
    table = pd.DataFrame(rows).sort_values("Image", ignore_index=True)
    write_text(root / TABLE, table.to_csv(index=False))
    return table


def _noted(path: Path) -> dict[str, float]:
    """What was written of photos that are there, by name."""
    return pd.read_csv(path).set_index("Image")["under"].to_dict() if path.exists() else {}
