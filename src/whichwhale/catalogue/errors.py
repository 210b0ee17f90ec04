"""What a catalogue refuses."""


class CatalogueError(ValueError):
    """A catalogue, or what is to go into it, that can't be used as asked; the message names file, row and fix."""


def listed(names: list[str], shown: int = 5) -> str:
    """'a, b, c' or 'a, b, … and 7 more'."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
