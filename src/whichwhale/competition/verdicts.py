"""What the check found out about each photo, kept between commands: decoding a whole competition takes minutes.

The file is JSON: `schema`, `folder` (of the photos), `photos`: name -> [bytes, modified (ns), [[severity, kind, message], ...]].
A photo whose size or time of modification differs is looked at again, and so is everything if the folder is another one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from whichwhale.competition.problems import Problem
from whichwhale.files import write_text

SCHEMA = 1  # raise it with any change of what the check says of a photo
EVERY = 1000  # new photos between two writes: a command that is killed goes on from there


class Verdicts:
    """The verdicts in `path`, about the photos in `folder`. Without a path nothing is kept."""

    def __init__(self, path: Path | None, folder: Path) -> None:
        self.path, self.folder = path, str(folder.resolve())
        self.photos: dict[str, list] = self._read() if path else {}
        self.new = 0

    def known(self, image: str, stat: os.stat_result, where: Path) -> list[Problem] | None:
        """What is wrong with a photo, if it has been looked at as `stat` says that it is now."""
        found = self.photos.get(image)
        if found is None or found[:2] != [stat.st_size, stat.st_mtime_ns]:
            return None
        return [Problem(severity, kind, str(where), message, image) for severity, kind, message in found[2]]

    def add(self, image: str, stat: os.stat_result, problems: list[Problem]) -> None:
        """Keep what was found; it reaches the file with the next `write`, or after some more photos."""
        told = [[problem.severity, problem.kind, problem.message] for problem in problems]
        self.photos[image] = [stat.st_size, stat.st_mtime_ns, told]
        self.new += 1
        if self.new % EVERY == 0:
            self.write()

    def write(self) -> None:
        """Write the file beside and rename it, if there is anything new."""
        if self.path and self.new:
            content = {"schema": SCHEMA, "folder": self.folder, "photos": self.photos}
            write_text(self.path, json.dumps(content, separators=(",", ":")) + "\n")

    def _read(self) -> dict[str, list]:
        """Nothing if the file is missing, damaged, or about another folder: then all is looked at anew."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            same = (content["schema"], content["folder"]) == (SCHEMA, self.folder)
            return content["photos"] if same and isinstance(content["photos"], dict) else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
