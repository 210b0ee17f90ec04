"""When a catalogue's probabilities can't be trusted as they stand, in words."""

from __future__ import annotations

from whichwhale.catalogue.manifest import Calibration


def too_sure(calibration: Calibration | None) -> str:
    """Why probabilities may be too sure; empty if they were fitted on photos that the model had not learned from."""
    if calibration is None or calibration.learned == 0:
        return ""
    if calibration.learned is None:
        return (
            "Whether the model had learned from the calibration's photos is not known; if it had, the probabilities are too sure."
        )
    return (
        f"The model had learned from {calibration.learned:.0%} of the calibration's photos: the probabilities are too sure. Give "
        "`calibrate` other photos as --queries."
    )
