"""The passport plane: where every aligned head lies the same way, whatever photo it came from.

Unit of length is d, the distance between the two points that align the animal (bonnet tip and blowhole; eye corner and nostril;
fin base and tip). The origin lies midway between them, the first point at (0.5, 0), the second at (-0.5, 0), y down on the screen
when the first point is at the right.
"""

from __future__ import annotations

import numpy as np
import pydantic

from whichwhale.config import Config
from whichwhale.geometry import Affine

FIRST_POINT = (0.5, 0.0)
SECOND_POINT = (-0.5, 0.0)


class PlaneView(Config):
    """A rectangle of the passport plane drawn with `width` x `height` pixels.

    `centre` and `field` (width, height) are in d. Pixels need not be square: the real right-whale head crops show a 2d x d field
    squashed to a square.

    The animal lies level in the picture, its first point at the right. `upright`: it stands, first point up, as faces and fins
    do; width and height of the field are then those of the upright picture. What is done in the plane (mirror images are taken in
    the line through the two points) so suits both.
    """

    width: int = pydantic.Field(160, gt=0)
    height: int = pydantic.Field(160, gt=0)
    centre: tuple[float, float] = (-0.1, 0.0)
    field: tuple[pydantic.PositiveFloat, pydantic.PositiveFloat] = (2.0, 1.0)
    upright: bool = False

    @pydantic.model_serializer(mode="wrap")
    def _level_goes_without_saying(self, usual: pydantic.SerializerFunctionWrapHandler) -> dict:
        """Stores are keyed by what is written of a view: those that were made before views could stand keep their key."""
        said = usual(self)
        return said if self.upright else {key: value for key, value in said.items() if key != "upright"}

    def matrix(self) -> Affine:
        """Plane points (d) to pixels of this view, float64 [2, 3]."""
        sx, sy = self.width / self.field[0], self.height / self.field[1]
        if self.upright:  # the plane's x points up, its y to the right: a quarter turn, no mirror image
            left, top = self.centre[1] - self.field[0] / 2, -self.centre[0] - self.field[1] / 2
            return np.array([[0.0, sx, -left * sx - 0.5], [-sy, 0.0, -top * sy - 0.5]])
        left, top = self.centre[0] - self.field[0] / 2, self.centre[1] - self.field[1] / 2
        return np.array([[sx, 0.0, -left * sx - 0.5], [0.0, sy, -top * sy - 0.5]])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height
