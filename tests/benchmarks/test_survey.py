"""The survey benchmark: its plan, and its quick form through the real scripts."""

import importlib
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import survey
import survey_plan
import survey_table
from survey_plan import Size

from whichwhale.config import read_yaml, runs_dir
from whichwhale.runs.stages import read_stages
from whichwhale.score import submission

QUICK = "benchmark_quick"


def in_process(dataset: str, name: str, command: Sequence[str]) -> int:
    """A stage's command run here: a process of its own would spend most of its time importing."""
    began = time.monotonic()
    module, arguments = (command[2], command[3:]) if command[1] == "-m" else (Path(command[1]).stem, command[2:])
    module = f"{module}.__main__" if command[1] == "-m" else module
    code = importlib.import_module(module).main(list(arguments))
    took = {"time": 0.0, "seconds": time.monotonic() - began, "peak_memory_mb": 1}
    row = {"stage": name, "command": list(command), **took, "exit": code}
    log = runs_dir() / dataset / "stages.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        stream.write(json.dumps(row) + "\n")
    return code


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory):
    """input/ and runs/ after the quick benchmark."""
    root = tmp_path_factory.mktemp("benchmark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHICHWHALE_INPUT", str(root / "input"))
        patch.setenv("WHICHWHALE_RUNS", str(root / "runs"))
        assert survey.main(["--quick"], in_process) == 0
        yield root


@pytest.fixture
def results(root: Path) -> dict:
    return json.loads((root / "runs" / QUICK / "benchmark.json").read_text())


def test_every_row_has_its_figures(results: dict) -> None:
    for name in survey_table.ROWS:
        (of,) = results["rows"][name]
        for part, photos in (("test", 12), ("out_of_fold", 40)):
            assert of[part]["photos"] == photos, name
            assert 0 < of[part]["log_loss"] < 20 and 0 <= of[part]["top_1"] <= of[part]["top_5"] <= 1, name
    assert results["points"]["out_of_fold"]["photos"] == 40 and results["points"]["test"]["photos"] == 12
    hard, blend, found, *_ = results["checks"]
    rows = {name: of[0] for name, of in results["rows"].items()}
    assert hard["value"] == pytest.approx(rows["naive-alone"]["out_of_fold"]["log_loss"] / math.log(5))
    assert blend["value"] == pytest.approx(rows["blend"]["test"]["log_loss"] / rows["naive-alone"]["test"]["log_loss"])
    assert found["value"] == pytest.approx(rows["blend"]["test"]["log_loss"] / rows["blend-true"]["test"]["log_loss"])


def test_test_figures_are_those_of_the_submission(root: Path, results: dict) -> None:
    answer = submission.read(root / "runs" / QUICK / "submissions" / "blend-0.csv.gz")
    truth = pd.read_csv(root / "input" / QUICK / "truth" / "solution.csv").set_index("Image")["whaleID"]
    right = answer.p[np.arange(12), [answer.class_id.index(truth[image]) for image in answer.image]]
    told = results["rows"]["blend"][0]["test"]
    assert told["log_loss"] == pytest.approx(-np.log(right / answer.p.sum(1)).mean(), rel=1e-9)
    assert told["top_1"] == pytest.approx((right == answer.p.max(1)).mean())


def test_the_prior_is_each_whales_share_of_the_training_photos(root: Path, results: dict) -> None:
    whales = [pd.read_csv(root / "input" / QUICK / name)["whaleID"] for name in ("train.csv", "truth/solution.csv")]
    share = (whales[0].value_counts() + 1) / (40 + 5)  # one more of each: none has no chance
    assert results["rows"]["prior"][0]["test"]["log_loss"] == pytest.approx(-np.log(share[whales[1]]).mean())


def test_true_points_make_other_passports_than_those_found(root: Path) -> None:
    assert len(list((root / "runs" / QUICK).glob("passports-*"))) == 2
    assert (root / "runs" / QUICK / "passports" / "store.npy").exists()  # whole photos


