"""Reading tables: what a good folder gives, and each contradiction told by file and line, all at once."""

import os
from pathlib import Path

import numpy as np
import pytest

from whichwhale import competition
from whichwhale.competition.tables import NO_TEST, inspect

TRAIN = "Image,whaleID\nw_3.jpg,whale_b\nw_1.jpg,whale_a\nw_2.jpg,whale_b\n"
SAMPLE = "Image,whale_b,whale_a\nw_9.jpg,0.5,0.5\nw_10.jpg,0.5,0.5\n"


def folder(root: Path, train: str | None = TRAIN, sample: str | None = SAMPLE) -> Path:
    for name, text in (("train.csv", train), ("sample_submission.csv", sample)):
        if text is not None:
            (root / name).write_text(text, encoding="utf-8")
    return root


def test_orders_are_the_files(tmp_path: Path) -> None:
    found = competition.read(folder(tmp_path))
    assert found.train.values.tolist() == [["w_3.jpg", "whale_b"], ["w_1.jpg", "whale_a"], ["w_2.jpg", "whale_b"]]
    assert found.test == ["w_9.jpg", "w_10.jpg"]
    assert found.class_id == ["whale_b", "whale_a"]
    assert found.photo_path("w_1.jpg") == tmp_path / "imgs" / "w_1.jpg"
    assert found.labels().tolist() == [0, 1, 0] and found.labels().dtype == np.int64


def test_prior_is_laplace_smoothed(tmp_path: Path) -> None:
    """(2 + 1) / (3 + 2) and (1 + 1) / (3 + 2)."""
    assert competition.read(folder(tmp_path)).prior().tolist() == [0.6, 0.4]


def test_byte_order_mark_blanks_and_empty_lines_are_harmless(tmp_path: Path) -> None:
    found = competition.read(folder(tmp_path, "\ufeff" + TRAIN.replace(",whale_a", " , whale_a ") + "\n", "\ufeff" + SAMPLE))
    assert found.labels().tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("train", "sample", "kind", "message"),
    [
        (None, SAMPLE, "unusable file", "train.csv: unusable file: the file is missing"),
        (TRAIN, None, "unusable file", "sample_submission.csv: unusable file: the file is missing; it says which photos"),
        ("image,whale\na,b\n", SAMPLE, "unusable file", "must be Image,whaleID, not image,whale"),
        ("", SAMPLE, "unusable file", "not an empty line"),
        (TRAIN, "Image\nw_9.jpg\n", "unusable file", "must be Image, then one a whale"),
        (TRAIN, "Image,whale_b,whale_a,whale_b\n", "unusable file", "twice: whale_b"),
        (TRAIN, "Image,whale_b,whale_a,\n", "unusable file", "no name"),
        (TRAIN + "w_1.jpg,whale_a\n", SAMPLE, "duplicate row", "train.csv, line 5: duplicate row: w_1.jpg is on line 3 too"),
        (TRAIN + "w_1.jpg,whale_b\n", SAMPLE, "conflicting", "line 5: conflicting: w_1.jpg is whale_b here and whale_a"),
        (TRAIN + "w_4.jpg,whale_c\n", SAMPLE, "unknown whale", "whale_c of w_4.jpg is no column of sample_submission.csv"),
        (TRAIN + ",whale_a\n", SAMPLE, "empty cell", "train.csv, line 5"),
        (TRAIN + "w_4.jpg\n", SAMPLE, "wrong row", "train.csv, line 5: wrong row: 1 cells where the header has 2"),
        (TRAIN, "Image,whale_b,whale_a,whale_c\nw_9.jpg,0,0,0\n", "whale without photo", "whale_c has a column but no photo"),
        (TRAIN, SAMPLE + "w_9.jpg,0.5,0.5\n", "duplicate row", "submission.csv, line 4: duplicate row: w_9.jpg is on line 2"),
        (TRAIN, SAMPLE + "w_1.jpg,0.5,0.5\n", "train and test", "line 4: train and test: w_1.jpg is on line 3 of train.csv"),
        (TRAIN, SAMPLE + "w_8.jpg,0.5\n", "wrong row", "sample_submission.csv, line 4"),
    ],
)
def test_a_contradiction_is_named(tmp_path: Path, train: str | None, sample: str | None, kind: str, message: str) -> None:
    with pytest.raises(competition.CompetitionError) as refused:
        competition.read(folder(tmp_path, train, sample))
    assert [problem.kind for problem in refused.value.problems] == [kind]
    assert message in str(refused.value)


def test_a_sample_without_rows_asks_for_no_submission(tmp_path: Path) -> None:
    """Scores alone are worth something too; that there will be no submission is told before hours of work."""
    found, problems = inspect(folder(tmp_path, sample=SAMPLE.splitlines()[0] + "\n"))
    assert (found.test, found.class_id, len(found.train)) == ([], ["whale_b", "whale_a"], 3)
    assert [(problem.severity, problem.kind) for problem in problems] == [("note", NO_TEST)]
    assert competition.read(tmp_path).test == []


def test_all_problems_come_at_once_and_the_rest_is_usable(tmp_path: Path) -> None:
    train = TRAIN + "w_1.jpg,whale_b\nw_3.jpg,whale_b\nw_4.jpg,whale_c\n"
    found, problems = inspect(folder(tmp_path, train))
    assert sorted(problem.kind for problem in problems) == ["conflicting", "duplicate row", "unknown whale"]
    assert found.train["Image"].tolist() == ["w_3.jpg", "w_2.jpg"]


def test_the_real_heads(tmp_path: Path) -> None:
    root = Path(os.environ.get("WHICHWHALE_INPUT", "input")) / "right_whale_heads"
    if not root.is_dir():
        pytest.skip(f"no {root}: see input/README.md")
    found = competition.read(root)
    assert (len(found.train), len(found.test), len(found.class_id)) == (3604, 940, 447)
    assert np.bincount(found.labels(), minlength=447).min() == 1
