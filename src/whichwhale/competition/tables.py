"""A competition, and its two tables: who is in the training photos, and what a submission must look like.

The layout is Kaggle's: `train.csv` (Image, whaleID), `sample_submission.csv` (Image, then one column a whale), a folder of
photos.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whichwhale.competition.problems import CompetitionError, Problem, error, note
from whichwhale.files import sha256

TRAIN_COLUMNS = ["Image", "whaleID"]
NO_TEST = "no test photo"
WHERE_FROM = "input/README.md says where each data set comes from"


@dataclass(frozen=True)
class Competition:
    """Tables of one competition. All rooms index whales by `class_id`, the column order of the sample submission.

    Attributes:
        root: the competition's folder.
        train: DataFrame [Image, whaleID], one row a training photo, in the file's order.
        test: photos that a submission must answer, in the sample submission's order.
        class_id: whales, in the sample submission's column order.
        images: folder of the photos, relative to `root`.
        skipped: DataFrame [Image, whaleID] of training photos that were left out of `train` (see `check.skip_bad`).
        table: the file that `train` was read from; None if there is none (folders of classes).
        groups: photo to the name of its group, whose photos stay together in one fold; empty: each photo is its own.
        answers: test photo to its whale, where that is known. No fit may see them.
    """

    root: Path
    train: pd.DataFrame
    test: list[str]
    class_id: list[str]
    images: str = "imgs"
    skipped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=TRAIN_COLUMNS, dtype=str))
    table: Path | None = None
    groups: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def photo_path(self, image: str) -> Path:
        """Path of the photo named `image` ('w_1.jpg'); whether it exists is `check`'s business."""
        return self.root / self.images / image

    def labels(self) -> NDArray[np.int64]:
        """Index into `class_id` of each training photo, int64 [len(train)], in `train`'s order."""
        index = {whale: position for position, whale in enumerate(self.class_id)}
        return np.array([index[whale] for whale in self.train["whaleID"]], dtype=np.int64)

    def fingerprint(self) -> str:
        """SHA-256 of what says who is in which photo: the training table's bytes, or photos and whales."""
        if self.table is not None:
            return sha256(self.table)
        rows = [self.train["Image"].tolist(), self.train["whaleID"].tolist(), self.class_id]
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def prior(self) -> NDArray[np.float64]:
        """Share of each whale among training photos, float64 [len(class_id)], sums to 1.

        Laplace-smoothed, (photos + 1) / (all photos + whales): a whale with few photos keeps a fair chance, one without any is
        not impossible. It is the answer for a test photo that can't be read.
        """
        counts = np.bincount(self.labels(), minlength=len(self.class_id)) + 1.0
        return counts / counts.sum()


def inspect(
    root: str | Path, train: str = "train.csv", sample_submission: str = "sample_submission.csv", images: str = "imgs"
) -> tuple[Competition, list[Problem]]:
    """Read a competition's tables from the folder `root`; what is usable is returned together with all problems found. Photos are
    not opened (see `check`).

    Usable are: of rows that repeat each other the first, of a photo under two names none, only whales that have a column.

    Raises:
        CompetitionError: a file is missing or its header is wrong, so that nothing is usable.
    """
    root = Path(root)
    train_header, train_rows, problems = _rows(root / train, f"it lists the training photos, `Image,whaleID`; {WHERE_FROM}")
    _require(train_header[:2] == TRAIN_COLUMNS, root / train, f"the columns must be Image,whaleID, not {_short(train_header)}")
    sample_header, sample_rows, more = _rows(
        root / sample_submission,
        "it says which photos to answer and the order of the whales; download it with the data, or write one: "
        f"a header `Image,<one column a whale>` and a row a test photo; {WHERE_FROM}",
    )
    problems += more
    class_id = sample_header[1:]
    sample_path = root / sample_submission
    shape = f"the columns must be Image, then one a whale, not {_short(sample_header)}"
    _require(sample_header[:1] == ["Image"] and bool(class_id), sample_path, shape)
    twice = [whale for whale, count in Counter(class_id).items() if count > 1]
    _require(not twice, sample_path, f"columns appear twice: {_short(twice)}; keep one of each")
    blank = not all(whale and whale == whale.strip() for whale in class_id)
    _require(not blank, sample_path, "a column has no name, or blanks around it; remove them")

    labelled, more = _labelled(train, sample_submission, train_rows, set(class_id))
    problems += more
    test, more = _unlabelled(train, sample_submission, sample_rows, train_rows)
    problems += more
    known = {row[1] for _, row in train_rows}
    advice = f"has a column but no photo in {train}; are both from the same download?"
    problems += [
        error("whale without photo", sample_submission, f"{whale} {advice}") for whale in class_id if whale not in known
    ]
    table = pd.DataFrame({"Image": list(labelled), "whaleID": list(labelled.values())}, columns=TRAIN_COLUMNS, dtype=str)
    return Competition(root, table, test, class_id, images, table=root / train), problems


