"""The ladder: its steps on a small data set through the real scripts, against figures computed from the files themselves."""

import json
from pathlib import Path

import ladder
import numpy as np
import pandas as pd
import pytest

import predict
import train
from whichwhale import predictions
from whichwhale.blend.blended import blend as blend_of
from whichwhale.blend.config import EnsembleConfig
from whichwhale.blend.scores import OTHER_PARTS
from whichwhale.competition import folds
from whichwhale.config import load
from whichwhale.predictions import ROLE_VALIDATION

TINY = ["backbone={name: test_resnet, weights: false}", "view={width: 32, height: 32}", "fit={epochs: 2, batch_size: 8}"]


@pytest.fixture
def blend(heads: Path) -> Path:
    """Two models, one of them with its neighbours, and their ensemble's YAML."""
    for name, seed in (("one", 0), ("two", 1)):
        about = ["dataset=heads", f"name={name}", f"seed={seed}", "views.shifts=[[0, 0], [0.1, 0]]"]
        command = [str(heads / "tiny.yaml"), *about, *TINY]
        assert train.main(command) == 0 and predict.main(command) == 0
    (heads / "blend.yaml").write_text("dataset: heads\nmembers: [one, two, two_neighbours]\n")
    return heads / "blend.yaml"


def test_steps_and_their_figures(blend: Path, heads: Path, capsys: pytest.CaptureFixture) -> None:
    truth = pd.DataFrame({"Image": ["w_24.jpg", "w_25.jpg"], "whaleID": ["a", "b"]})
    truth.to_csv(heads / "truth.csv", index=False)
    assert ladder.main([str(blend), "--truth", str(heads / "truth.csv")]) == 0
    told = capsys.readouterr().out
    kept = json.loads((heads / "runs" / "heads" / "ladder.json").read_text())
    steps = {step["name"]: step for step in kept["steps"]}
    assert list(steps) == ["one, one view", "+ views", "+ one fitted power", "+ two", "+ two_neighbours"]
    assert kept["photos"] == 24 and [one["rows"] for one in kept["test"]] == ["folds", "all", "both"]

    # the second step: what predict.py wrote, as it is
    home, labels = heads / "runs" / "heads", pd.read_csv(heads / "input" / "heads" / "train.csv").set_index("Image")["whaleID"]
    losses = {}
    for fold in (0, 1):
        table = predictions.read(home / "one" / f"fold{fold}" / "predictions.npz")
        for row in np.flatnonzero(table.role == ROLE_VALIDATION):
            image = table.item[row].removesuffix("#0")
            p = np.exp(table.logits[row].astype(float))
            losses[image] = -np.log(p[list(table.class_id).index(labels[image])] / p.sum())
    assert steps["+ views"]["log_loss"] == pytest.approx(np.mean(list(losses.values())), abs=1e-4)

    names = list(steps)
    for before, after in zip(names, names[1:], strict=False):
        gain = steps[after]["log_loss"] - steps[before]["log_loss"]
        assert steps[after]["gain"]["mean"] == pytest.approx(gain, abs=1e-12)
    assert "gain" not in steps["one, one view"] and steps["one, one view"]["log_loss"] != steps["+ views"]["log_loss"]
    # 8 photos a whale in two folds: each fit trained on four of each whale
    dealt = folds.read(home / "folds.csv")
    assert (dealt.assign(whale=dealt["Image"].map(labels)).groupby(["whale", "fold"]).size() == 4).all()
    (group,) = steps["+ two"]["by_photos"]
    assert (group["from"], group["to"], group["photos"]) == (3, 5, 24)
    assert group["log_loss"] == pytest.approx(steps["+ two"]["log_loss"])
    assert steps["+ two"]["minutes"] > 0 and steps["+ two_neighbours"]["minutes"] == 0
    assert "| + two_neighbours |" in told and "Test rows from both: log loss" in told

    # weights of one fold that are not here: no row of one view rather than one with a fold of guesses; the rest as before
    (home / "one" / "fold1" / "model.safetensors").unlink()
    assert ladder.main([str(blend)]) == 0
    assert "one: the weights of fold1 are not here" in capsys.readouterr().err
    again = json.loads((home / "ladder.json").read_text())["steps"]
    assert [step["name"] for step in again] == ["one", *names[2:]]
    assert [step["log_loss"] for step in again] == [steps[name]["log_loss"] for name in names[1:]]
    assert [again[0]["minutes"], again[2]["minutes"]] == [steps["one, one view"]["minutes"], steps["+ two"]["minutes"]]


