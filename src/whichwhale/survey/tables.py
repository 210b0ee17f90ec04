"""The survey's files beside its photos: the competition's tables, the annotations in the real ones' format, and, apart, the
truth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd

from whichwhale.annotations import sloth
from whichwhale.annotations import table as contract
from whichwhale.files import write_text
from whichwhale.survey import parts
from whichwhale.survey.plan import NEW_WHALE, NOBODY, Companion, Frame, Survey, company_of, whale_of
from whichwhale.survey.pose import View

POINTS = ("bonnet_tip", "blowhole")
PARTS_FILE = "parts.csv"


def write(survey: Survey, frames: list[Frame], root: Path) -> None:
    """Write every table under `root`. Annotations cover the test photos too, as the real files do; callosity types only the
    training photos."""
    by_name = sorted(frames, key=lambda frame: frame.image)
    train = [frame for frame in by_name if not frame.test]
    test = [frame for frame in by_name if frame.test]
    kind = {frame.whale: whale_of(survey, frame).callosity for frame in frames if frame.whale != NOBODY}
    shown = [frame for frame in train if frame.whale != NOBODY]
    _csv(root / "train.csv", pd.DataFrame({"Image": [f.image for f in train], "whaleID": [f.name for f in train]}))
    _csv(root / "callosity.csv", pd.DataFrame({"Image": [f.image for f in shown], "callosity": [kind[f.whale] for f in shown]}))
    classes = sorted({frame.name for frame in train})
    sample = pd.DataFrame(1 / len(classes), index=range(len(test)), columns=classes)
    sample.insert(0, "Image", [f.image for f in test])
    _csv(root / "sample_submission.csv", sample)
    sloth.to_sloth(contract.build([row for f in by_name for row in _annotations(survey, f)], POINTS), root)
    if survey.parts:
        contract.write(root / PARTS_FILE, contract.build([row for f in by_name for row in _parts(survey, f)], POINTS))
    answer = [f.name if f.whale < survey.whales else NEW_WHALE for f in test]
    _csv(root / "truth" / "solution.csv", pd.DataFrame({"Image": [f.image for f in test], "whaleID": answer}))
    _csv(root / "truth" / "metadata.csv", pd.DataFrame([_metadata(survey, f, kind.get(f.whale, -1)) for f in by_name]))


def _csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _annotations(survey: Survey, frame: Frame) -> list[dict[str, object]]:
    """Head boxes as people draw them, and points: a row an animal."""
    return [
        _row(survey, frame, number) | dict(zip(contract.BOX, one.box, strict=True)) | _points(one)
        for number, one in enumerate(_animals(frame))
    ] or [_row(survey, frame) | {"status": "none"}]


def _parts(survey: Survey, frame: Frame) -> list[dict[str, object]]:
    """Boxes round what is seen of each named part: a row a part; a head has its points."""
    animals = _animals(frame)
    whales = [whale_of(survey, frame), *company_of(survey, frame)] if animals else []
    size = (survey.width, survey.height)
    views = [View(one.shot.pose, one.shot.camera, one.shot.place, *size) for one in animals]
    found = parts.boxes(list(zip(views, whales, strict=True)), frame.shot.sea, frame.shot.light, size)
    rows = []
    for number, (one, boxes) in enumerate(zip(animals, found, strict=True)):
        for part, box in boxes.items():
            row = _row(survey, frame, number) | {"part": part} | dict(zip(contract.BOX, box, strict=True))
            rows.append(row | (_points(one) if part == "head" else {}))
    return rows or [_row(survey, frame) | {"status": "none"}]


def _animals(frame: Frame) -> list[Frame | Companion]:
    return [] if frame.whale == NOBODY else [frame, *frame.company]


def _row(survey: Survey, frame: Frame, number: int = 0) -> dict[str, object]:
    size = {"photo_width": survey.width, "photo_height": survey.height}
    return {"Image": frame.image, "item": f"{frame.image}#{number}"} | size


def _points(animal: Frame | Companion) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, (x, y) in zip(POINTS, animal.points, strict=True):
        row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": contract.VISIBLE}
    return row


def _metadata(survey: Survey, frame: Frame, callosity: int) -> dict[str, object]:
    shot = frame.shot
    (bx, by), (hx, hy) = frame.points
    return {
        "Image": frame.image,
        "whaleID": frame.name,
        "known": 0 <= frame.whale < survey.whales,
        "animals": len(_animals(frame)),
        "test": frame.test,
        "callosity": callosity,
        "date": frame.date.isoformat(),
        "place": frame.location,
        "encounter": frame.encounter,
        "sea_state": shot.sea.state,
        "roll_deg": math.degrees(shot.pose.roll),
        "pitch_deg": math.degrees(shot.pose.pitch),
        "tilt_deg": math.degrees(shot.camera.tilt),
        "submersion_d": shot.pose.level,  # the water's level over the blowhole; negative: the blowhole is out
        "wash": shot.pose.wash,
        "blow": shot.pose.blow,
        "sun_elevation_deg": math.degrees(shot.light.elevation),
        "haze": shot.light.haze,
        "blur_px": shot.camera.blur * survey.width / 1000,
        "bonnet_tip_x": bx,
        "bonnet_tip_y": by,
        "blowhole_x": hx,
        "blowhole_y": hy,
        "d_px": float(np.hypot(bx - hx, by - hy)),
        "heading_deg": math.degrees(math.atan2(by - hy, bx - hx)),
        "width": survey.width,
        "height": survey.height,
    }