def test_run_again_it_runs_nothing_and_says_the_same(root: Path, results: dict) -> None:
    def never(*_: object) -> int:
        raise AssertionError("everything was done")

    assert survey.main(["--quick"], never) == 0
    assert json.loads((root / "runs" / QUICK / "benchmark.json").read_text()) == results


def test_another_size_in_the_same_folder_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert survey.main(["--quick", "--epochs", "2"], in_process) == 2
    told = capsys.readouterr().err
    assert "'train naive-0' was run with other options" in told and "fit.epochs=2" in told and "--dataset" in told


def test_a_failed_stage_ends_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert survey.main(["--quick", "--dataset", "other"], lambda *_: 3) == 1
    assert "draw survey ended with 3; type the same again" in capsys.readouterr().err


def test_what_a_stage_took_is_kept_whatever_becomes_of_it(root: Path) -> None:
    assert survey.measured("kept", "fails", [sys.executable, "-I", "-c", "raise SystemExit(3)"]) == 3
    assert read_stages(root / "runs" / "kept" / "stages.jsonl")[0].exit == 3


def test_what_cant_succeed_is_refused_before_anything_runs(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert survey.main(["--quick", "--training", "0"], in_process) == 2
    assert "--training: must be 1 or more" in capsys.readouterr().err
    monkeypatch.setattr(survey, "BYTES_PER_PHOTO", 1e15)
    assert survey.main(["--quick", "--dataset", "large"], in_process) == 2
    assert "GB free" in capsys.readouterr().err
    assert not (root / "runs" / "large").exists()


def test_the_full_plan() -> None:
    """Three seeds of five models; all seeds differ within a kind of points; only seed 0's stages are needed for one seed."""
    full = survey_plan.stages(Size(), "benchmark", 3)
    trained = [stage for stage in full if stage.name.startswith("train ")]
    assert len(trained) == 2 + 3 * 5
    names = [stage.name for stage in full]
    assert len(set(names)) == len(names) == 6 + 3 * (5 * 2 + 5)
    of_one = [stage.name for stage in survey_plan.stages(Size(), "benchmark", 1)]
    assert of_one == [name for name in names if not name.endswith(("-1", "-2"))]
    for kind in ("predicted", "true"):
        seeds = [part for stage in trained if stage.group == kind for part in stage.arguments if part.startswith("seed=")]
        assert len(set(seeds)) == 6
    assert 1.5 * 3600 < sum(stage.seconds for stage in full) < 2.5 * 3600


def test_the_naive_model_differs_from_the_classifier_in_what_it_sees_alone() -> None:
    whole, passports = (read_yaml(survey_plan.CONFIGS / f"{name}.yaml") for name in ("whole_photo", "passports"))
    assert set(whole) == set(passports)
    assert {key for key in whole if whole[key] != passports[key]} == {"passports", "view"}
    seen, theirs = (one["view"]["width"] * one["view"]["height"] for one in (whole, passports))
    assert theirs * 0.98 < seen <= theirs
    assert whole["view"]["width"] * 2 == whole["view"]["height"] * 3  # a survey's photos are 3:2: not stretched


def test_mean_and_spread_over_seeds() -> None:
    assert survey_table._cell([1.0, 2.0, 3.0], "log_loss") == "2.000 ± 1.000"
    assert survey_table._cell([0.5], "top_1") == "50.0"


def test_time_left_follows_what_the_stages_took(tmp_path: Path) -> None:
    planned = [survey_plan.Stage(name, "naive", (), (), seconds) for name, seconds in (("a", 10.0), ("b", 30.0), ("c", 60.0))]
    log = tmp_path / "stages.jsonl"
    assert survey._left(planned, planned, log) == pytest.approx(100)
    row = {"stage": "a", "command": [], "time": 0.0, "seconds": 25.0, "peak_memory_mb": 1, "exit": 0}
    log.write_text(json.dumps(row) + "\n")
    assert survey._left(planned, planned[1:], log) == pytest.approx(2.5 * 90)
