import json
from pathlib import Path

import numpy as np
import pytest

from whichwhale.predictions import ROLE_TEST, Predictions, write
from whichwhale.score import submission
from whichwhale.score.__main__ import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    p = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25]]
    submission.write("ours.csv.gz", ["w_1.jpg", "w_2.jpg", "w_3.jpg"], ["a", "b", "c"], p)
    Path("sample.csv").write_text("Image,a,b,c\nw_1.jpg,0,0,0\nw_2.jpg,0,0,0\nw_3.jpg,0,0,0\n")
    Path("truth.csv").write_text("Image,whaleID\nw_1.jpg,b\nw_2.jpg,stranger\n")
    Path("train.csv").write_text("Image,whaleID\nt_1.jpg,b\nt_2.jpg,b\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_score_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ours.csv.gz", "--truth", "truth.csv", "--train", "train.csv", "--sample", "sample.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "ours.csv.gz: a valid submission for sample.csv"
    assert "log loss         1.2040 (95% interval 1.2040 to 1.2040)" in lines  # -ln 0.3
    assert "top-1            0.0%" in lines
    assert "top-3            100.0%" in lines
    assert "MAP@5            0.2500" in lines  # second of one list, nothing of the stranger's
    assert "place in 2016    4th (only comparable on the competition's own test photos)" in lines
    assert any(line.startswith("not in log loss  1 photos whose whale has no column") for line in lines)
    assert any(line.startswith("left out         1 photos") for line in lines)
    assert ["2-4", "1", "1.2040", "0.0%", "100.0%"] in [line.split() for line in lines]
    assert lines[-1].split() == ["b", "1", "2", "1.2040", "0.0%", "a"]  # the only whale is the worst


@pytest.mark.usefixtures("folder")
def test_several_models_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    logits = np.log([[0.2, 0.6, 0.2], [0.4, 0.3, 0.3]])
    table = Predictions.of(["w_1.jpg#0", "w_2.jpg#0"], [ROLE_TEST] * 2, ["a", "b", "c"], logits)
    write(Path("theirs.npz"), table)
    Path("quality.csv").write_text("item,m00,m01,m02,m10,m11,m12,sd,status\nw_1.jpg#0,1,0,0,0,1,0,2,ok\n")
    Path("store.json").write_text('{"plane_to_store": [[50, 0, 0], [0, 50, 0]]}')
    how = ["--new-whale", "0.85", "--quality", "quality.csv", "--json", "out/scores.json"]
    assert main(["ours.csv.gz", "theirs.npz", "--truth", "truth.csv", *how]) == 0
    out = capsys.readouterr().out
    assert "ours.csv.gz minus theirs.npz, paired over 1 photos: worse by log loss" in out
    assert "log loss         +0.6931 (95% interval +0.6931 to +0.6931)" in out  # ln (0.6 / 0.3)
    assert "MAP@5            0.6667 (new_whale below 0.85)" in out  # ours: third place, and the stranger is told
    assert "novelty          AUC 0.0000" in out  # ours is surest of the stranger
    assert "50 to 50" in out and "4.0% to 4.0% of d" in out
    kept = json.loads(Path("out/scores.json").read_text())
    assert kept["scores"]["theirs.npz"]["top_1"] == 1.0 and kept["pairs"][0]["verdict"] == "worse"
    assert kept["pairs"][0]["log_loss"]["mean"] == pytest.approx(np.log(2), rel=1e-6)


@pytest.mark.usefixtures("folder")
def test_calibration_and_its_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    with open("truth.csv", "a") as file:
        file.write("w_3.jpg,a\n")
    assert main(["ours.csv.gz", "--truth", "truth.csv"]) == 0
    out = capsys.readouterr().out
    assert "calibration      first guesses claim 50.0%, 50.0% are right; debiased error 0.0%" in out  # the stranger's 0.8 is out
    assert "on 2 photos still shows" in out and "first guess claims" not in out
    assert main(["ours.csv.gz", "--truth", "truth.csv", "--reliability", "--json", "all.json"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[lines.index(["first", "guess", "claims", "right", "photos"]) + 1] == ["50.0%", "50.0%", "2"]
    kept = json.loads(Path("all.json").read_text())["scores"]["ours.csv.gz"]["calibration"]
    assert kept["bins"] == [{"claimed": 0.5, "right": 0.5, "photos": 2}] and kept["error"]["mean"] == 0


@pytest.mark.usefixtures("folder")
def test_lists_of_five(capsys: pytest.CaptureFixture[str]) -> None:
    Path("five.csv").write_text("Image,Id\nw_1.jpg,a b c d e\nw_2.jpg,new_whale a b c d\nw_3.jpg,a b c d e\n")
    assert main(["five.csv", "--truth", "truth.csv", "--train", "train.csv"]) == 0
    out = capsys.readouterr().out
    assert (
        "five.csv\nphotos scored    2; whales that the training photos do not show are new_whale\nMAP@5            0.7500 ("
        in out
    )
    assert main(["five.csv", "--truth", "truth.csv"]) == 2  # whom new_whale would be right for nobody knows
    assert "five.csv: names new_whale, and nothing says which whales are known" in capsys.readouterr().err
    Path("named.csv").write_text("Image,whaleID\nw_1.jpg,c\nw_2.jpg,new_whale\n")
    assert main(["five.csv", "--truth", "named.csv"]) == 0
    assert "MAP@5            0.6667 (" in capsys.readouterr().out
    assert main(["five.csv", "--sample", "sample.csv"]) == 2
    assert "unknown id" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_photos_that_a_file_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    with open("truth.csv", "a") as file:
        file.write("w_9.jpg,a\n")
    assert main(["ours.csv.gz", "--truth", "truth.csv"]) == 2
    assert "ours.csv.gz: 1 photos of the truth are not in the submission: w_9.jpg" in capsys.readouterr().err
    assert main(["ours.csv.gz", "--truth", "truth.csv", "--partial"]) == 0
    assert "left out         1 photos of the truth without answer" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_folder_belongs_to_another_door(capsys: pytest.CaptureFixture[str]) -> None:
    Path("model/fold0").mkdir(parents=True)
    assert main(["model", "--truth", "truth.csv"]) == 2
    assert "python -m whichwhale.blend score model" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_problems_end_with_2_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ours.csv.gz", "--truth", "absent.csv"]) == 2
    assert capsys.readouterr().err == "absent.csv: no such file\n"
    for wrong in ("nan", "-0.1", "1.5"):
        assert main(["ours.csv.gz", "--truth", "truth.csv", f"--new-whale={wrong}"]) == 2
        assert "is a probability, between 0 and 1" in capsys.readouterr().err
    Path("sample.csv").write_text("Image,a,b,c\nw_1.jpg,0,0,0\n")
    assert main(["ours.csv.gz", "--sample", "sample.csv"]) == 2
    assert "photo not in the sample (2):\n    line 3 (w_2.jpg)" in capsys.readouterr().err


def test_nothing_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["ours.csv"])
    assert caught.value.code == 2
    assert "--truth to score, --sample to check" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m whichwhale.score submission.csv.gz --truth solution.csv" in capsys.readouterr().out
