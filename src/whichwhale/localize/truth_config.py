"""Configuration of where the truth is: apart from what networks need, whose packages take seconds to load."""

from __future__ import annotations

import pydantic

from whichwhale.config import Config


class TruthConfig(Config):
    """Where the labelled photos' boxes and points are written: Sloth files, or a contract-1 table if `table` is given.

    Rows of photos that are not in the training table are never read: a survey's files know its test photos too.
    """

    folder: str = ""  # relative to the input folder; the competition's own if empty
    table: str = ""  # an annotations.csv in it; it must have the points below
    points: dict[str, str] = {"bonnet_tip": "points1.json", "blowhole": "points2.json"}  # NAME: Sloth file; the first two span d
    boxes: str = "slot.json"  # Sloth file of the boxes; none if empty
    part: str = "head"
    box_from_points: float = pydantic.Field(1.75, gt=0)  # side of a square about the points, in d, where a row has no box

    @pydantic.field_validator("points")
    @classmethod
    def _two_points(cls, value: dict[str, str]) -> dict[str, str]:
        if len(value) < 2:
            raise ValueError("two points at least are needed: their distance d is the unit of every error")
        return value
