"""Annotations held against their photos before a network learns from them: as much of `check` as would spoil a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from whichwhale.annotations import faults
from whichwhale.annotations.findings import ERROR
from whichwhale.annotations.table import AnnotationsError, point_names
from whichwhale.competition.photos import PhotoError, header

OTHER_FRAME = ("photo size", "exif rotation")  # findings by which every coordinate of the row is of another picture
NAMED = 3  # photos that a remark names


def refuse_other_frames(table: pd.DataFrame, paths: Mapping[str, Path], where: str | Path) -> list[str]:
    """Hold contract 1's rows of photos `paths` (name to file) against the photos' headers.

    Returns:
        Remarks: how many points lie outside their photos, and the first.

    Raises:
        AnnotationsError: rows whose coordinates are of another size than the photo, or of the photo before its EXIF rotation,
            by photo. Photos that can't be read are passed over.
    """
    rows = [row for row in table.to_dict("records") if row["status"] == "ok" and row["Image"] in paths]
    names = point_names(table)
    with ThreadPoolExecutor() as pool:
        heads = list(pool.map(lambda row: _upright(paths[row["Image"]]), rows))
    other, outside = [], []
    for row, head in zip(rows, heads, strict=True):
        if head is None:
            continue
        for level, kind, what, fix in faults.of_row(row, names, head, names[:2], row["part"]):
            if level == ERROR and kind in OTHER_FRAME:
                other.append(f"{row['Image']}: {what}; {fix}")
            elif kind == "point outside photo":
                outside.append(f"{row['Image']}: {what}")
    if other:
        raise AnnotationsError(where, other)
    if not outside:
        return []
    return [
        f"{where}: {len(outside)} points lie outside their photos and are not learnt from, the first is {outside[0]}; "
        "python -m whichwhale.annotations check … --photos … lists all"
    ]


def unmarked(marked: Sequence[str], images: Sequence[str], where: str | Path, what: str) -> list[str]:
    """In words, how many of the training photos `images` the annotations say nothing of; empty if they know all."""
    known = set(marked)
    missing = [image for image in images if image not in known]
    if not missing:
        return []
    named = ", ".join(missing[:NAMED])
    return [
        f"{where}: {len(missing)} of the {len(images)} training photos have no {what} there and are not learnt from, the first "
        f"{'is' if len(missing) == 1 else 'are'} {named}"
    ]


def _upright(path: Path) -> faults.Upright | None:
    try:
        head = header(path)
    except PhotoError:
        return None
    return faults.Upright(head.width, head.height, head.orientation)
