import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.catalogue.made_up import some_photos
from whichwhale import predictions
from whichwhale.catalogue.__main__ import main
from whichwhale.catalogue.errors import CatalogueError
from whichwhale.catalogue.held_out import HeldOut, held_out
from whichwhale.catalogue.incoming import Incoming
from whichwhale.catalogue.manifest import Model
from whichwhale.catalogue.verifying import drawn, read
from whichwhale.predictions import ROLE_TRAIN, ROLE_VALIDATION, Predictions


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """disjoint.npz: 20 animals that the fit trained on, 40 that it did not, 4 photos each; closed.npz: of every animal 3 were
    learned from; plain.npz: nobody knows; labels.csv."""
    monkeypatch.chdir(tmp_path)
    photos = some_photos(60, 4)
    names = photos.table["photo"].to_numpy(str)
    number = np.repeat(np.arange(60), 4)
    for name, learned in (("disjoint", number < 20), ("closed", np.arange(240) % 4 > 0)):
        role = np.where(learned, ROLE_TRAIN, ROLE_VALIDATION)
        table = Predictions.of(np.char.add(names, "#0"), role, [], None, photos.vectors, weights_sha="m")
        predictions.write(f"{name}.npz", table)
    np.savez("plain.npz", vectors=photos.vectors, photo=names, model="m")
    photos.table.to_csv("labels.csv", index=False)
    return tmp_path


FIT = ["--table", "labels.csv", "--draws", "20"]


def test_fitted_and_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--vectors", "disjoint.npz", *FIT]) == 0
    shown = capsys.readouterr().out
    assert "160 photos of 40 animals: 240 pairs of one animal, 12480 of two" in shown and "verification.json: written" in shown
    fitted = read(Path("verification.json"))
    assert fitted.warning.startswith("Which photos are of one meeting is not known") and fitted.slope > 0 and fitted.prior == 0.5
    estimate, low, high = fitted.figures["ROC AUC"]
    assert 0.9 < low <= estimate <= high <= 1
    # the same animal, and two others
    assert main(["verify", "p30_0.jpg", "p30_1.jpg", "p31_0.jpg", "--vectors", "disjoint.npz", "--json", "a.json"]) == 0
    assert "p30_0.jpg = p30_1.jpg?" in capsys.readouterr().out
    pairs = json.loads(Path("a.json").read_text())["pairs"]
    assert [one["photos"] for one in pairs] == [
        ["p30_0.jpg", "p30_1.jpg"],
        ["p30_0.jpg", "p31_0.jpg"],
        ["p30_1.jpg", "p31_0.jpg"],
    ]
    assert pairs[0]["probability"] > 0.5 > max(pairs[1]["probability"], pairs[2]["probability"])
    # odds follow the prior: 0.5 to 0.2 divides them by 4
    assert main(["verify", "p30_0.jpg", "p31_0.jpg", "--vectors", "disjoint.npz", "--prior", "0.2", "--json", "b.json"]) == 0
    p, q = pairs[1]["probability"], json.loads(Path("b.json").read_text())["pairs"][0]["probability"]
    assert q / (1 - q) == pytest.approx(p / (1 - p) / 4, rel=1e-2, abs=2e-6)
    assert json.loads(Path("b.json").read_text())["learned"] == []
    capsys.readouterr()
    assert main(["verify", "p5_0.jpg", "p31_0.jpg", "--vectors", "disjoint.npz", "--json", "c.json"]) == 0
    assert "The model learned from p5_0.jpg: of such photos the probabilities are too sure." in capsys.readouterr().out
    assert json.loads(Path("c.json").read_text())["learned"] == ["p5_0.jpg"]


def test_animals_that_were_trained_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--vectors", "closed.npz", *FIT]) == 2
    told = capsys.readouterr().err
    assert "trained on photos of every one of the animals (60)" in told and "folds.kind=disjoint" in told
    assert not Path("verification.json").exists()
    # one photo of each animal was held out: no pair of one animal
    assert main(["verify", "--vectors", "closed.npz", *FIT, "--trained-animals"]) == 2
    assert "it takes several animals with two photos or more" in capsys.readouterr().err
    assert main(["verify", "--vectors", "plain.npz", *FIT, "--calibration", "plain.json"]) == 0
    assert "Whether the model was trained on these animals is not known" in capsys.readouterr().out
    assert "not known" in read(Path("plain.json")).warning


