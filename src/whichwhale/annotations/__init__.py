"""Annotations: contract 1's table of parts and points, and the formats at its door."""

from whichwhale.annotations import sloth
from whichwhale.annotations.sloth import SlothError, from_sloth, to_sloth
from whichwhale.annotations.table import AnnotationsError, build, columns, point_names, read, validate, write

__all__ = [
    "AnnotationsError",
    "SlothError",
    "build",
    "columns",
    "from_sloth",
    "point_names",
    "read",
    "sloth",
    "to_sloth",
    "validate",
    "write",
]