Rows = list[tuple[int, list[str]]]  # (line in the file, cells)


def _labelled(train: str, sample: str, rows: Rows, whales: set[str]) -> tuple[dict[str, str], list[Problem]]:
    """Photo → whale of the usable rows, and what is wrong with the others."""
    first: dict[str, tuple[int, str]] = {}
    conflicting: set[str] = set()
    problems = []
    for line, (image, whale, *_) in rows:
        where = f"{train}, line {line}"
        if not image or not whale:
            problems.append(error("empty cell", where, "both Image and whaleID are needed; fill or remove it", image))
            continue
        line_before, whale_before = first.setdefault(image, (line, whale))
        if line_before == line:
            if whale not in whales:
                advice = f"{whale} of {image} is no column of {sample}; add the column or remove the row"
                problems.append(error("unknown whale", where, advice, image))
        elif whale_before == whale:
            problems.append(error("duplicate row", where, f"{image} is on line {line_before} too; remove one", image))
        else:
            conflicting.add(image)
            advice = f"{image} is {whale} here and {whale_before} on line {line_before}; keep the true one"
            problems.append(error("conflicting", where, advice, image))
    usable = {image: whale for image, (_, whale) in first.items() if whale in whales and image not in conflicting}
    return usable, problems


def _unlabelled(train: str, sample: str, rows: Rows, train_rows: Rows) -> tuple[list[str], list[Problem]]:
    """The photos to answer, each once, and what is wrong with the sample submission's ids.

    Only a photo that is in both tables is named in `Problem.image`: nothing else here may be skipped, as each test photo gets
    a row.
    """
    trained = {row[0]: line for line, row in train_rows}
    first: dict[str, int] = {}
    problems = []
    for line, (image, *_) in rows:
        where = f"{sample}, line {line}"
        if not image:
            problems.append(error("empty cell", where, "the photo has no name; fill or remove it"))
        elif first.setdefault(image, line) != line:
            problems.append(error("duplicate row", where, f"{image} is on line {first[image]} too; remove one"))
        elif image in trained:
            advice = f"{image} is on line {trained[image]} of {train} too: its answer is known; remove one"
            problems.append(error("train and test", where, advice, image))
    if not first:
        advice = "it has no row, so there will be scores and no submission; if photos are to be named, list them"
        problems.append(note(NO_TEST, sample, advice))
    return list(first), problems


def _rows(path: Path, purpose: str) -> tuple[list[str], Rows, list[Problem]]:
    """Header, the rows with as many cells as it (names without blanks around them), and a problem for each other row."""
    _require(path.is_file(), path, f"the file is missing; {purpose}")
    problems = []
    rows: Rows = []
    # utf-8-sig: spreadsheets put a byte-order mark before the first column's name
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        for cells in filter(None, reader):
            if len(cells) == len(header):
                rows.append((reader.line_num, [*(cell.strip() for cell in cells[:2]), *cells[2:]]))
            else:
                advice = f"{len(cells)} cells where the header has {len(header)}; is the file cut off?"
                problems.append(error("wrong row", f"{path.name}, line {reader.line_num}", advice))
    return header, rows, problems


def _require(condition: bool, path: Path, message: str) -> None:
    if not condition:
        raise CompetitionError([error("unusable file", path, message)])


def _short(names: list[str]) -> str:
    if len(names) > 4:
        return ",".join(names[:4]) + f",… ({len(names)} in all)"
    return ",".join(names) or "an empty line"
