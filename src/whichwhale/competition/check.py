"""Everything that is wrong with a competition's files, found before a training starts and not in its third hour."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from whichwhale.competition import photos
from whichwhale.competition.problems import CompetitionError, Problem, error, errors, note
from whichwhale.competition.tables import Competition, inspect


def check(
    competition: Competition, others: Sequence[str | Path] = (), decode: bool = True, progress: bool = False
) -> list[Problem]:
    """Look at every photo of the tables and at every further table's ids; tables themselves are checked where they are read.

    Errors: a photo that is missing, unreadable, truncated or empty. Notes: one that is grey, has a palette, alpha, CMYK or more
    than 8 bits, or is turned by EXIF (all are read all the same); photos in the folder that no table lists; ids of other tables
    that are neither training nor test photos.

    Args:
        competition: as `read` returns it.
        others: further CSV files with a column Image (callosity.csv, folds.csv, annotations.csv).
        decode: decode each photo, which alone finds all truncated ones; False looks at headers only.
        progress: show a bar.
    """
    images = [*competition.train["Image"], *competition.test]
    problems: list[Problem] = []
    folder = competition.root / competition.images
    if not folder.is_dir():
        return [error("missing folder", folder, "there is no folder of photos; link it here or name it with --images")]
    present = set(os.listdir(folder))
    for image in tqdm(images, "photos", disable=not progress, unit="photo"):
        problems += _photo(competition.photo_path(image), image, present, decode)
    unlisted = sorted(present - set(images))
    if unlisted:
        advice = f"{len(unlisted)} files that no table lists, first {unlisted[0]}; they are left alone"
        problems.append(note("unlisted photos", folder, advice))
    for other in others:
        problems += _ids(Path(other), set(images))
    return problems


def skip_bad(competition: Competition, problems: Sequence[Problem]) -> tuple[Competition, list[str]]:
    """The competition without the training photos that have an error, and their names.

    Bad test photos stay, since each test photo gets a row in the submission. A whale that loses its last photo keeps its column.

    Raises:
        CompetitionError: errors that aren't about one photo (a cut-off row, a whale without photo), or no photo is left.
    """
    wrong = errors(problems)
    fatal = [problem for problem in wrong if not problem.image]
    # `inspect` keeps the first of several equal rows: that photo is good
    bad = {problem.image for problem in wrong if problem.kind != "duplicate row"}
    gone = competition.train["Image"].isin(list(bad))
    if gone.all():
        advice = f"all {len(gone)} are bad; is it the right folder of photos?"
        fatal.append(error("no training photo", competition.root / competition.images, advice))
    if fatal:
        raise CompetitionError(fatal)
    return replace(competition, train=competition.train[~gone].reset_index(drop=True)), competition.train["Image"][gone].tolist()


def read_checked(root: str | Path, skip: bool = False, decode: bool = True, progress: bool = False, **files: str) -> Competition:
    """`read`, then `check`: what a training calls first. Prints how many photos it skipped.

    Args:
        root, files: as for `read` (`train`, `sample_submission`, `images`).
        skip: go on without the bad training photos.
        decode, progress: as for `check`.

    Raises:
        CompetitionError: errors, all of them; with `skip` only those that can't be skipped.
    """
    competition, problems = inspect(root, **files)
    problems += check(competition, decode=decode, progress=progress)
    if not errors(problems):
        return competition
    if not skip:
        raise CompetitionError(errors(problems))
    kept, skipped = skip_bad(competition, problems)
    print(told(kept, skipped, problems))
    return kept


def told(kept: Competition, skipped: Sequence[str], problems: Sequence[Problem]) -> str:
    """What `skip_bad` did, in one line."""
    bad_test = len({problem.image for problem in errors(problems)} & set(kept.test))
    remain = f"skipped {len(skipped)} bad training photos, {len(kept.train)} remain"
    return f"{remain}; {bad_test} bad test photos get the class prior"


def _photo(path: Path, image: str, present: set[str], decode: bool) -> list[Problem]:
    if not path.exists():
        near = next((name for name in sorted(present) if name.lower() == image.lower()), "")
        advice = f"the folder has {near}; rename it" if near else "fetch it; --skip-bad goes on without it"
        return [error("missing photo", path, advice, image)]
    try:
        found = photos.header(path)
        if decode:
            photos.decode(path, longest=1)  # reduced: less work, and still reads the file to its end
    except photos.PhotoError as problem:
        return [error("unreadable photo", path, problem.why, image)]
    notes = []
    if found.alpha:
        notes.append(note("alpha", path, "transparent pixels are laid over black", image))
    if found.mode in ("L", "LA", "1"):
        notes.append(note("grey", path, "read as three equal channels", image))
    elif found.mode.startswith("P"):
        notes.append(note("palette", path, "read as RGB", image))
    elif found.mode.startswith(("I", "F")):
        notes.append(note("16 bits", path, "read by its upper 8 bits", image))
    elif found.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        notes.append(note("colour space", path, f"{found.mode} is converted to RGB without a profile", image))
    if found.orientation != 1:
        advice = f"EXIF orientation {found.orientation}: it is turned upright, and so must points made elsewhere be"
        notes.append(note("rotation", path, advice, image))
    return notes


def _ids(path: Path, known: set[str]) -> list[Problem]:
    """A note for each row whose Image is neither a training nor a test photo."""
    if not path.is_file():
        return [error("unusable file", path, "the file is missing")]
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "Image" not in (reader.fieldnames or []):
            return [error("unusable file", path, "it has no column Image")]
        advice = "is neither a training nor a test photo; the row is not used"
        return [
            note("unknown id", f"{path.name}, line {reader.line_num}", f"{row['Image']} {advice}", row["Image"])
            for row in reader
            if row["Image"] not in known
        ]
