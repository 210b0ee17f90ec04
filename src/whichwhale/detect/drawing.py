"""Looking: photos with boxes, part and score, found and true."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations.table import BOX
from whichwhale.geometry import apply, warp
from whichwhale.pictures.frames import letterbox, move_extent

TRUE = (255, 255, 255)
FONT, SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4


def colours(parts: list[str]) -> dict[str, tuple[int, int, int]]:
    """A colour (RGB) for each part, as different as can be."""
    hues = [colorsys.hsv_to_rgb(i / max(len(parts), 1), 0.85, 1.0) for i in range(len(parts))]
    return {part: (int(255 * r), int(255 * g), int(255 * b)) for part, (r, g, b) in zip(parts, hues, strict=True)}


def draw(
    photo: NDArray[np.uint8],
    found: pd.DataFrame,
    true: pd.DataFrame | None,
    size: tuple[int, int],
    colour: dict[str, tuple[int, int, int]],
) -> NDArray[np.uint8]:
    """A photo, letterboxed to `size` (width, height): uint8 RGB. Rows of contract 1 with a box are drawn: found ones in the
    part's colour with its name and score, true ones white and thin."""
    matrix = letterbox((photo.shape[1], photo.shape[0]), size)
    view = np.ascontiguousarray(warp(photo, matrix, size, border=cv2.BORDER_CONSTANT))
    for table, known in ((true, True), (found, False)):
        rows = [] if table is None else table[table["x"].notna()].to_dict("records")
        for row in sorted(rows, key=lambda one: one["score"] if one["score"] == one["score"] else 0.0):
            box = np.array([row[key] for key in BOX])
            centre, extent = apply(matrix, box[:2] + box[2:] / 2), move_extent(matrix, box[2:])
            low, high = (tuple(np.rint(edge).astype(int).tolist()) for edge in (centre - extent / 2, centre + extent / 2))
            shade = TRUE if known else colour.get(row["part"], TRUE)
            cv2.rectangle(view, low, high, shade, 1, cv2.LINE_AA)
            if not known:
                score = "" if row["score"] != row["score"] else f" {row['score']:.2f}"
                _label(view, f"{row['part']}{score}", low, shade)
    return view


def _label(view: NDArray[np.uint8], text: str, corner: tuple[int, int], shade: tuple[int, int, int]) -> None:
    """Black on the box's colour, over its upper left corner, within the picture."""
    (width, height), below = cv2.getTextSize(text, FONT, SCALE, 1)
    x = int(np.clip(corner[0], 0, max(view.shape[1] - width, 0)))
    y = int(np.clip(corner[1] - below, height, view.shape[0] - below))
    cv2.rectangle(view, (x, y - height), (x + width, y + below - 1), shade, -1)
    cv2.putText(view, text, (x, y), FONT, SCALE, (0, 0, 0), 1, cv2.LINE_AA)
