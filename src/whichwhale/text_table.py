"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def text_table(head: Sequence[str], body: Sequence[Sequence[str]], left: Collection[int] = ()) -> str:
    """Aligned plain text, a line a row below the head's; columns in `left` are aligned to the left, the others to the right."""
    width = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    pattern = "  ".join(f"{{:{'<' if column in left else '>'}{w}}}" for column, w in enumerate(width))
    return "\n".join(pattern.format(*line).rstrip() for line in (head, *body))
