"""When a catalogue's probabilities can't be trusted as they stand, in words."""

from __future__ import annotations

from whichwhale.catalogue.gallery import Gallery
from whichwhale.catalogue.manifest import Calibration

GROWN = 2  # times as many photos or animals as were calibrated with: time to calibrate anew


def too_sure(calibration: Calibration | None) -> str:
    """Why probabilities may be too sure; empty if they were fitted on photos that the model had not learned from, each without
    the others of its meeting."""
    if calibration is None:
        return ""
    lines = []
    if calibration.learned is None:
        lines.append(
            "Whether the model had learned from the calibration's photos is not known; if it had, the probabilities are too sure."
        )
    elif calibration.learned > 0:
        lines.append(
            f"The model had learned from {calibration.learned:.0%} of the calibration's photos: the probabilities are too sure. "
            "Give `calibrate` other photos as --queries."
        )
    if calibration.meetings is False:
        lines.append(
            "Which photos are of one meeting is not known: if there are several of one, the probabilities are too sure for new "
            "meetings. Say it in a column `encounter` (`set --table`) and `calibrate` anew."
        )
    return " ".join(lines)


def out_of_date(gallery: Gallery) -> str:
    """That `calibrate` should be run, and why; empty if the calibration is of about the catalogue that there is."""
    fitted = gallery.manifest.calibration
    if fitted is None:
        why = gallery.manifest.uncalibrated or "not calibrated yet"
        return f"no probabilities: {why}; once that has changed, `calibrate` fits them"
    photos, animals = len(gallery), len(gallery.animals)
    if GROWN * min(photos, fitted.photos) > max(photos, fitted.photos) and (
        GROWN * min(animals, fitted.animals) > max(animals, fitted.animals)
    ):
        return ""
    return (
        f"The probabilities were fitted with {fitted.photos} photos of {fitted.animals} animals, now there are {photos} of "
        f"{animals}: `calibrate` fits them anew."
    )
