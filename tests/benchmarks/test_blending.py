"""The blending benchmark on made-up members: every row against its own files, the winners' first."""

import json
from pathlib import Path

import blending
import numpy as np
import pandas as pd
import pytest

from tests.ensemble.conftest import place  # noqa: F401 (a fixture)
from tests.ensemble.made_up import TEST, TRAIN, WHALES, model, with_embedding
from whichwhale import predictions
from whichwhale.blend.recipes import LADDER


@pytest.mark.usefixtures("place")
def test_rows_ladder_and_test_truth(capsys: pytest.CaptureFixture) -> None:
    truth = pd.DataFrame({"Image": TEST, "whaleID": [WHALES[i % 6] for i in range(9)]})
    truth.to_csv("truth.csv", index=False)
    only = ["equal", "log_linear", "mixture+power"]
    command = ["ensemble.yaml", "test=folds", "test_power=2", "--truth", "truth.csv", "--only", *only, "--partitions", "2"]
    assert blending.main(command) == 0
    told, kept = capsys.readouterr().out, json.loads(Path("runs/sea/blending-ensemble.json").read_text())
    rows = {row["name"]: row for row in kept["rows"]}
    alone = [f"{name}, {how}" for name in ("good", "sharp") for how in ("as predicted", "one power")]
    assert list(rows) == [*alone, "winners", *only, "auto"]
    assert (kept["photos"], kept["usable"]) == (56, 56)
    assert all(f"{row['log_loss']:.3f} ({row['interval'][0]:.3f} to" in told for row in kept["rows"])
    for name, row in rows.items():
        assert row["gain"][0] == pytest.approx(rows["winners"]["log_loss"] - row["log_loss"], abs=1e-9), name
        assert row["calibration"][1] <= row["calibration"][0] <= row["calibration"][2]
        assert row["perfect_ece"] > 0 and f"{row['plain_ece']:.1%} ({row['perfect_ece']:.1%})" in told
    steps = {name: row["step"]["over"] for name, row in rows.items() if "step" in row}
    assert steps == {"good, one power": "as predicted", "sharp, one power": "as predicted", "log_linear": "equal"}
    for name, before in (("sharp, one power", "sharp, as predicted"), ("log_linear", "equal")):
        assert rows[name]["step"]["gain"][0] == pytest.approx(rows[before]["log_loss"] - rows[name]["log_loss"], abs=1e-9)
    assert rows["sharp, one power"]["step"]["gain"][1] > 0, "five times too sharp"
    assert "On 56 photos a perfect predictor with these claims still shows a plain ECE of" in told
    diagrams = Path("runs/sea/blending-ensemble.html").read_text()
    assert "winners: claimed" in diagrams and "auto: claimed" in diagrams and diagrams.startswith("<!DOCTYPE html>")
    assert rows["auto"]["chosen"] in only and len(kept["without_parts"]) == 5
    assert [trial["name"] for trial in kept["trials"]] == only
    assert "left out" in told or "taken" in told

    # the winners' recipe has nothing fitted: from the files themselves
    losses = []
    for fold in range(3):
        files = [predictions.read(f"runs/sea/{name}/fold{fold}/predictions.npz") for name in ("good", "sharp")]
        for row in np.flatnonzero(files[0].role == predictions.ROLE_VALIDATION):
            image = files[0].item[row].removesuffix("#0")
            p = 0.0
            for file, weight in zip(files, (2, 1), strict=True):
                logits = file.logits[file.item.tolist().index(f"{image}#0")].astype(float)[np.argsort(file.class_id)]
                p += weight / 3 * np.exp(logits) / np.exp(logits).sum()
            prior = np.array([list(TRAIN.values()).count(whale) + 1 for whale in WHALES])
            blend = (p + 1e-4) ** 1.5 * (prior / prior.sum()) ** 0.01
            losses.append(-np.log(blend[WHALES.index(TRAIN[image])] / blend.sum()))
    assert rows["winners"]["log_loss"] == pytest.approx(np.mean(losses), abs=2e-4)

    test = {row["name"]: row for row in kept["test"]}
    assert list(test) == ["winners", *only, "auto"] and test["winners"]["photos"] == 8
    assert test["auto"]["power_1"] == test[rows["auto"]["chosen"]]["power_1"]
    assert test["equal"]["power_1"] != test["equal"]["test_power"]
    for row in test.values():
        assert row["best"]["log_loss"] <= min(row[key]["log_loss"] for key in ("power_1", "test_power")) + 1e-4
    assert blending.main(["ensemble.yaml", "--only", "magic"]) == 2
    assert "there is no pool 'magic'" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_a_bad_truth_is_refused_before_anything_is_fitted(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path mistyped, another header, another survey's photos, whales that nobody knows, photos that nobody predicts."""
    monkeypatch.setattr(blending, "nested", lambda *_, **__: pytest.fail("fitted"))
    tables = {
        "head.csv": ("Photo,whaleID\nx_0.jpg,whale_00\n", "no column Image"),
        "other.csv": ("Image,whaleID\ny_0.jpg,whale_00\n", "other.csv: names 0 of the data set's 9 test photos; give its own"),
        "strangers.csv": ("Image,whaleID\nx_0.jpg,whale_77\n", "names 1 of the data set's 9 test photos, and none of these 1"),
        "nobody.csv": ("Image,whaleID\nx_8.jpg,whale_02\n", "good, sharp: none of them predicts a photo of nobody.csv"),
    }
    for name, (text, message) in tables.items():
        Path(name).write_text(text)
        assert blending.main(["ensemble.yaml", "--truth", name]) == 2
        assert message in capsys.readouterr().err
    assert blending.main(["ensemble.yaml", "--truth", "nowhere.csv"]) == 2 and "no such file" in capsys.readouterr().err
    assert blending.main(["ensemble.yaml", "--partitions", "0"]) == 2
    assert "--partitions 0: at least 1" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_what_is_measured_outlives_a_failure_on_the_test_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("truth.csv").write_text("Image,whaleID\nx_0.jpg,whale_00\n")

    def broken(*_: object) -> list:
        raise OSError("the disk is gone")

    monkeypatch.setattr(blending, "_test", broken)
    command = ["ensemble.yaml", "--truth", "truth.csv", "--only", "equal", "--partitions", "1"]
    assert blending.main(command) == 2
    kept = json.loads(Path("runs/sea/blending-ensemble.json").read_text())
    assert [row["name"] for row in kept["rows"]][-2:] == ["winners", "equal"] and "test" not in kept
    assert Path("runs/sea/blending-ensemble.html").is_file()


@pytest.mark.usefixtures("place")
def test_the_winners_without_neighbours_stand_beside() -> None:
    """As if the neighbours were no members; with them the recipe says something else."""
    with_embedding("good")
    how = ["name=near", "--only", "equal", "--partitions", "1"]
    found = {}
    for members in ("[good]", "[good,good_neighbours]"):
        assert blending.main(["ensemble.yaml", f"members={members}", "test=folds", *how]) == 0
        rows = json.loads(Path("runs/sea/blending-near.json").read_text())["rows"]
        found[members] = {row["name"]: row["log_loss"] for row in rows}
    alone, both = found.values()
    assert "winners, without neighbours" not in alone
    assert both["winners, without neighbours"] == pytest.approx(alone["winners"], abs=1e-5)
    assert abs(both["winners"] - alone["winners"]) > 1e-3


@pytest.mark.usefixtures("place")
def test_gains_over_seeds(capsys: pytest.CaptureFixture) -> None:
    """Mean and sd over lists of members, from what each list's own run says; `pays` is the house's rule of two sd."""
    for seed in (3, 4):
        model(Path(f"runs/sea/good{seed}"), seed, 1.0, TEST[:8])
        model(Path(f"runs/sea/sharp{seed}"), seed + 10, 5.0, TEST[:7])
    how = ["test=folds", "--only", "equal", "log_linear", "--partitions", "1"]
    assert blending.main(["ensemble.yaml", *how, "--also", "good3,sharp3", "--also", "good4,sharp4"]) == 0
    told, kept = capsys.readouterr().out, json.loads(Path("runs/sea/blending-ensemble.json").read_text())
    assert kept["seeds"] == [["good", "sharp"], ["good3", "sharp3"], ["good4", "sharp4"]]
    own = [json.loads(Path(f"runs/sea/blending-ensemble{name}.json").read_text()) for name in ("", "-seed2", "-seed3")]
    assert own[2]["members"] == ["good4", "sharp4"]
    each = [{row["name"]: row for row in one["rows"]} for one in own]
    rows = {row["name"]: row for row in kept["over_seeds"]}
    assert list(rows) == ["equal", "log_linear", "auto"] and len(rows["auto"]["chosen"]) == 3
    for name, key in (("equal", "gain"), ("log_linear", "gain"), ("log_linear", "step")):
        found = rows[name][key]
        gains = [one[name]["gain"][0] if key == "gain" else one[name]["step"]["gain"][0] for one in each]
        mean = sum(gains) / 3
        sd = (sum((one - mean) ** 2 for one in gains) / 2) ** 0.5
        assert (found["mean"], found["sd"]) == (pytest.approx(mean, abs=1e-12), pytest.approx(sd, abs=1e-12))
        assert found["pays"] == (mean > 2 * sd) and f"{mean:+.3f} ({sd:.3f})" in told
    assert len(set(gains)) == 3
    for also, message in (
        ("good3", "1 members where the config has 2"),
        ("good3,sharp", "sharp is named before"),
        ("good3,sharp9", "runs/sea/sharp9: no such folder; fit the model first"),
    ):
        assert blending.main(["ensemble.yaml", "--also", also]) == 2
        assert message in capsys.readouterr().err


def test_steps_are_held_against_what_they_are_added_to() -> None:
    assert {name: blending.step_before(name) for name in blending.ROWS} == {
        "winners": "",
        "arithmetic": "",
        "arithmetic+power": "arithmetic",
        "mixture": "arithmetic",
        "mixture+power": "mixture",
        "mixture+power+prior": "mixture+power",
        "equal": "",
        "log_linear": "equal",
        "log_linear+prior": "log_linear",
        "log_linear+floor": "log_linear",
        "log_linear+prior+floor": "log_linear+prior",
        "log_linear+vector_tight": "log_linear",
        "log_linear+vector": "log_linear",
        "log_linear+vector_loose": "log_linear",
        "log_linear+isotonic": "log_linear",
        "logit": "log_linear",
        "trees": "log_linear",
    }
    assert set(LADDER) < set(blending.ROWS)
