"""COCO's JSON at contract 1's door: boxes, and key points whose names stand in the category.

One object: `images` (id, file_name, width, height), `categories` (id, name, keypoints) and `annotations` (id, image_id,
category_id, bbox [x, y, width, height], keypoints [x, y, v, x, y, v, …]; v is contract 1's NAME_v). A category is a part.

Pixels. Boxes count pixel edges: "box coordinates are measured from the top left image corner" (cocodataset.org, format of
data), so that a whole photo is [0, 0, width, height]; half a pixel more than contract 1. Key points are indices of pixels,
integers in [0, width − 1] as their annotators clicked, thus contract 1's own numbers: detectron2's `load_coco_json` says so and
adds half a pixel to key points alone, to bring both to edges. Label tools that export sub-pixel clicks as COCO may not know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from whichwhale.annotations import table as contract
from whichwhale.annotations.animals import Row
from whichwhale.annotations.reading import (
    HALF,
    FormatError,
    Loaded,
    Photo,
    assemble,
    base_name,
    found,
    load_json,
    number,
    numbers,
)
from whichwhale.annotations.reading import points_of as points_in


def read(path: str | Path, points: Sequence[str] | None = None) -> Loaded:
    """Read boxes and key points: source `hand`, fold −1. Segmentations are passed over. An annotation may have a `score`, and an
    `item` (the animal's number) that `text` writes.

    Raises:
        FormatError: no COCO file, or an annotation that is malformed, points to nothing, or is a crowd; names its id.
    """
    content = load_json(path)
    if isinstance(content, list):
        raise FormatError(
            f"{path}: a list of results has no images; put it under 'annotations' of a copy of the file that the "
            "detector was run on"
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise FormatError(f"{path}: must be an object with the lists images, annotations and categories; {key} is missing")
    categories: dict[object, tuple[str, list[str]]] = {}
    for i, entry in enumerate(content["categories"]):
        where = f"{path}, category {i}"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"] or "id" not in entry:
            raise FormatError(f"{where}: must have an id and a name")
        names = entry.get("keypoints", [])
        if (
            not isinstance(names, list)
            or not all(isinstance(name, str) and name for name in names)
            or len(set(names)) < len(names)
        ):
            raise FormatError(f"{where} ({entry['name']}): keypoints is {names!r}, must be a list of different names")
        if _key(entry["id"], where) in categories:
            raise FormatError(f"{where} ({entry['name']}): id {entry['id']!r} is taken by a category above; number them anew")
        categories[entry["id"]] = entry["name"], names
    photos: dict[object, Photo] = {}
    for i, entry in enumerate(content["images"]):
        where = f"{path}, image {i}"
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("file_name"), str)
            or not entry["file_name"]
            or "id" not in entry
        ):
            raise FormatError(f"{where}: must have an id and a file_name")
        image = base_name(entry["file_name"])
        where += f" ({image})"
        if _key(entry["id"], where) in photos:
            raise FormatError(f"{where}: id {entry['id']!r} is taken by an image above; number them anew")
        size = [math.nan if entry.get(key) is None else number(entry[key], key, where, 0) for key in ("width", "height")]
        photos[entry["id"]] = Photo(image, where, (size[0], size[1]))
    seen: set[object] = set()
    for i, entry in enumerate(content["annotations"]):
        where = f"{path}, annotation {i}"
        if not isinstance(entry, dict):
            raise FormatError(f"{where}: is {entry!r}, must be an object")
        where += f" (id {entry.get('id')!r})"
        if "id" in entry and (_key(entry["id"], where) in seen or seen.add(entry["id"])):
            raise FormatError(f"{where}: an annotation above has this id; number them anew")
        photo, category = (
            table.get(_key(entry.get(key), where)) for table, key in ((photos, "image_id"), (categories, "category_id"))
        )
        if photo is None or category is None:
            key, table = ("image_id", "images") if photo is None else ("category_id", "categories")
            raise FormatError(
                f"{where}: {key} {entry.get(key)!r} is not among the {table}; add it there or remove the annotation"
            )
        if entry.get("iscrowd"):
            raise FormatError(f"{where}: a crowd is no animal of its own; remove annotations with iscrowd, or draw the animals")
        photo.rows.append(_row(entry, *category, where) | {"entry": f"annotation {i} (id {entry.get('id')!r})"})
    names = [name for _, listed in categories.values() for name in listed]
    return assemble(path, photos.values(), points, names)


def text(table: pd.DataFrame) -> str:
    """The table as a COCO file; each category has all point names of the table.

    COCO has no place for sd, source, fold and status; an unreadable photo reads back as one with nothing found. Where a photo has
    several rows, or its only one is not #0, an annotation says its `item`; one with a score has that too. COCO keeps both.

    Raises:
        AnnotationsError: the table breaks contract 1.
    """
    rows, names = found(table), contract.point_names(table)
    numbers_of = {image: i + 1 for i, image in enumerate(dict.fromkeys(table["Image"]))}
    parts = list(dict.fromkeys([row["part"] for row, _, _ in rows])) or ["head"]
    sizes = table.drop_duplicates("Image")[["photo_width", "photo_height"]].to_numpy(float).tolist()
    images = [
        {"id": i, "file_name": image} | {key: int(side) for key, side in zip(("width", "height"), size, strict=True) if side > 0}
        for (image, i), size in zip(numbers_of.items(), sizes, strict=True)
    ]
    categories = [
        {"id": i + 1, "name": part, "supercategory": "whale"} | ({"keypoints": names, "skeleton": []} if names else {})
        for i, part in enumerate(parts)
    ]
    annotations = []
    for i, (row, _, item) in enumerate(rows):
        value: dict[str, Any] = {"id": i + 1, "image_id": numbers_of[row["Image"]], "category_id": parts.index(row["part"]) + 1}
        present = points_in(row, names)
        if not math.isnan(row["x"]):
            value |= {
                "bbox": [row["x"] + HALF, row["y"] + HALF, row["width"], row["height"]],
                "area": row["width"] * row["height"],
            }
        else:
            xs, ys, _ = zip(*present.values(), strict=True)
            value["area"] = (max(xs) - min(xs)) * (max(ys) - min(ys))
        if names:
            value["keypoints"] = [number for name in names for number in present.get(name, (0, 0, 0))]
            value["num_keypoints"] = len(present)
        value["iscrowd"] = 0
        value |= {} if item is None else {"item": item}
        value |= {} if math.isnan(row["score"]) else {"score": row["score"]}
        annotations.append(value)
    content = {"images": images, "annotations": annotations, "categories": categories}
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _row(entry: dict, part: str, names: list[str], where: str) -> Row:
    row: Row = {"item": -1, "part": part}
    if entry.get("bbox") not in (None, []):  # [] is how some tools say that there is none
        x, y, width, height = numbers(entry["bbox"], 4, "bbox", where)
        row |= {"x": x - HALF, "y": y - HALF, "width": number(width, "bbox's width", where, 0)}
        row["height"] = number(height, "bbox's height", where, 0)
    points = entry.get("keypoints") or []
    if points:
        if not isinstance(points, list) or len(points) != 3 * len(names):
            count = len(points) if isinstance(points, list) else points
            raise FormatError(
                f"{where}: keypoints has {count!r} numbers, must have x, y, v for each of the {len(names)} key points "
                f"of category {part!r}; name them in the category"
            )
        values = numbers(points, 3 * len(names), "keypoints", where)
        for name, x, y, v in zip(names, values[::3], values[1::3], values[2::3], strict=True):
            if v not in (0, 1, 2):
                raise FormatError(f"{where}: {name} has v = {v:g}, must be 0 (absent), 1 (hidden) or 2 (visible)")
            if v:
                row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": int(v)}
    if len(row) == 2:
        raise FormatError(f"{where}: has neither bbox nor a key point that is there; remove the annotation")
    if entry.get("score") is not None:
        row["score"] = number(entry["score"], "score", where)
    if entry.get("item") is not None:
        if isinstance(entry["item"], bool) or not isinstance(entry["item"], int) or entry["item"] < 0:
            raise FormatError(f"{where}: item is {entry['item']!r}, must be 0, 1, …: the number of the animal in the photo")
        row["item"] = entry["item"]
    return row


def _key(value: object, where: str) -> object:
    if isinstance(value, list | dict | float):
        raise FormatError(f"{where}: {value!r} is no id; must be a whole number or a text")
    return value
