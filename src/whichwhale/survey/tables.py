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
from whichwhale.survey.plan import NEW_WHALE, Frame, Survey, whale_of

POINTS = ("bonnet_tip", "blowhole")


def write(survey: Survey, frames: list[Frame], root: Path) -> None:
    """Write every table under `root`. Annotations cover the test photos too, as the real files do; callosity types only the
    training photos."""
    by_name = sorted(frames, key=lambda frame: frame.image)
    train = [frame for frame in by_name if not frame.test]
    test = [frame for frame in by_name if frame.test]
    kind = {frame.whale: whale_of(survey, frame).callosity for frame in frames}
    _csv(root / "train.csv", pd.DataFrame({"Image": [f.image for f in train], "whaleID": [f.name for f in train]}))
    _csv(root / "callosity.csv", pd.DataFrame({"Image": [f.image for f in train], "callosity": [kind[f.whale] for f in train]}))
    classes = sorted({frame.name for frame in train})
    sample = pd.DataFrame(1 / len(classes), index=range(len(test)), columns=classes)
    sample.insert(0, "Image", [f.image for f in test])
    _csv(root / "sample_submission.csv", sample)
    sloth.to_sloth(contract.build([_annotation(survey, f) for f in by_name], POINTS), root)
    answer = [f.name if f.whale < survey.whales else NEW_WHALE for f in test]
    _csv(root / "truth" / "solution.csv", pd.DataFrame({"Image": [f.image for f in test], "whaleID": answer}))
    _csv(root / "truth" / "metadata.csv", pd.DataFrame([_metadata(survey, f, kind[f.whale]) for f in by_name]))


def _csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))


def _annotation(survey: Survey, frame: Frame) -> dict[str, object]:
    row: dict[str, object] = {"Image": frame.image, "photo_width": survey.width, "photo_height": survey.height}
    row |= dict(zip(("x", "y", "width", "height"), frame.box, strict=True))
    for name, (x, y) in zip(POINTS, frame.points, strict=True):
        row |= {f"{name}_x": x, f"{name}_y": y, f"{name}_v": contract.VISIBLE}
    return row


def _metadata(survey: Survey, frame: Frame, callosity: int) -> dict[str, object]:
    shot = frame.shot
    (bx, by), (hx, hy) = frame.points
    return {
        "Image": frame.image,
        "whaleID": frame.name,
        "known": frame.whale < survey.whales,
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
