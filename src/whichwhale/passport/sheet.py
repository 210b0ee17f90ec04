"""A contact sheet of passports, to look at: heads must lie level, first point at the right, all of one size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.geometry import apply, compose, resizing
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT
from whichwhale.passport.store import Store

CAPTION = 18  # px of height
MARKS = ((FIRST_POINT, (255, 220, 0)), (SECOND_POINT, (0, 230, 255)))  # where the points must be: yellow, cyan (RGB)


def contact_sheet(store: Store, items: list[str], columns: int = 5, width: int = 288) -> NDArray[np.uint8]:
    """Draw the whole stored field of `items` side by side, uint8 RGB [H, W, 3], each `width` px wide under its name.

    Small rings mark the two fixed places. Raises StoreError for an item that the store has not.
    """
    rows = store.rows(items)
    stored = store.images.shape[2], store.images.shape[1]
    tile = width, max(1, round(stored[1] * width / stored[0]))
    to_tile = compose(store.plane_to_store, resizing(stored, tile))
    columns = max(1, min(columns, len(rows)))
    sheet = np.full((-(-len(rows) // columns) * (tile[1] + CAPTION), columns * tile[0], 3), 24, np.uint8)
    for place, (item, row) in enumerate(zip(items, rows, strict=True)):
        x, y = place % columns * tile[0], place // columns * (tile[1] + CAPTION)
        picture = cv2.resize(store.images[row], tile, interpolation=cv2.INTER_AREA)
        for point, colour in MARKS:
            centre = np.rint(apply(to_tile, point)).astype(int).tolist()
            cv2.circle(picture, centre, 4, colour, 1, cv2.LINE_AA)
        sheet[y + CAPTION : y + CAPTION + tile[1], x : x + tile[0]] = picture
        about = store.index.iloc[row]
        told = f"x{about['sampling']:.2f}" if about["status"] == "ok" else about["status"]
        cv2.putText(sheet, f"{item}  {told}", (x + 4, y + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)
    return sheet
