"""Reading photos no finer than needed, and no more often.

Most of a reduced decode of a JPEG is its entropy code, which a second decode would pay for again. So a photo is decoded to at
least `FINE` px, which serves the localizer's view and most heads' crops.
"""

from __future__ import annotations

from pathlib import Path

from whichwhale.competition import photos
from whichwhale.competition.photos import PhotoError, Reduced

FINE = 1024  # px, of the longest side


def photos_at(path: Path) -> dict[str, Path]:
    """The photos of a folder by name, told by their suffixes, or the one photo `path`. Raises ValueError if there is none."""
    paths = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    found = {one.name: one for one in paths if one.suffix.lower() in photos.SUFFIXES}
    if not found and path.is_file():
        raise ValueError(f"{path}: is no photo by its name; {', '.join(photos.SUFFIXES)} are")
    if not found:
        below = next((one for one in path.rglob("*") if one.suffix.lower() in photos.SUFFIXES), None) if path.is_dir() else None
        deeper = f"; there are some in {below.parent}" if below else ""
        raise ValueError(f"{path}: holds no photo ({', '.join(photos.SUFFIXES)}){deeper}")
    return found


def left_below(path: Path) -> str:
    """A line on photos that `photos_at` leaves alone since they lie in folders of the folder; empty if there are none."""
    left = [one for one in path.rglob("*") if one.suffix.lower() in photos.SUFFIXES and one.parent != path]
    return f"{path}: {len(left)} photos in folders below it are not looked at, the first is {min(left)}" if left else ""


def why_unreadable(path: Path) -> str:
    """The file and what is wrong with it, of a photo that could not be read."""
    try:
        photos.decode(path)
    except PhotoError as problem:
        return str(problem)
    return f"{path}: could be read now"


class Reader:
    """Decodes photos; one that `keeps` them decodes each only once, unless a finer one is asked for. That one is not kept: it may
    be the whole photo, a hundred megabytes, of which a crop is wanted once."""

    def __init__(self, keeps: bool = False) -> None:
        self.keeps = keeps
        self._kept: dict[Path, Reduced | PhotoError] = {}

    def size(self, path: Path) -> tuple[int, int]:
        """(width, height) of the upright photo; decodes it if photos are kept, since its pixels will be wanted too."""
        return self(path, 1).size if self.keeps else photos.size(path)

    def __call__(self, path: Path, longest: int) -> Reduced:
        """The photo, at least `longest` px on its longest side. Raises PhotoError, each time it is asked."""
        kept = self._kept.get(path)
        if isinstance(kept, PhotoError):
            raise kept
        wanted = max(longest, FINE)
        if kept is not None and kept.factor <= photos.reduction(kept.size, wanted):
            return kept
        try:
            found = photos.reduced(path, wanted)
        except PhotoError as error:
            if self.keeps:
                self._kept[path] = error
            raise
        if self.keeps and kept is None:
            self._kept[path] = found
        return found
