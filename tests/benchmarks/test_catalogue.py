import re
from pathlib import Path

import catalogue
import numpy as np
import pandas as pd
import pytest
from catalogue import main

from tests.catalogue.made_up import some_photos
from whichwhale import predictions
from whichwhale.config import load
from whichwhale.identify.config import IdentifyConfig
from whichwhale.predictions import ROLE_TRAIN, ROLE_VALIDATION, Predictions

ROOT = Path(__file__).parent.parent.parent

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
    assert shown.count("| combination | ") == 2 and shown.count("| LOF, k = ") == 2 and shown.count("| review | ") == 2
    assert "good: Whether the model was trained on these animals is not known" in shown


def test_too_few_animals_for_a_row_leave_the_rest(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    """At the defaults: 30 animals with 4 photos make no 5 shots, and no 20 ways on either side."""
    assert main(["good.npz", "--table", "labels.csv", "--draws", "10", "--episodes", "10"]) == 0
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("| `good`")]
    assert len(rows) == 5 and "| `good` | 5 | 1 | 1" in rows[1]  # verification, then four of one-shot
    assert "| 5 | 5 | none: to choose k on: 0 animals have more than 5 photos" in rows[2]
    assert "| 20 | 1 | none: to choose k on: 12 animals have more than 1 photos, it takes 20" in rows[3]
    assert shown.count("| LOF, k = ") == 1


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


def test_documented_fits_are_there() -> None:
    """Each `for m in NAMES …; python $s.py configs/FOLDER/$m.yaml` of the help."""
    listed = re.findall(r"for m in ([\w ]+);.*?(configs/\w+)/\$m\.yaml", catalogue.__doc__, re.DOTALL)
    assert [folder for _, folder in listed] == [
        f"configs/{name}" for name in ("right_whale_heads", "lions", "att_faces", "survey")
    ]
    for names, folder in listed:
        kinds = []
        for name in names.split():
            config = load(IdentifyConfig, ROOT / folder / f"{name}.yaml")
            kinds.append("frozen" if config.bottleneck and config.head.kind == "softmax" else config.head.kind)
        assert kinds == ["frozen", "siamese", "triplet", "arcface"]


def test_some_photos_of_several_tables(files: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Two photos of each animal show its face; of the photos in both tables the second says whom."""
    labels = pd.read_csv("labels.csv")
    labels.assign(animal="x").to_csv("first.csv", index=False)
    labels.assign(part=["face", "ear"] * 60).to_csv("labels.csv", index=False)
    assert main(["good.npz", "--table", "first.csv", "labels.csv", "--where", "part=face", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "| `good` | 60 | 30 |" in shown and "One-shot: 60 photos of 30 animals" in shown
    assert main(["good.npz", "--table", "labels.csv", "--where", "part=tail", *QUICK]) == 2
    assert "no photo of an animal that was held out meets part=tail" in capsys.readouterr().err


def of_folders(where: str) -> None:
    """A fit that learned 2 photos of each of 30 people in folders of classes, and none of 30 others; its logits know the 30."""
    photos = some_photos(60, 4)
    number, place = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)
    items = [f"{animal}/{photo}#0" for animal, photo in zip(photos.table["animal"], photos.table["photo"], strict=True)]
    role = np.where((number < 30) & (place < 2), ROLE_TRAIN, ROLE_VALIDATION)
    centres = np.stack([photos.vectors[number == one].mean(axis=0) for one in range(60)])
    logits = 10 * photos.vectors @ centres.T
    logits[:, 30:] = np.nan
    predictions.write(where, Predictions.of(items, role, [f"a{one}" for one in range(60)], logits, photos.vectors))


def test_folders_name_animals_and_a_fit_is_its_own_gallery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    of_folders("fit.npz")
    assert main(["fit.npz", "--trained-gallery", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "| `fit` | 120 | 30 |" in shown
    assert "Novelty, `fit`: 60 photos asked as known animals', 120 as strangers'" in shown
    own = shown.index("Novelty, `fit`, asked of the photos that it learned from, by its own logits too: 60 photos asked as known")
    assert "| max logit | " in shown[own:] and "One-shot: 120 photos of 30 animals" in shown[own:]
