"""What a network found in photos, before it is decided what counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whichwhale.files import write_atomically


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes in the photos `images`, of parts with the names `parts`.

    photo [N] and part [N] are numbers into these; score [N] in 0..1; box [N, 4] x, y, width, height in pixels of the upright
    photo (pixel centres at integers).
    """

    images: list[str]
    parts: list[str]
    photo: NDArray[np.int64]
    part: NDArray[np.int64]
    score: NDArray[np.float64]
    box: NDArray[np.float64]

    def of(self, images: list[str]) -> Detections:
        """Those in some of the photos, in the order of these. Raises KeyError if one was never looked at."""
        number = {image: i for i, image in enumerate(self.images)}
        old = np.array([number[image] for image in images], np.int64)
        new = np.full(len(self.images), -1, np.int64)
        new[old] = np.arange(len(images))
        keep = np.flatnonzero(new[self.photo] >= 0)
        keep = keep[np.argsort(new[self.photo[keep]], kind="stable")]
        return Detections(images, self.parts, new[self.photo[keep]], self.part[keep], self.score[keep], self.box[keep])


def empty(images: list[str], parts: list[str]) -> Detections:
    """Nothing found in `images`."""
    none = np.zeros(0, np.int64)
    return Detections(images, parts, none, none.copy(), np.zeros(0), np.zeros((0, 4)))


def together(found: list[Detections]) -> Detections:
    """All detections of several, of different photos, as one."""
    before = np.cumsum([0, *(len(one.images) for one in found[:-1])])
    images = [image for one in found for image in one.images]
    photo = np.concatenate([one.photo + start for one, start in zip(found, before, strict=True)])
    rest = [np.concatenate([getattr(one, name) for one in found]) for name in ("part", "score", "box")]
    return Detections(images, found[0].parts, photo, *rest)


def write(path: Path, found: Detections, made_by: str) -> None:
    """Write detections.npz atomically; `made_by` is a fingerprint of weights and pictures."""
    arrays = {name: getattr(found, name) for name in ("photo", "part", "score", "box")}
    names = {"images": np.array(found.images, np.str_), "parts": np.array(found.parts, np.str_), "made_by": np.array(made_by)}
    write_atomically(path, lambda stream: np.savez_compressed(stream, **names, **arrays))


def read(path: Path) -> tuple[Detections, str] | None:
    """Read detections.npz and what it was made by; None if there is none."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        arrays = [file[name] for name in ("photo", "part", "score", "box")]
        return Detections(file["images"].tolist(), file["parts"].tolist(), *arrays), str(file["made_by"])
