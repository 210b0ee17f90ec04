"""What fits of many recipes on many parts of the same rows share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whichwhale.blend.weigh import weigh


class Memo:
    """Where searches of a convex minimum start, which changes how long they take and nothing else; and what was fitted before on
    the very same rows (`fitted`, emptied for other rows)."""

    def __init__(self, starts: dict[str, NDArray[np.float64]] | None = None) -> None:
        self.starts: dict[str, NDArray[np.float64]] = {} if starts is None else starts
        self.fitted: dict[str, Any] = {}

    def for_other_rows(self) -> Memo:
        """The same starting points, nothing fitted."""
        return Memo(self.starts)

    def weigh(self, name: str, terms: NDArray[np.floating], truth: NDArray[np.int64], **how: Any) -> NDArray[np.float64]:
        """`weigh`, started where the first search of that name ended."""
        found = weigh(terms, truth, start=self.starts.get(name), **how)
        self.starts.setdefault(name, found)
        return found
