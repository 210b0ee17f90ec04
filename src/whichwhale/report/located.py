"""Photos with the box and points that localizer or aligner found: the least certain ones, and some as they usually are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.annotations.table import BOX, HIDDEN, point_names
from whichwhale.competition import PhotoError, decode
from whichwhale.report import page
from whichwhale.report.pictures import POINT_COLOURS, Point, annotated
from whichwhale.report.sources import Absent, Sources

WORST, USUAL = 4, 4
OVERVIEW, CLOSE = 420, 280  # px of width
COLOUR_NAMES = ["yellow", "blue", "pink", "green"]  # of POINT_COLOURS
assert len(COLOUR_NAMES) == len(POINT_COLOURS)


def located(sources: Sources) -> str:
    """A part for each annotations.csv below the runs."""
    if not sources.annotations:
        raise Absent("No run of this data set has written an annotations.csv: the heads were given, not found.")
    told = (
        "A white box is the head that was found; small rings are its points, dotted where the point is thought to be hidden. A "
        "dashed ring has the radius of two standard deviations, within which the point lies in most photos if the model knows "
        "itself well. At the right the head alone."
    )
    return page.paragraph(told) + "".join(_run(sources, name, table) for name, table in sources.annotations)


def _run(sources: Sources, name: str, table: pd.DataFrame) -> str:
    points = point_names(table)
    status = table.drop_duplicates("Image")["status"].value_counts()
    lost = ", ".join(
        f"{status[kind]:,} {word}"
        for kind, word in (("none", "without a head found"), ("unreadable", "unreadable"))
        if kind in status
    )
    leading = "head" if (table["part"] == "head").any() else table["part"].iloc[0]  # a detector's table has other parts as well
    mine = (table["part"] == leading) & table["item"].str.endswith("#0")
    ok = table[(table["status"] == "ok") & mine].reset_index(drop=True)
    doubt, kind, form = uncertainty(ok)
    order = np.argsort(-doubt, kind="stable")
    rest = order[WORST:]
    usual = rest[np.linspace(0, len(rest) - 1, min(USUAL, len(rest))).round().astype(int)] if len(rest) else rest
    colours = ", ".join(f"{point.replace('_', ' ')} {colour}" for point, colour in zip(points, COLOUR_NAMES, strict=False))
    parts = [
        page.heading(name),
        page.paragraph(f"{len(table['Image'].unique()):,} photos{f', {lost}' if lost else ''}. {colours.capitalize()}."),
    ]
    for title, rows in ((f"Least certain: {kind}", order[:WORST]), ("Of all others, from less to more certain", usual)):
        shown = [drawn for row in rows if (drawn := _drawn(sources, ok.iloc[row], points, form.format(doubt[row])))]
        if shown:
            parts.append(f"<h4>{title}</h4>" + f'<div class="photos">{"".join(shown)}</div>')
        elif len(rows):
            parts.append(page.paragraph(f"{title}: the photos can't be read.", "absent"))
    return "".join(parts)


def uncertainty(table: pd.DataFrame) -> tuple[NDArray[np.float64], str, str]:
    """How unsure each row is, by what, and how to write it.

    The largest sd of its points as a share of the head's length (distance of the first two points, else the box's longer side);
    without any sd 1 − score; else nothing is known (0).
    """
    points = point_names(table)
    sd = table[[f"{name}_sd" for name in points]].max(axis=1).to_numpy(float) if points else np.full(len(table), np.nan)
    if np.isfinite(sd).any():
        length = table[["width", "height"]].max(axis=1).to_numpy(float)
        if len(points) > 1:
            first, second = (table[[f"{name}_x", f"{name}_y"]].to_numpy(float) for name in points[:2])
            apart = np.linalg.norm(first - second, axis=1)
            length = np.where(apart > 0, apart, length)
        return (
            np.nan_to_num(sd / length, nan=-1.0),
            "largest standard deviation of a point, in % of the head's length",
            "sd {:.1%} of the head's length",
        )
    score = table["score"].to_numpy(float)
    if np.isfinite(score).any():
        return np.nan_to_num(1 - score, nan=-1.0), "lowest score of the head", "1 − score = {:.3f}"
    return np.zeros(len(table)), "no uncertainty is given, these are the first", "no uncertainty given"


def _drawn(sources: Sources, row: pd.Series, names: list[str], remark: str) -> str | None:
    """The photo, and its head alone; None if the photo can't be read."""
    try:
        picture = decode(sources.tables.photo_path(row["Image"]))
    except PhotoError:
        return None
    x, y, width, height = (float(row[side]) for side in BOX)
    box = (x, y, width, height) if np.isfinite(width) else None
    points = [
        Point(name, row[f"{name}_x"], row[f"{name}_y"], row[f"{name}_sd"], row[f"{name}_v"] == HIDDEN)
        for name in names
        if row[f"{name}_v"]
    ]
    around = [(point.x, point.y) for point in points] + ([(box[0], box[1]), (box[0] + box[2], box[1] + box[3])] if box else [])
    low, high = np.min(around, axis=0), np.max(around, axis=0)
    side = max(1.35 * float((high - low).max()), 40.0)  # a square about all that was found, with a rim
    region = (*((low + high) / 2 - side / 2), side, side)
    places = ", ".join(f"{point.name.replace('_', ' ')} at x {point.x:.0f}, y {point.y:.0f}" for point in points)
    what = f"{row['Image']}: head {'in a box' if box else 'without a box'}, {places or 'no points'} (pixels of the photo)"
    whole = (0.0, 0.0, float(picture.shape[1]), float(picture.shape[0]))
    pair = annotated(picture, whole, box, points, f"Photo {what}", OVERVIEW)
    pair += annotated(picture, region, box, points, f"The head in photo {what}", CLOSE)
    return page.figure(f'<div class="pair">{pair}</div>', f"{row['Image']} · {remark}", "photo")
