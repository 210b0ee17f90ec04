from pathlib import Path

import pytest

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
    assert lines[-1].split() == ["2-4", "1", "1.2040", "0.0%", "100.0%"]


@pytest.mark.usefixtures("folder")
def test_problems_end_with_2_and_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ours.csv.gz", "--truth", "absent.csv"]) == 2
    assert capsys.readouterr().err == "absent.csv: no such file\n"
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
