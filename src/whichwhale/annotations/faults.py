"""What is wrong with a row of annotations by itself: off the photo, off its box, of another photo, of one not yet turned."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from whichwhale.annotations import table as contract
from whichwhale.annotations.findings import ERROR, WARNING
from whichwhale.annotations.reading import HALF

Box = tuple[float, float, float, float]  # contract 1's x, y, width, height
TURNED = (5, 6, 7, 8)  # EXIF orientations that exchange width and height, so that a stated size tells whether it was heeded
A_PIXEL = 1.0  # what rounding at some tool's door may cost
BESIDE_BOX = 0.05  # of the box's longer side: further out a point is no careless box, but a wrong point or another animal's box


class Upright(NamedTuple):
    """A photo's header: (width, height) of the upright photo in pixels, and its EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int = 1


def of_row(
    row: Mapping[str, Any], names: Sequence[str], photo: Upright | None, pair: Sequence[str], part: str
) -> Iterator[tuple[str, str, str, str]]:
    """Findings of one row: (level, kind, what, fix).

    Args:
        row: contract 1's columns.
        names: the table's points.
        photo: the photo's header; None: the size that the row says is believed.
        pair, part: see `check`.
    """
    if row["status"] != "ok":
        if row["status"] == "unreadable":
            yield WARNING, "unreadable", "the photo could not be read", "fetch it again"
        else:
            yield WARNING, f"no {part}", "nothing is marked in the photo", f"mark the {part}, or leave it if there is none"
        return
    points = {name: (row[f"{name}_x"], row[f"{name}_y"]) for name in names if row[f"{name}_v"] != contract.ABSENT}
    box = (row["x"], row["y"], row["width"], row["height"]) if not math.isnan(row["x"]) else None
    size = photo[:2] if photo is not None else (row["photo_width"], row["photo_height"])
    outside = [name for name, at in points.items() if _beyond(at, size) > 0]
    leaves = _leaves(box, size) if box else 0.0
    frame = list(_frame(row, box, points, photo)) if photo is not None else []
    yield from frame
    if any(level == ERROR for level, *_ in frame):
        outside, leaves = [], 0.0  # of another frame
    for name in outside:
        x, y = points[name]
        yield (
            ERROR,
            "point outside photo",
            f"{name} ({x:.1f}, {y:.1f}) lies {_beyond((x, y), size):.1f} px outside the photo{_told(size)}",
            "move it onto the animal, or take it out if that end is not in the photo",
        )
    if leaves > 0:
        level = ERROR if leaves > A_PIXEL else WARNING
        left, top = max(box[0], -HALF), max(box[1], -HALF)
        right, bottom = min(box[0] + box[2], size[0] - HALF), min(box[1] + box[3], size[1] - HALF)
        cut = (
            f"cut it to x={left:g}, y={top:g}, width={right - left:g}, height={bottom - top:g} (pixel centres at integers)"
            if right > left and bottom > top
            else "remove it"
        )
        yield (
            level,
            "box leaves photo",
            f"the {row['part']} box leaves the photo{_told(size)} by {leaves:.1f} px",
            cut,
        )
    if box:
        for name, at in points.items():
            if name in outside:
                continue
            apart = away(at, box)
            if apart > 0:
                level = ERROR if apart > BESIDE_BOX * max(box[2:]) else WARNING
                yield (
                    level,
                    "point outside box",
                    f"{name} ({at[0]:.1f}, {at[1]:.1f}) lies {apart:.1f} px outside the {row['part']} box, "
                    f"{apart / max(box[2:]):.0%} of its longer side",
                    "move the point, or draw the box around it",
                )
    if row["part"] == part:
        missing = [name for name in pair if name not in points]
        if missing:
            yield WARNING, "no point", f"{' and '.join(missing)} not marked", "mark it, as hidden if water or spray cover it"
        if box is None and points:
            yield WARNING, "no box", f"the {part} has points but no box", "draw it"


def _frame(
    row: Mapping[str, Any], box: Box | None, points: Mapping[str, tuple[float, float]], photo: Upright
) -> Iterator[tuple[str, str, str, str]]:
    """Is the row of this photo, and of how it stands upright?"""
    size = photo.width, photo.height
    told = row["photo_width"], row["photo_height"]
    stored = (photo.height, photo.width) if photo.orientation in TURNED else (photo.width, photo.height)
    turn = "turn the points and boxes as EXIF turns the photo, or mark the upright photo again"
    unsaid = any(map(math.isnan, told))
    if not unsaid and told != size:
        given, there = f"{told[0]:g} x {told[1]:g}", f"{size[0]} x {size[1]}"
        if told == stored:
            yield (
                ERROR,
                "exif rotation",
                f"the size {given} is that of the photo before its EXIF rotation ({photo.orientation}; upright it is {there})",
                turn,
            )
        else:
            yield (
                ERROR,
                "photo size",
                f"the entry says {given}, the photo is {there}",
                "mark this photo again, or put the right one there",
            )
    elif unsaid and photo.orientation in TURNED and not _fits(box, points, size) and _fits(box, points, stored):
        yield (
            ERROR,
            "exif rotation",
            f"box or points leave the upright photo ({size[0]} x {size[1]}), but would lie within it before "
            f"its EXIF rotation ({photo.orientation})",
            turn,
        )
    elif photo.orientation != 1 and (unsaid or size == stored):
        untold = "the entry doesn't say" if unsaid else "the size, the same either way, doesn't tell"
        yield (
            WARNING,
            "exif rotation",
            f"EXIF turns the photo ({photo.orientation}), and {untold} which it was marked in",
            "look whether the marks lie on the animal in the upright photo",
        )


def _told(size: tuple[float, float]) -> str:
    return "" if any(map(math.isnan, size)) else f" ({size[0]:g} x {size[1]:g})"


def _beyond(at: tuple[float, float], size: tuple[float, float]) -> float:
    """Pixels by which a point lies outside the photo (whose pixels' centres are integers), 0 if within or the size is unknown."""
    sides = [value for x, side in zip(at, size, strict=True) for value in (-HALF - x, x - side + HALF)]
    return max((value for value in sides if value > 0), default=0.0)


def _leaves(box: Box, size: tuple[float, float]) -> float:
    return max(_beyond((box[0], box[1]), size), _beyond((box[0] + box[2], box[1] + box[3]), size))


def away(at: tuple[float, float], box: Box) -> float:
    """Pixels from a point to a box, 0 within."""
    return math.hypot(max(box[0] - at[0], at[0] - box[0] - box[2], 0), max(box[1] - at[1], at[1] - box[1] - box[3], 0))


def _fits(box: Box | None, points: Mapping[str, tuple[float, float]], size: tuple[float, float]) -> bool:
    return (box is None or _leaves(box, size) <= A_PIXEL) and all(_beyond(at, size) == 0 for at in points.values())