def test_the_way_to_blend_is_a_step_and_partitions_are_averaged(heads: Path, capsys: pytest.CaptureFixture) -> None:
    command = [str(heads / "tiny.yaml"), "dataset=heads", "name=one", "views={mirror: false}", *TINY, "folds.repeat=2"]
    assert train.main(command) == 0 and predict.main(command) == 0
    (heads / "blend.yaml").write_text("dataset: heads\nmembers: [one]\nchoose: log_linear+prior\n")
    assert ladder.main([str(heads / "blend.yaml")]) == 0
    kept = json.loads((heads / "runs" / "heads" / "ladder.json").read_text())
    steps = {step["name"]: step for step in kept["steps"]}
    assert list(steps) == ["one, one view", "+ views", "+ one fitted power", "choose: log_linear+prior"]
    # one view is all that there is, so both rows are means over the two partitions of one and the same
    assert steps["+ views"]["log_loss"] == pytest.approx(steps["one, one view"]["log_loss"], abs=2e-4)
    last = steps["choose: log_linear+prior"]
    assert last["by_photos"] and "over" not in steps["+ one fitted power"]
    # what the last step gains is over the pool from the same parts, not over the step before, which is of folds
    tables = (config := load(EnsembleConfig, heads / "blend.yaml")).competition()
    scores = {(one.name, one.weights): one.log_loss.mean for one in blend_of(config, tables).scores}
    assert last["over"]["log_loss"] == pytest.approx(scores["log_linear", OTHER_PARTS], abs=1e-9)
    assert last["gain"]["mean"] == pytest.approx(last["log_loss"] - last["over"]["log_loss"], abs=1e-12)
    assert abs(last["over"]["log_loss"] - steps["+ one fitted power"]["log_loss"]) > 1e-5
    assert f"; gain over the log-linear pool from the same parts, {last['over']['log_loss']:.3f}." in capsys.readouterr().out


def test_a_bad_truth_is_refused_first(heads: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "blend", lambda *_: pytest.fail("fitted"))
    (heads / "blend.yaml").write_text("dataset: heads\nmembers: [one]\n")
    (heads / "truth.csv").write_text("Image,whaleID\nw_24.jpg,z\n")
    assert ladder.main([str(heads / "blend.yaml"), "--truth", str(heads / "truth.csv")]) == 2
    assert "names 1 of the data set's 2 test photos, and none of these 1 shows a whale" in capsys.readouterr().err
    assert ladder.main([str(heads / "blend.yaml"), "--truth", str(heads / "nowhere.csv")]) == 2


def test_what_is_measured_outlives_a_failure_on_the_test_photos(heads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [str(heads / "tiny.yaml"), "dataset=heads", "name=one", "views={mirror: false}", *TINY]
    assert train.main(command) == 0 and predict.main(command) == 0
    (heads / "blend.yaml").write_text("dataset: heads\nmembers: [one]\n")
    (heads / "truth.csv").write_text("Image,whaleID\nw_24.jpg,a\n")

    def broken(*_: object) -> list:
        raise OSError("the disk is gone")

    monkeypatch.setattr(ladder, "_test", broken)
    assert ladder.main([str(heads / "blend.yaml"), "--truth", str(heads / "truth.csv")]) == 2
    kept = json.loads((heads / "runs" / "heads" / "ladder.json").read_text())
    assert len(kept["steps"]) == 3 and "test" not in kept


def test_members_that_are_not_predicted_are_named(heads: Path, capsys: pytest.CaptureFixture) -> None:
    (heads / "blend.yaml").write_text("dataset: heads\nmembers: [nobody]\n")
    assert ladder.main([str(heads / "blend.yaml")]) == 2
    assert "nobody: no such folder; fit the model first" in capsys.readouterr().err
