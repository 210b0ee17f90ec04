"""Everything that is wrong with a competition's files, found before a training starts and not in its third hour."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from whichwhale.competition import class_folders, photos
from whichwhale.competition.layout import inspect
from whichwhale.competition.problems import CompetitionError, Problem, error, errors, note
from whichwhale.competition.tables import NO_TEST, Competition
from whichwhale.competition.verdicts import Verdicts

MISSING, UNREADABLE = "missing photo", "unreadable photo"


def check(
    competition: Competition,
    others: Sequence[str | Path] = (),
    decode: bool = True,
    progress: bool = False,
    remember: str | Path | None = None,
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
        remember: file to keep what decoding found out (see `verdicts`); the next check then looks at changed photos only.
    """
    images = [*competition.train["Image"], *competition.skipped["Image"], *competition.test]
    problems: list[Problem] = []
    folder = competition.root / competition.images
    if not folder.is_dir():
        advice = "there is no folder of photos; link it here, or name it: data.images=NAME, or --images NAME"
        return [error("missing folder", folder, advice)]
    present = _present(folder, images)
    verdicts = Verdicts(Path(remember) if remember and decode else None, folder)

    def look(image: str) -> tuple[os.stat_result | None, list[Problem] | None]:
        """Of a photo that has changed, or was never looked at: its stat and problems; else one of them is None."""
        path = competition.photo_path(image)
        try:
            stat = path.stat()
        except OSError:
            return None, _missing(path, image, present)
        known = verdicts.known(image, stat, path)
        return (stat, _photo(path, image, decode)) if known is None else (None, known)

    # Threads: the decoders let go of Python's lock.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            looked = zip(images, pool.map(look, images), strict=True)
            for image, (stat, found) in tqdm(
                looked, "checking photos", len(images), disable=not progress, unit="photo", delay=1
            ):
                problems += found
                if stat is not None:
                    verdicts.add(image, stat, found)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            verdicts.write()
    unlisted = sorted(present - set(images))
    if unlisted and competition.images:  # of folders of classes the reader has told
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
    train = competition.train
    gone = train["Image"].isin(list(bad))
    if gone.all():
        advice = f"all {len(gone)} are bad; is it the right folder of photos?"
        fatal.append(error("no training photo", competition.root / competition.images, advice))
    if fatal:
        raise CompetitionError(fatal)
    skipped = pd.concat([competition.skipped, train[gone]], ignore_index=True)
    kept = replace(competition, train=train[~gone].reset_index(drop=True), skipped=skipped)
    return kept, train["Image"][gone].tolist()


def read_checked(
    root: str | Path,
    skip: bool = False,
    decode: bool = True,
    progress: bool = False,
    remember: str | Path | None = None,
    **how: str | float,
) -> Competition:
    """`read`, then `check`: what a training calls first. Prints how many photos it skipped.

    Args:
        root, how: as for `layout.inspect` (`train`, `sample_submission`, `images`, `layout`, `test_share`, `group`).
        skip: go on without the bad training photos.
        decode, progress, remember: as for `check`.

    Raises:
        CompetitionError: errors, all of them; with `skip` only those that can't be skipped.
    """
    competition, problems = inspect(root, **how)
    for problem in problems:
        if problem.kind in (class_folders.UNTRAINED, NO_TEST):
            print(problem)
    problems += check(competition, decode=decode, progress=progress, remember=remember)
    if not errors(problems):
        return competition
    if not skip:
        raise CompetitionError(errors(problems), _way_out(competition, problems))
    kept, _ = skip_bad(competition, problems)
    print(told(kept, problems))
    return kept


def told(kept: Competition, problems: Sequence[Problem]) -> str:
    """What `skip_bad` did, in one line."""
    bad, bad_test = _bad(kept, problems)
    first = f" (first {sorted(bad)[0]})" if bad else ""
    remain = f"skipped {len(bad)} bad training photos{first}, {len(kept.train)} remain"
    twice = sum(problem.kind == "duplicate row" for problem in errors(problems))
    once = f"; {twice} duplicate rows count once" if twice else ""
    return f"{remain}{once}; {len(bad_test)} bad test photos get the class prior"


def _bad(competition: Competition, problems: Sequence[Problem]) -> tuple[set[str], set[str]]:
    """Training photos that `skip_bad` leaves out, with those that `inspect` had to, and test photos that can't be read."""
    wrong, test = errors(problems), set(competition.test)
    of_photos = {problem.image for problem in wrong if problem.kind in (MISSING, UNREADABLE)}
    of_rows = {problem.image for problem in wrong if problem.kind not in (MISSING, UNREADABLE, "duplicate row")}
    return ((of_photos - test) | of_rows) - {""}, of_photos & test


def _way_out(competition: Competition, problems: Sequence[Problem]) -> str:
    """The closing line of a refusal: how to go on without mending anything, if that is possible."""
    try:
        skip_bad(competition, problems)
    except CompetitionError:
        return f"`python -m whichwhale.competition check {competition.root}` lists all of them"
    bad, bad_test = _bad(competition, problems)
    lost = f" without {len(bad)} bad training photos" if bad else ""
    prior = f"; {len(bad_test)} bad test photos then get the class prior" if bad_test else ""
    return f"data.skip_bad=true goes on{lost}{prior}"


def _present(folder: Path, images: Sequence[str]) -> set[str]:
    """What lies in the folder of photos, and in those of its folders that the photos' names speak of ('class/file')."""
    within = {image.rpartition("/")[0] for image in images} or {""}
    return {
        f"{inner}/{name}" if inner else name
        for inner in within
        if (folder / inner).is_dir()
        for name in os.listdir(folder / inner)
        if not (inner and name.startswith("."))
    }


def _missing(path: Path, image: str, present: set[str]) -> list[Problem]:
    near = next((name for name in sorted(present) if name.lower() == image.lower()), "")
    advice = f"the folder has {near}; rename it" if near else "there is no such file; fetch it again"
    return [error(MISSING, path, advice, image)]


def _photo(path: Path, image: str, decode: bool) -> list[Problem]:
    try:
        found = photos.header(path)
        if decode:
            photos.decode(path, longest=1)  # reduced: less work, and still reads the file to its end
    except photos.PhotoError as problem:
        return [error(UNREADABLE, path, problem.why, image)]
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
