"""Looking: photos with their box and points, found and true."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations import point_names
from whichwhale.annotations.table import BOX
from whichwhale.competition.photos import decode
from whichwhale.geometry import Affine, apply, compose, warp
from whichwhale.localize.truth import points_of
from whichwhale.pictures.frames import letterbox, move_extent, square_about

FOUND, TRUE = (255, 210, 0), (0, 230, 255)  # RGB
POINTS = ((255, 60, 60), (60, 255, 60), (90, 130, 255), (255, 90, 255))


def draw(path: Path, found: pd.Series | None, true: pd.Series | None, size: tuple[int, int] = (480, 320)) -> NDArray[np.uint8]:
    """A photo beside a close-up of its head: uint8 RGB [height, 2 width, 3].

    The found box is yellow with points as filled discs, the true one cyan with points as crosses; a point's colour is its name's.
    """
    photo = decode(path)
    whole = photo.shape[1], photo.shape[0]
    frames = [letterbox(whole, size)]
    about = true if true is not None and np.isfinite(true["x"]) else found
    if about is not None and np.isfinite(about["x"]):
        side = min(size)
        shift = np.array([[1, 0, (size[0] - side) / 2], [0, 1, (size[1] - side) / 2]])
        frames.append(compose(square_about(about[BOX].to_numpy(float), 2.2, side), shift))
    else:
        frames.append(frames[0])
    views = []
    for matrix in frames:
        view = np.ascontiguousarray(warp(photo, matrix, size, border=cv2.BORDER_CONSTANT))
        for row, colour in ((true, TRUE), (found, FOUND)):
            if row is not None:
                _mark(view, matrix, row, colour, crosses=row is true)
        views.append(view)
    return np.concatenate(views, 1)


def _mark(view: NDArray[np.uint8], matrix: Affine, row: pd.Series, colour: tuple[int, int, int], crosses: bool) -> None:
    box = row[BOX].to_numpy(float)
    if np.isfinite(box).all():
        centre, extent = apply(matrix, box[:2] + box[2:] / 2), move_extent(matrix, box[2:])
        corners = np.round([centre - extent / 2, centre + extent / 2]).astype(int)
        cv2.rectangle(view, tuple(corners[0].tolist()), tuple(corners[1].tolist()), colour, 1, cv2.LINE_AA)
    names = point_names(row.to_frame().T)
    for number, point in enumerate(points_of(row.to_frame().T, names)[0].astype(float)):
        if np.isfinite(point).all():
            place = tuple(np.round(apply(matrix, point)).astype(int).tolist())
            if crosses:
                cv2.drawMarker(view, place, POINTS[number % 4], cv2.MARKER_CROSS, 13, 1, cv2.LINE_AA)
            else:
                cv2.circle(view, place, 3, POINTS[number % 4], -1, cv2.LINE_AA)
