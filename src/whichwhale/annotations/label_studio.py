"""Label Studio's JSON at contract 1's door: rectangles are parts, key points are points, of any names.

A list of tasks: `data` (with the image's address), `annotations` (one an annotator) and `predictions`; each has a `result`, a
list of regions with type, id, original_width and original_height, and `value`: x, y, width, height, rotation, rectanglelabels,
or x, y, keypointlabels, hidden. A key point belongs to the rectangle that is its `parentID` or to which a relation goes.

Pixels. Numbers are per cent of the upright photo's width and height (browsers turn it by its EXIF orientation); 0 is its left
edge, 100 its right one, for the editor stretches the picture over its canvas: x / 100 · width − 1/2 in contract 1. A rectangle
is turned by `rotation` degrees, clockwise, about its *upper left corner* x, y, in pixels rather than per cent:
label-studio-converter's `convert_annotation_to_yolo_obb` has the corners (x + w cos, y + w sin) and (x − h sin, y + h cos).
Contract 1 has level boxes: read is the least one around the four corners.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pandas as pd

from whichwhale.annotations import animals
from whichwhale.annotations import table as contract
from whichwhale.annotations.reading import (
    HALF,
    FormatError,
    Loaded,
    Photo,
    assemble,
    base_name,
    box,
    found,
    load_json,
    number,
    points_of,
)

ADDRESS = "/data/local-files/?d="  # where Label Studio serves files of its own machine from
KINDS = {"rectanglelabels": "rectangle", "rectangle": "rectangle", "keypointlabels": "keypoint", "keypoint": "keypoint"}
IMAGE = re.compile(r"\.(jpe?g|jp2|png|tiff?|webp|bmp|gif|p[gpn]m|hei[cf]|avif)$", re.IGNORECASE)
UPLOADED = re.compile(r"(?<=/)[0-9a-f]{8}-(?=[^/]+$)")  # what Label Studio puts before the name of an uploaded file
UPLOADS = "/upload/"  # in the address of such a file, and of no other
# a region's meta text, where `text` had to say more than the format does; people's own notes are not taken for it
ITEM, OTHER = re.compile(r"item (\d{1,9})"), re.compile(r"(part|source)=(.+)")
SHAPE = ("x", "y", "width", "height", "rotation", "rectanglelabels", "keypointlabels", "labels")  # what a region has once


def read(path: str | Path, points: Sequence[str] | None = None, annotator: str | None = None) -> Loaded:
    """Read an export (JSON, not JSON-MIN): source `hand`, or of a prediction its model_version; fold −1. A task that nobody has
    done, or that was skipped, is left out, and `notes` count them; one whose annotation is empty shows nothing.

    Args:
        points: names to take; None: all key points' labels, as they first appear.
        annotator: whose annotation or prediction to take (completed_by's id or email, or model_version; or the annotation's own
            id, as `id=7`, where one person has made several). Predictions count only where a task has no annotation.

    Raises:
        FormatError: no export, several annotations of a task without `annotator`, or a region that can't be a part or a point;
            names task, image and region.
    """
    tasks = load_json(path)
    if not isinstance(tasks, list):
        raise FormatError(f"{path}: must be a list of tasks, not {type(tasks).__name__}; export as JSON")
    if annotator is not None:
        _refuse_unknown(tasks, annotator, path)
    photos = [_photo(task, f"{path}, task {i}", annotator) for i, task in enumerate(tasks)]
    loaded = assemble(path, [photo for photo in photos if photo is not None], points)
    left = [i for i, photo in enumerate(photos) if photo is None]
    guessed = [i for i, photo in enumerate(photos) if photo is not None and photo.common]
    notes = []
    if left:
        why = "nobody has done it, or it was skipped" if annotator is None else f"{annotator} has not done it, or skipped it"
        notes.append(f"{path}: {len(left)} of {len(tasks)} tasks are left out, the first is task {left[0]}: {why}")
    if guessed and annotator is None:
        what = "nobody has done, or all skipped; their predictions are taken"
        notes.append(f"{path}: {len(guessed)} of {len(tasks)} tasks, the first is task {guessed[0]}, {what}")
    return Loaded(loaded.table, loaded.entries, tuple(notes))


def text(table: pd.DataFrame, address: str = ADDRESS) -> str:
    """The table as tasks to import; each region of a photo marked by hand is an annotation's, others a prediction's.

    Label Studio has no place for sd, fold and the score of a row without box; an unreadable photo reads back as one with nothing
    found. Where a photo has several rows, or its only one is not #0, regions note their `item` (meta text); points without box
    note their `part`, and a row of another source than the photo's first that.

    Args:
        address: what comes before the photo's name in the image's address; an import must find the photo there.

    Raises:
        AnnotationsError: the table breaks contract 1.
        FormatError: photos without size; names lines.
    """
    rows, names = found(table), contract.point_names(table)
    unknown = [f"line {line} ({row['item']})" for row, line, _ in rows if math.isnan(row["photo_width"] + row["photo_height"])]
    if unknown:
        more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
        raise FormatError(
            f"{', '.join(unknown[:20])}{more}: the photo's size is not known, and per cents are of it; give --photos or --sizes"
        )
    tasks: dict[str, dict[str, Any]] = {}
    first = table.drop_duplicates("Image")
    for i, (image, *size) in enumerate(zip(first["Image"], first["photo_width"], first["photo_height"], strict=True)):
        known = {} if math.isnan(sum(size)) else {"width": int(size[0]), "height": int(size[1])}
        tasks[image] = {"id": i + 1, "data": {"image": address + quote(image)} | known, "annotations": [], "predictions": []}
    regions: dict[str, list[dict[str, Any]]] = {image: [] for image in tasks}
    sources = table.groupby("Image", sort=False)["source"].agg(list).to_dict()
    for row, _, item in rows:
        notes = [] if item is None else [f"item {item}"]
        notes += [] if row["source"] == sources[row["Image"]][0] else [f"source={row['source']}"]
        regions[row["Image"]] += _regions(row, names, notes)
    for image, task in tasks.items():
        source = sources[image][0]
        if set(sources[image]) == {"hand"}:
            task["annotations"] = [{"result": regions[image], "was_cancelled": False}]
        else:
            task["predictions"] = [{"model_version": source, "result": regions[image]}]
    return json.dumps(list(tasks.values()), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _regions(row: dict[str, Any], names: Sequence[str], notes: list[str]) -> list[dict[str, Any]]:
    """A row's rectangle and key points as Label Studio's regions."""
    width, height = row["photo_width"], row["photo_height"]
    common = {"original_width": int(width), "original_height": int(height), "image_rotation": 0, "to_name": "image"}
    score = {} if math.isnan(row["score"]) else {"score": row["score"]}
    result = []
    parent = None
    if not math.isnan(row["x"]):
        parent = _id(row["item"], row["part"])
        value = {"x": (row["x"] + HALF) / width * 100, "y": (row["y"] + HALF) / height * 100, "rotation": 0}
        value |= {"width": row["width"] / width * 100, "height": row["height"] / height * 100, "rectanglelabels": [row["part"]]}
        region = {"id": parent, "type": "rectanglelabels", "from_name": "part", "value": value} | common | score
        result.append(region | ({"meta": {"text": notes}} if notes else {}))
    elif row["part"] != "head":
        notes = [*notes, f"part={row['part']}"]
    for name, (x, y, v) in points_of(row, names).items():
        value = {"x": (x + HALF) / width * 100, "y": (y + HALF) / height * 100, "width": 0.3, "keypointlabels": [name]}
        value |= {"hidden": True} if v == contract.HIDDEN else {}
        region = {
            "id": _id(row["item"], row["part"], name),
            "type": "keypointlabels",
            "from_name": "point",
            "value": value,
        } | common
        if parent is None:
            region |= {"meta": {"text": notes}} if notes else {}
        else:
            region["parentID"] = parent
        result.append(region)
    return result


def _photo(task: object, where: str, annotator: str | None) -> Photo | None:
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        raise FormatError(f"{where}: must have data; is this JSON-MIN? export as JSON")
    data = task["data"]
    image = _image(data.get("image"), anything=True) or next((name for value in data.values() if (name := _image(value))), None)
    if image is None:
        raise FormatError(f"{where}: data has no address of an image (…/w_1.jpg)")
    where = f"{where} ({image})"
    photo = Photo(image, where)
    if {"width", "height"} <= data.keys():
        photo.size = number(data["width"], "data's width", where, 0), number(data["height"], "data's height", where, 0)
    chosen, source = _chosen(task, where, annotator)
    if chosen is None:
        return None
    regions: dict[str, dict[str, Any]] = {}  # a region may be said in several results of one id: its shape, its labels
    links: dict[str, str] = {}
    results = chosen.get("result")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise FormatError(f"{where}: the annotation must have a list of results")
    for i, result in enumerate(results):
        kind = result.get("type")
        if kind == "relation":
            links[str(result.get("from_id"))] = str(result.get("to_id"))
            links.setdefault(str(result.get("to_id")), str(result.get("from_id")))
            continue
        region = regions.setdefault(str(result.get("id", i)), {"at": i, "value": {}})
        if not isinstance(result.get("value"), dict):
            raise FormatError(f"{where}, result {i}: must have a value")
        above, value = region["value"], result["value"]
        if clash := [key for key in SHAPE if key in above and key in value and above[key] != value[key]]:
            whose = f"a region above has its id {result.get('id')!r} and another {clash[0]}"
            raise FormatError(f"{where}, result {i}: {whose}; give each an id of its own")
        value = above | value
        region |= {k: v for k, v in result.items() if k != "type" or v in KINDS or "type" not in region} | {"value": value}
    parts: dict[str, animals.Row] = {}
    points: list[tuple[str, str, dict[str, Any], str]] = []
    for key, region in regions.items():
        own = f"{where}, result {region['at']} (id {key})"
        if region.get("type") not in KINDS:
            if "x" in region["value"] or "points" in region["value"] or "rle" in region["value"]:
                raise FormatError(
                    f"{own}: a region of type {region.get('type')!r} is neither rectangle nor key point; "
                    "draw it as one, or remove it"
                )
            continue  # an answer about the whole photo
        photo.size = _size(region, photo, own)
        kind, label = KINDS[region["type"]], _label(region, own)
        if kind == "rectangle":
            parts[key] = _rectangle(region, label or "head", photo.size, own) | {
                "entry": f"task {where.rsplit('task ')[-1]}, id {key}"
            }
        elif label is None:
            raise FormatError(f"{own}: the key point has no label; give it the name of its point")
        else:
            points.append((key, label, region, own))
    photo.rows = list(parts.values())
    for key, name, region, own in points:
        value, size = region["value"], photo.size
        x = number(value.get("x"), "x", own) / 100 * size[0] - HALF
        y = number(value.get("y"), "y", own) / 100 * size[1] - HALF
        hidden = value.get("hidden") is True or "hidden" in (value.get("choices") or [])
        said = _notes(region)
        mark = animals.Mark(x, y, contract.HIDDEN if hidden else contract.VISIBLE, **said)
        row = parts.get(str(region.get("parentID"))) or parts.get(links.get(key, ""))
        if row is None:
            photo.marks.append((name, mark))
        elif f"{name}_x" in row:
            raise FormatError(f"{own}: its rectangle has another {name}; remove one, or give it to its own rectangle")
        else:
            animals.put(row, name, mark)
    photo.common = {"source": source} if source else {}
    scores = {key: region["score"] for key, region in regions.items() if region.get("score") is not None}
    for key, row in zip(parts, photo.rows, strict=True):
        if key in scores:
            row["score"] = number(scores[key], "score", f"{where} (id {key})")
    return photo


def _chosen(task: dict, where: str, annotator: str | None) -> tuple[dict | None, str]:
    """The annotation, or the prediction, that is taken, and the source of the latter."""
    for key in ("annotations", "predictions"):
        listed = task.get(key) or []
        if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
            raise FormatError(f"{where}: {key} must be a list of objects; export as JSON")
        listed = [entry for entry in listed if not entry.get("was_cancelled")]
        if annotator is not None:
            listed = [entry for entry in listed if annotator in _who(entry)]
        if len(listed) > 1:
            whose = " and ".join("/".join(_who(entry)) or "nobody named" for entry in listed)
            raise FormatError(f"{where}: has {len(listed)} {key}, by {whose}; choose one with --annotator")
        if listed:
            return listed[0], str(listed[0].get("model_version") or "prediction") if key == "predictions" else ""
    return None, ""


def _who(entry: dict) -> list[str]:
    by = entry.get("completed_by")
    values = [by.get("id"), by.get("email")] if isinstance(by, dict) else [by, entry.get("model_version")]
    own = [] if entry.get("id") is None else [f"id={entry['id']}"]
    return [*(str(value) for value in values if value is not None), *own]


def _refuse_unknown(tasks: list, annotator: str, path: str | Path) -> None:
    """Raises FormatError if no task has anything by that annotator."""
    entries = [
        entry
        for task in tasks
        if isinstance(task, dict)
        for key in ("annotations", "predictions")
        if isinstance(task.get(key), list)
        for entry in task[key]
        if isinstance(entry, dict)
    ]
    if not any(annotator in _who(entry) for entry in entries):
        there = sorted({"/".join(name for name in _who(entry) if not name.startswith("id=")) for entry in entries} - {""})
        whose = ", ".join(there) or "nobody named"
        raise FormatError(f"{path}: nothing is by {annotator!r}; there are annotations and predictions by {whose}")


def _image(value: object, anything: bool = False) -> str | None:
    """A photo's name from its address: the end of its path, or of the file that a query asks for. Unless it may be `anything`,
    its ending must be a photo's."""
    if not isinstance(value, str):
        return None
    parts = urlsplit(value)
    asked = parse_qs(parts.query, keep_blank_values=True).get("d")
    path = asked[0] if asked else unquote(parts.path)
    name = base_name(UPLOADED.sub("", path) if UPLOADS in path else path)
    return name if name and (anything or IMAGE.search(name)) else None


