"""The learning curve of the part detector: its quick form through the real scripts."""

import importlib
import json
from pathlib import Path

import pandas as pd
import parts
import pytest


def in_process(command: list[str]) -> int:
    """A stage's command run here: a process of its own would spend most of its time importing."""
    module, arguments = (f"{command[1]}.__main__", command[2:]) if command[0] == "-m" else (Path(command[0]).stem, command[1:])
    return importlib.import_module(module).main(arguments)


def test_the_quick_curve_is_drawn_on_photos_that_no_fit_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    assert parts.main(["--quick", "--workers", "1"], in_process) == 0
    fits = json.loads((tmp_path / "runs" / "parts_quick" / "parts.json").read_text())["fits"]
    assert [fit["labelled"] for fit in fits] == [4, 8]
    learnt = []
    for fit in fits:
        folder = tmp_path / "runs" / "parts_quick" / fit["name"] / "fold0"
        learnt.append(set(pd.read_csv(folder / "trained_on.csv")["Image"]))
        scored = set(pd.read_csv(folder / "candidates.csv")["Image"])
        assert not learnt[-1] & scored and len(scored) == fit["photos"]
        assert [row["part"] for row in fit["scores"]] == ["head", "flipper_left", "flipper_right", "fluke", "callosities", "all"]
        assert len((folder / "metrics.jsonl").read_text().splitlines()) == 2  # 24 pictures, 12 an epoch
    assert len(learnt[0]) == 4 and learnt[0] < learnt[1]
    told = capsys.readouterr().out
    assert f"{fits[0]['photos']} photos that the fit did not see" in told and "AP50 callosities" in told


def test_every_fit_sees_as_many_pictures() -> None:
    for labelled in (10, 80, 400):
        arguments = parts.fit_arguments(parts.Size(), "parts", parts.Fit(labelled, 0), [])
        epochs = int(next(one for one in arguments if one.startswith("fit.epochs=")).removeprefix("fit.epochs="))
        assert epochs * max(160, labelled) == pytest.approx(parts.Size().pictures, rel=0.01)
    assert parts.fit_arguments(parts.Size(), "parts", parts.Fit(10, 0), ["fit.epochs=3"])[-1] == "fit.epochs=3"


def test_a_stage_that_fails_is_told(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    assert parts.main(["--quick"], lambda command: 3) == 1
    assert "ended with 3" in capsys.readouterr().err
