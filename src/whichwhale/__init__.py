"""whichwhale: which whale is in the photo.

    identifier = whichwhale.load("runs/right_whale_heads/ensemble")
    identifier.identify("photo.jpg")

See docs/architecture.md for the rooms of the house and the four file contracts between them.
"""

# No `from __future__ import annotations` here: it would put a name `annotations` in the way of the package of that name.
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from whichwhale.identifier import PhotoIdentifier

__version__ = "0.1.0"


def load(folder: "str | Path") -> "PhotoIdentifier":
    """Load the models of a run folder, see `whichwhale.identifier.load`."""
    from whichwhale.identifier import load  # torch takes seconds to import; `import whichwhale` alone doesn't need it

    return load(folder)
