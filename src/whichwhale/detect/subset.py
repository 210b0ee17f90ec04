"""Few labels: which photos a fit learns from, the same ones and more where it may have more."""

from __future__ import annotations

import hashlib


def nested(images: list[str], count: int, seed: int) -> list[str]:
    """`count` of `images` (0: all), sorted.

    Each photo's place in the queue is a hash of (seed, photo): the first 20 are the first 10 and 10 more, whatever other photos
    there are, and in whatever order they are given. Raises ValueError if there are fewer.
    """
    if count > len(images):
        raise ValueError(
            f"labelled={count}: there are only {len(images)} labelled photos to train on; ask for fewer, or 0 for all"
        )
    queue = sorted(images, key=lambda image: hashlib.sha256(f"{seed} {image}".encode()).digest())
    return sorted(queue[: count or len(queue)])