def _size(region: dict, photo: Photo, where: str) -> tuple[float, float]:
    if region.get("image_rotation"):
        raise FormatError(
            f"{where}: the photo was turned by {region['image_rotation']} degrees in Label Studio, and what its numbers "
            "then count from is not told; turn it back there and draw again"
        )
    width = number(region.get("original_width"), "original_width", where, 0)
    height = number(region.get("original_height"), "original_height", where, 0)
    if not math.isnan(photo.size[0]) and photo.size != (width, height):
        raise FormatError(
            f"{where}: was drawn on a photo of {width:g} x {height:g} px, others on {photo.size[0]:g} x "
            f"{photo.size[1]:g}; draw it again on today's photo"
        )
    return width, height


def _label(region: dict, where: str) -> str | None:
    value = region["value"]
    kind = "rectanglelabels" if KINDS[region["type"]] == "rectangle" else "keypointlabels"
    labels = value.get(kind) or value.get("labels") or []
    if not isinstance(labels, list) or len(labels) > 1 or not all(isinstance(label, str) and label for label in labels):
        raise FormatError(f"{where}: has the labels {labels!r}, must have one: the part's or the point's name")
    return labels[0] if labels else None


def _rectangle(region: dict, part: str, size: tuple[float, float], where: str) -> animals.Row:
    value = region["value"]
    x = number(value.get("x"), "x", where) / 100 * size[0]
    y = number(value.get("y"), "y", where) / 100 * size[1]
    width = number(value.get("width"), "width", where, 0) / 100 * size[0]
    height = number(value.get("height"), "height", where, 0) / 100 * size[1]
    angle = math.radians(number(value.get("rotation", 0), "rotation", where))
    said = _notes(region)
    row: animals.Row = {"item": said["item"], "part": part} | ({"source": said["source"]} if said["source"] else {})
    if not angle:
        return row | {"x": x - HALF, "y": y - HALF, "width": width, "height": height}
    cos, sin = math.cos(angle), math.sin(angle)
    xs = [x, x + width * cos, x - height * sin, x + width * cos - height * sin]
    ys = [y, y + width * sin, y + height * cos, y + width * sin + height * cos]
    return row | box(min(xs), min(ys), max(xs), max(ys))


def _notes(region: dict) -> dict[str, Any]:
    """The animal's number (−1 if untold), the part and the source ('' if untold) from a region's meta text."""
    meta = region.get("meta")
    lines = meta.get("text", []) if isinstance(meta, dict) else []
    lines = lines if isinstance(lines, list) else str(lines).splitlines()
    items = [int(match[1]) for line in lines if (match := ITEM.fullmatch(str(line)))]
    said = dict(match.groups() for line in lines if (match := OTHER.fullmatch(str(line))))
    return {"item": items[0] if items else -1, "part": said.get("part", ""), "source": said.get("source", "")}


def _id(*what: str) -> str:
    """Ten letters that are always the same for the same region."""
    return hashlib.sha1("/".join(what).encode(), usedforsecurity=False).hexdigest()[:10]
