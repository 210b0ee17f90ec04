"""What a network sees of a picture: one warp, of which every move of it is a part."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.geometry import Affine, compose, rotation, scaling, translation, warp
from whichwhale.pictures.store import Pictures


def to_view(pictures: Pictures, size: tuple[int, int]) -> Affine:
    """The middle of a picture, which may show more than a view, onto a view of `size` (width, height) px, at its own scale."""
    height, width = pictures.images.shape[1:3]
    return translation((size[0] - width) / 2, (size[1] - height) / 2)


def view_picture(pictures: Pictures, row: int, matrix: Affine, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw picture `row` through `matrix` (picture to view): uint8 RGB [H, W, 3]; outside it is black, as outside the photo."""
    return warp(pictures.images[row], matrix, size, border=cv2.BORDER_CONSTANT)


def moved_about_middle(
    size: tuple[int, int], mirrored: bool, angle: float, factor: float, shift: tuple[float, float]
) -> Affine:
    """A move of a view of `size` (width, height) px, view to view, float64 [2, 3]: its mirror image, right for left, if asked,
    turned by `angle` (radians) and made `factor` times as large, all about its middle, then shifted (x, y; px)."""
    middle = ((size[0] - 1) / 2, (size[1] - 1) / 2)
    return compose(
        scaling(-1.0 if mirrored else 1.0, 1.0, middle),
        rotation(angle, middle),
        scaling(factor, about=middle),
        translation(*shift),
    )
