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


def test_refusals(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good.npz", *QUICK]) == 2
    assert "the animal is known; give --table" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["good.npz", "good.npz", *QUICK])
    assert "two files are called good" in capsys.readouterr().err
