"""What a variant gives back: the seam between networks of any kind and the tables."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Found:
    """What a network found in a batch of views, in pixels of the view.

    points  [B, K, 2], in the order of the config's channels
    score   [B, K] in 0..1
    extent  [B, 2] width and height of the box, None if the config has no box
    spread  [B, K] how unsure the network itself is of a point: standard deviation along one axis; None if it doesn't say
    """

    points: Tensor
    score: Tensor
    extent: Tensor | None
    spread: Tensor | None = None
