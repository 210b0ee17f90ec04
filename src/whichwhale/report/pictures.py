"""Pictures for the page: passports and photos as JPEG data URIs, boxes and points drawn over them as SVG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
from numpy.typing import NDArray

from whichwhale.passport.store import Store, StoreError
from whichwhale.report.page import image

QUALITY = 80
POINT_COLOURS = ["#ffd23f", "#3fe0ff", "#ff8ad8", "#b8ff66"]  # seen on grey, blue and green seas alike; dark rim below each


@dataclass(frozen=True)
class Point:
    """A named point, px of the upright photo; sd of its place in px, NaN if unknown; hidden if it can only be guessed at."""

    name: str
    x: float
    y: float
    sd: float
    hidden: bool


def jpeg_uri(picture: NDArray[np.uint8]) -> str:
    """uint8 RGB [H, W, 3] as a data URI."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not write a JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def passport(store: Store, photo: str, alternative: str, width: int = 260) -> str | None:
    """The stored field of `photo` in its true proportions (a store's pixels need not be square); None if it has no passport."""
    try:
        row = int(store.rows([f"{photo}#0"])[0])
    except StoreError:
        return None
    if store.index["status"].iloc[row] != "ok":
        return None
    stored_height, stored_width = store.images.shape[1:3]
    per_d = np.abs(store.plane_to_store[:, :2]).sum(1)  # px a d, across and down: the plane lies level or stands
    across, down = stored_width / per_d[0], stored_height / per_d[1]  # field in d
    size = width, max(1, round(width * down / across))
    return image(jpeg_uri(cv2.resize(store.images[row], size, interpolation=cv2.INTER_AREA)), alternative, size)


def annotated(
    picture: NDArray[np.uint8],
    region: tuple[float, float, float, float],
    box: tuple[float, float, float, float] | None,
    points: Sequence[Point],
    alternative: str,
    width: int,
) -> str:
    """`region` (x, y, width, height; px of `picture`) as an SVG `width` px wide, with box and points drawn over it.

    A point is a small ring; a larger dashed ring about it has the radius of two sd. A hidden point's ring is dotted.
    """
    whole_height, whole_width = picture.shape[:2]
    left, top = max(0, int(region[0])), max(0, int(region[1]))
    right, bottom = min(whole_width, int(region[0] + region[2] + 1)), min(whole_height, int(region[1] + region[3] + 1))
    part = np.ascontiguousarray(picture[top:bottom, left:right])
    across, down = right - left, bottom - top
    if across > width:
        part = np.asarray(cv2.resize(part, (width, max(1, round(down * width / across))), interpolation=cv2.INTER_AREA), np.uint8)
    # pixel centres are at integers, so that the part's corner is half a pixel up and left of its first pixel
    place = f'x="{left - 0.5}" y="{top - 0.5}" width="{across}" height="{down}"'
    marks = [f'<image href="{jpeg_uri(part)}" {place} preserveAspectRatio="none"/>']
    if box is not None:
        marks += _twice('<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" '.format(*box), "#ffffff")
    for number, point in enumerate(points):
        colour = POINT_COLOURS[number % len(POINT_COLOURS)]
        centre = f'cx="{point.x:.2f}" cy="{point.y:.2f}"'
        dots = 'stroke-dasharray="2 2" ' if point.hidden else ""
        marks += _twice(f'<circle {centre} r="{across / 60:.2f}" {dots}', colour)
        if np.isfinite(point.sd) and point.sd > 0:
            marks += _twice(f'<circle {centre} r="{2 * point.sd:.2f}" stroke-dasharray="5 3" ', colour)
    view = f'viewBox="{left - 0.5} {top - 0.5} {across} {down}" width="{width}" height="{max(1, round(down * width / across))}"'
    return f'<svg {view} role="img" aria-label="{escape(alternative)}">{"".join(marks)}</svg>'


def _twice(shape: str, colour: str) -> list[str]:
    """The outline of a shape on any ground: dark and broad, then bright and thin."""
    line = 'fill="none" vector-effect="non-scaling-stroke"'
    return [
        f'{shape}{line} stroke="#000" stroke-opacity=".55" stroke-width="3.6"/>',
        f'{shape}{line} stroke="{colour}" stroke-width="1.6"/>',
    ]
