import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale import predictions
from whichwhale.catalogue.__main__ import main
from whichwhale.predictions import ROLE_TEST, ROLE_TRAIN, ROLE_VALIDATION, Predictions
from whichwhale.score.strangers import NAMES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """fit.npz: animals 0-29 with 3 training photos and a test photo, 30-59 held out; train.csv and truth.csv (test photos)."""
    monkeypatch.chdir(tmp_path)
    photos = some_photos(60, 4)
    number, place = np.repeat(np.arange(60), 4), np.tile(np.arange(4), 60)
    role = np.where(number >= 30, ROLE_VALIDATION, np.where(place < 3, ROLE_TRAIN, ROLE_TEST))
    centres = np.stack([photos.vectors[number == one].mean(axis=0) for one in range(60)])
    logits = 10 * photos.vectors @ centres.T
    logits[:, 30:] = np.nan
    items = np.char.add(photos.table["photo"].to_numpy(str), "#0")
    names = [f"a{one}" for one in range(60)]
    predictions.write("fit.npz", Predictions.of(items, role, names, logits, photos.vectors, weights_sha="m"))
    predictions.write("vectors.npz", Predictions.of(items, role, [], None, photos.vectors, weights_sha="m"))
    photos.table[role != ROLE_TEST].to_csv("train.csv", index=False)
    photos.table[role == ROLE_TEST].to_csv("truth.csv", index=False)
    return tmp_path


ASK = ["novelty", "--draws", "10", "--json", "a.json", "--vectors"]


def test_animals_never_trained_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ASK, "fit.npz", "--table", "train.csv"]) == 0
    shown = capsys.readouterr().out
    assert "60 photos of known animals and 120 of strangers asked, 30 animals; strangers weighted to 30%" in shown
    assert "logits are log_sum_exp" in shown and "TRAINED" not in shown
    found = json.loads(Path("a.json").read_text())
    assert [row["score"] for row in found["scores"]] == [*NAMES, "combination"]
    by_name = {row["score"]: row for row in found["scores"]}
    for name in ("max cosine", "energy", "LOF"):
        estimate, low, high = by_name[name]["auroc"]
        assert 0.6 < low <= estimate <= high <= 1, name
    assert [band["band"] for band in found["bands"]] == ["auto", "review", "new"]


def test_photos_that_the_model_learned_from_as_gallery(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = [*ASK, "fit.npz", "--trained-gallery", "--table", "train.csv"]
    assert main(asked) == 2
    assert "takes held-out photos of animals that the model was trained on as well" in capsys.readouterr().err
    assert main([*asked, "truth.csv"]) == 0
    shown = capsys.readouterr().out
    assert "30 photos of known animals and 120 of strangers asked, 60 animals" in shown and "logits are its own" in shown
    by_name = {row["score"]: row for row in json.loads(Path("a.json").read_text())["scores"]}
    assert by_name["max logit"]["auroc"][0] > 0.8
    # logits are the classifier's: with others the row changes, the cosines' rows don't
    read = predictions.read("fit.npz")
    worthless = np.where(np.isnan(read.logits), np.nan, 0.0)
    predictions.write("fit.npz", Predictions.of(read.item, read.role, read.class_id, worthless, read.embedding))
    assert main([*asked, "truth.csv"]) == 0
    again = {row["score"]: row for row in json.loads(Path("a.json").read_text())["scores"]}
    assert again["max logit"]["auroc"][0] == 0.5 and again["max cosine"] == by_name["max cosine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --vectors"),
        (["--vectors", "fit.npz"], "the animal is known; give --table"),
        (["--vectors", "fit.npz", "--table", "truth.csv"], "learned from 90 photos of which nobody says whom they"),
        (["--vectors", "fit.npz", "--table", "train.csv", "--new-rate", "0"], "fit.npz: rate=0: a share between 0 and 1"),
        (["--vectors", "vectors.npz", "--table", "train.csv", "truth.csv", "--trained-gallery"], "vectors.npz: has no logits"),
    ],
)
def test_refusals(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["novelty", *arguments])
    assert message in capsys.readouterr().err and code == 2


def test_encounters_are_not_met_in_the_gallery(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """p{animal}_3 was taken with p{animal}_2 of every other animal."""
    for name in ("train", "truth"):
        table = pd.read_csv(f"{name}.csv")
        of, place = (table["photo"].str.extract(r"p(\d+)_(\d)")[column].astype(int) for column in (0, 1))
        table.assign(encounter=[f"e{n}.{min(k, 2) if n % 2 else k}" for n, k in zip(of, place, strict=True)]).to_csv(
            f"{name}.csv", index=False
        )
    assert main([*ASK, "fit.npz", "--trained-gallery", "--table", "train.csv", "truth.csv"]) == 0
    assert "15 photos of known animals and 120 of strangers asked" in capsys.readouterr().out
    # enrolled: of three encounters the first and the third are, so that one photo or two are asked
    assert main([*ASK, "fit.npz", "--table", "train.csv"]) == 0
    known = int(re.search(r"(\d+) photos of known animals and 120 of", capsys.readouterr().out).group(1))
    assert 45 <= known <= 60
    table.assign(encounter="e").to_csv("truth.csv", index=False)
    pd.read_csv("train.csv").assign(encounter="e").to_csv("train.csv", index=False)
    assert main([*ASK, "fit.npz", "--trained-gallery", "--table", "train.csv", "truth.csv"]) == 2
    assert "(of other encounters, where these are known)" in capsys.readouterr().err