def test_insisting_keeps_to_held_out_photos() -> None:
    photos = some_photos(3, 4)
    photos.table["learned"] = ["yes", "yes", "no", "no"] * 3
    found = held_out(photos, "x", trained=True)
    assert len(found.photos) == 6 and "TRAINED ON THESE ANIMALS" in found.warning
    with pytest.raises(CatalogueError, match="of none of the 12 photos the animal is known"):
        held_out(type(photos)(photos.table.drop(columns="animal"), photos.vectors, photos.model), "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jpg", "b.jpg"], "give either --model"),
        (["--vectors", "disjoint.npz", "--table", "labels.csv", "--prior", "1"], "--prior 1: the share of pairs"),
        (["p0_0.jpg", "p0_1.jpg", "--vectors", "disjoint.npz"], "verification.json: no such file"),
        (["--vectors", "disjoint.npz"], "of none of the 240 photos the animal is known"),
        (["--model", "runs/x"], "name two photos to compare"),
    ],
)
def test_refusals(folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_pair_is_of_two_photos_of_the_fitted_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--vectors", "disjoint.npz", *FIT]) == 0
    ask = ["verify", "--vectors", "disjoint.npz"]
    for names, message in (
        (["p0_0.jpg", "gone.jpg"], "disjoint.npz: has no photo gone.jpg"),
        (["p0_0.jpg", "p0_0.jpg"], "name two photos or more to compare, each once"),
    ):
        assert main([*ask, *names]) == 2
        assert message in capsys.readouterr().err
    with np.load("plain.npz") as file:
        np.savez("other.npz", **(dict(file) | {"model": "another"}))
    assert main(["verify", "p0_0.jpg", "p0_1.jpg", "--vectors", "other.npz"]) == 2
    assert "vectors are of model another" in capsys.readouterr().err
    Path("verification.json").write_text('{"schema": 1, "slope": 2}')
    assert main([*ask, "p0_0.jpg", "p0_1.jpg"]) == 2
    assert "verification.json: damaged" in capsys.readouterr().err


def test_two_frames_of_one_pass_are_no_pair(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = some_photos(60, 4).table
    photos.assign(encounter=["x", "x", "y", ""] * 60).to_csv("met.csv", index=False)  # x and y are of all animals
    assert main(["verify", "--vectors", "disjoint.npz", "--table", "met.csv", "--draws", "20"]) == 0
    assert "160 photos of 40 animals: 200 pairs of one animal, 12480 of two" in capsys.readouterr().out
    photos.assign(encounter="x").to_csv("met.csv", index=False)
    assert main(["verify", "--vectors", "disjoint.npz", "--table", "met.csv", "--draws", "20"]) == 2
    assert "with two photos or more, of different encounters where these are known" in capsys.readouterr().err


def test_one_photo_of_which_nothing_is_known_lets_in_no_known_one() -> None:
    """Of a1 it is known that the model learned from a photo; of a2 nothing is known of one photo."""
    photos = some_photos(2, 3)
    photos.table["learned"] = ["yes", "no", "no", "no", "no", ""]
    found = held_out(photos, "x")
    assert set(found.animal) == {"a1"} and len(found.photos) == 3 and "is not known" in found.warning
    photos.table["learned"] = ["yes", "no", "no", "yes", "no", ""]
    with pytest.raises(CatalogueError, match="x: the model learned from photos of every one of the animals, as far as is known"):
        held_out(photos, "x")


def test_unknown_meetings_are_warned_of() -> None:
    photos = some_photos(3, 2)
    photos.table["learned"] = "no"
    assert "Which photos are of one meeting is not known" in held_out(photos, "x").warning
    photos.table["encounter"] = ["e1", "e2"] * 3
    assert held_out(photos, "x").warning == ""


def test_one_animal_of_very_many_photos_leaves_room_for_the_others() -> None:
    """Of 39 animals of 10 photos and one of 3,001, 300 photos at most: a tenth of the room is the most that one can have."""
    rows = [(f"{animal}_{n}.jpg", f"a{animal}") for animal in range(40) for n in range(3001 if animal == 39 else 10)]
    table = pd.DataFrame(rows, columns=["photo", "animal"], dtype="str")
    photos = Incoming(table, np.zeros((len(rows), 2), np.float32), Model(weights_sha="m", dims=2))
    seen = set()
    for seed in range(12):
        kept = drawn(HeldOut(photos, ""), 300, seed)
        per = pd.Series(kept.animal).value_counts()
        assert len(kept.animal) in (290, 300) and per.max() <= 30 and set(per.drop("a39", errors="ignore")) == {10}
        assert "at most 300 are compared" in kept.photos.told[0]
        seen |= set(per.index)
    assert len(seen) == 40
    assert drawn(HeldOut(photos, ""), 3391, 0).photos is photos
    assert len(drawn(HeldOut(photos, ""), 3000, 0).animal) == 390 + 300
