"""A competition without tables: one folder of photos a class.

    root/alba/1.jpg  root/alba/2.jpg  root/bruno/1.jpg ...

A photo's name is "class/file", its class the folder's name. Which photos are test photos is decided by a hash of the photo's name
(or of its group, such as the photos of one encounter), so a photo that is added moves none that was there before. Their classes
are known all the same (`Competition.answers`) and tell what a submission is worth; nothing is fitted on them.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pandas as pd

from whichwhale.competition.photos import endings
from whichwhale.competition.problems import CompetitionError, Problem, error, note
from whichwhale.competition.tables import TRAIN_COLUMNS, Competition

UNTRAINED = "class without training photo"


def are_here(root: Path, images: str) -> bool:
    """Whether `root` holds folders of photos; a folder called `images` means that the tables beside it are missing instead."""
    if not root.is_dir() or (root / images).is_dir():
        return False
    return any(_is_photo(file) for folder in _folders(root) for file in folder.iterdir())


def inspect(root: str | Path, test_share: float = 0.2, group: str = "") -> tuple[Competition, list[Problem]]:
    """The competition that the folders below `root` are, and what is wrong with them; photos are not opened (see `check`).

    Args:
        root: the folder of the classes' folders. What is in none of them is left alone, and so are names that start with a dot.
        test_share: chance of a group to be test photos; 0: all photos train.
        group: a regular expression that is searched in the file's name; photos of a class for which it captures the same (all it
            matches, if it captures nothing) stay together. Empty: each photo is a group of its own.

    Raises:
        CompetitionError: nothing is usable: no such folder, no photo left to train on, or the pattern is none.
    """
    root = Path(root)
    pattern = _pattern(group)
    if not root.is_dir():
        raise CompetitionError([error("missing folder", root, "there is no such folder; link it, or correct data.root")])
    problems: list[Problem] = []
    class_of: dict[str, str] = {}
    group_of: dict[str, str] = {}
    for folder in _folders(root):
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        photos = [path for path in files if _is_photo(path)]
        if not photos:
            problems.append(_empty(folder, files))
            continue
        if why := _unfit(folder.name):
            problems.append(error("unusable name", folder, f"{why}; rename the folder"))
            continue
        if others := [path.name for path in files if path not in photos]:
            advice = f"{len(others)} things that are no photos, first {others[0]}; they are left alone"
            problems.append(note("not a photo", folder, advice))
        for path in photos:
            image = f"{folder.name}/{path.name}"
            found = pattern.search(path.name) if pattern else None
            if why := _unfit(path.name):
                problems.append(error("unusable name", path, f"{why}; rename the file", image))
            elif pattern and not found:
                problems.append(error("no group", path, f"its name has nothing that data.group={group} matches", image))
            else:
                class_of[image] = folder.name
                if found:
                    group_of[image] = f"{folder.name}/{'/'.join(part or '' for part in found.groups() or [found[0]])}"
    classes = sorted(set(class_of.values()))
    if len(classes) < 2:
        there = f"only the class {classes[0]!r}" if classes else "no folder with a usable photo"
        advice = f"it holds {there}; two folders at least, one a class, make something to tell apart"
        problems.append(error("too few classes", root, advice))
    test = [image for image in class_of if place(group_of.get(image, image)) < test_share]
    held_back = set(test)
    train = [image for image in class_of if image not in held_back]
    if class_of and not train:
        advice = f"all {len(class_of)} photos are test photos; lower data.test_share={test_share:g}, or add photos"
        raise CompetitionError([error("no training photo", root, advice)])
    trained = {class_of[image] for image in train}
    for name in classes:
        if name not in trained:
            advice = "all its photos are test photos, so no model will know it; add photos, or lower data.test_share"
            problems.append(note(UNTRAINED, root / name, advice))
    table = pd.DataFrame({"Image": train, "whaleID": [class_of[image] for image in train]}, columns=TRAIN_COLUMNS, dtype=str)
    answers = {image: class_of[image] for image in test}
    return Competition(root, table, test, classes, "", groups=group_of, answers=answers), problems


def place(group: str) -> float:
    """Where a group falls between 0 and 1 (excluded): the first 8 bytes of the SHA-256 of its name, so evenly and for good."""
    return (int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") >> 11) / 2**53


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_photo(path: Path) -> bool:
    return path.suffix.lower() in endings() and not path.name.startswith(".") and not path.is_dir()


def _pattern(group: str) -> re.Pattern[str] | None:
    try:
        return re.compile(group) if group else None
    except re.error as problem:
        raise CompetitionError([error("unusable pattern", f"data.group={group}", f"no regular expression: {problem}")]) from None


def _empty(folder: Path, files: list[Path]) -> Problem:
    if inner := next((path for path in files if path.is_dir()), None):
        advice = f"has folders, first {inner.name}, but no photo; if those are the classes, data.root must end in {folder.name}"
    else:
        advice = "has no photo (a file whose name ends in .jpg, .png, .tif, .pgm, …); put some in, or remove the folder"
    return error("empty folder", folder, advice)


def _unfit(name: str) -> str:
    """Why a name can't stand in a table; empty if it can."""
    if name != name.strip():
        return "the name has blanks around it"
    if any(character in name for character in ',"\r\n'):
        return "the name has a comma, a quotation mark or a line break"
    return "Image is the name of the tables' first column" if name == "Image" else ""
