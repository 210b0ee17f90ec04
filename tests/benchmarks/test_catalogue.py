from pathlib import Path

import numpy as np
import pytest
from catalogue import main

from tests.catalogue.made_up import some_photos

QUICK = ["--draws", "10", "--episodes", "10", "--ways", "4", "--shots", "1"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """good.npz and poor.npz of 30 animals with 4 photos each; labels.csv."""
    monkeypatch.chdir(tmp_path)
    for name, spread in (("good", 0.3), ("poor", 2.5)):
        photos = some_photos(30, 4, spread=spread)
        np.savez(f"{name}.npz", vectors=photos.vectors, photo=photos.table["photo"].to_numpy(str), model=name)
    photos.table.to_csv("labels.csv", index=False)


def test_all_tables(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good.npz", "poor.npz", "--table", "labels.csv", *QUICK]) == 0
    shown = capsys.readouterr().out
    rows = [line.split(" | ") for line in shown.splitlines() if line.startswith("| `")]
    assert [one[0] for one in rows] == ["| `good`", "| `poor`"] * 2  # verification, one-shot
    auc = [float(one[3].split(" %")[0].split("%")[0]) for one in rows[:2]]
    assert auc[0] > 99 > auc[1] > 50
    assert shown.count("| combination | ") == 2 and shown.count("| LOF | ") == 2 and shown.count("| review | ") == 2
    assert "good: Whether the model was trained on these animals is not known" in shown


def test_too_few_animals_for_a_row_leave_the_rest(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    """At the defaults: 30 animals with 4 photos make no 5 shots, and no 20 ways on either side."""
    assert main(["good.npz", "--table", "labels.csv", "--draws", "10", "--episodes", "10"]) == 0
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("| `good`")]
    assert len(rows) == 5 and "| `good` | 5 | 1 | 1" in rows[1]  # verification, then four of one-shot
    assert "| 5 | 5 | none: to choose k on: 0 animals have more than 5 photos" in rows[2]
    assert "| 20 | 1 | none: to choose k on: 12 animals have more than 1 photos, it takes 20" in rows[3]
    assert shown.count("| LOF | ") == 1


def test_a_table_that_cannot_be_made_keeps_the_others(tmp_path: Path, files: None, capsys: pytest.CaptureFixture[str]) -> None:
    photos = some_photos(4, 6)
    np.savez("few.npz", vectors=photos.vectors, photo=photos.table["photo"].to_numpy(str), model="few")
    photos.table.to_csv("few.csv", index=False)
    assert main(["few.npz", "--table", "few.csv", *QUICK]) == 1
    shown = capsys.readouterr().out
    assert "| `few` | 24 | 4 |" in shown and "none: to choose k on: 2 animals have more than 1 photos, it takes 4" in shown


def test_refusals(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good.npz", *QUICK]) == 2
    assert "the animal is known; give --table" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["good.npz", "good.npz", *QUICK])
    assert "two files are called good" in capsys.readouterr().err
