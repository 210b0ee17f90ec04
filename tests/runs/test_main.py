"""Listing, showing and comparing run folders from their plain files."""

import json
import time
from pathlib import Path

import pytest

from whichwhale.runs.__main__ import clock, main
from whichwhale.runs.fit import fits, read_fit


def write(folder: Path, state: str = "fitted", age: float = 0.0, epochs: int = 2, **config: object) -> None:
    folder.mkdir(parents=True)
    rows = [
        {"epoch": n + 1, "lr": 1e-3, "loss": 3.0 - n, "loss_whale": 3.0, "images_per_second": 40.0 + n, "seconds": 90.0}
        | {"peak_memory_mb": 1500.0 - n}
        | ({"log_loss": 1.25, "top1": 0.5} if n == 1 else {})
        for n in range(epochs)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "status.json").write_text(json.dumps({"state": state, "time": time.time() - age}))
    (folder / "config.yaml").write_text(json.dumps({"room": "identify", "fit": {"epochs": 3}} | config))
    about = {"seed": 7, "commit": "0123456789abcdef", "modified": ["a.py"], "photos": {"training": 60}, "tables": {"train": "ab"}}
    (folder / "provenance.json").write_text(json.dumps(about))


@pytest.fixture
def sea(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path))
    home = tmp_path / "sea"
    for fold in ("fold10", "foldall", "fold2"):
        write(home / "lite0" / fold)
    write(home / "arc" / "fold0", "running", age=3600, epochs=3, head={"kind": "arcface"})
    (home / "photos.json").write_text("{}")
    return home


def test_fits_in_order(sea: Path) -> None:
    assert [(fit.model, fit.fold) for fit in fits(sea)] == [
        ("arc", "fold0"), ("lite0", "fold2"), ("lite0", "fold10"), ("lite0", "foldall"),
    ]  # fmt: skip
    fit = read_fit(sea / "lite0" / "fold2")
    assert (fit.done, fit.epochs, fit.state(), fit.scores()) == (2, 3, "fitted", {"log_loss": 1.25, "top1": 0.5})


def test_a_fit_without_a_sign_of_life_is_stopped(sea: Path) -> None:
    fit = read_fit(sea / "arc" / "fold0")
    assert fit.state() == "stopped" and fit.state(now=fit.status["time"] + 60) == "running"
    assert fit.scores() == {"log_loss": 1.25, "top1": 0.5}, "of the last epoch that was validated"


def test_half_a_folder_is_read_as_far_as_it_goes(sea: Path) -> None:
    folder = sea / "lite0" / "fold2"
    (folder / "status.json").unlink()
    (folder / "metrics.jsonl").write_text((folder / "metrics.jsonl").read_text()[:-30])
    fit = read_fit(folder)
    assert (fit.state(), fit.done, fit.scores()) == ("unknown", 1, {})


def test_list(sea: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(sea) and len(lines) == 6
    assert lines[2].split() == ["arc", "0", "stopped", "3/3", "4:30", "41.0", "1,500", "log_loss", "1.25", "top1", "0.5"]
    assert main(["list", "lake"]) == 2
    assert "lake: holds no fit; train.py makes them" in capsys.readouterr().err


def test_show_one_and_how_two_differ(sea: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = str(sea / "lite0" / "fold2"), str(sea / "arc" / "fold0")
    assert main(["show", one]) == 0
    told = capsys.readouterr().out
    for part in ("fitted, 2 of 3 epochs", "0123456789abcdef, 1 files changed", "7, training 60", "room: identify"):
        assert part in told
    assert main(["show", one, other]) == 0
    told = capsys.readouterr().out
    assert "head.kind" in told and "arcface" in told and "fit.epochs" not in told
    assert main(["show", one, str(sea / "lite0" / "foldall")]) == 0
    assert "same config, commit and data" in capsys.readouterr().out
    assert main(["show", str(sea)]) == 2
    assert "is no run folder" in capsys.readouterr().err
    assert main(["show", one, one, one]) == 2


@pytest.mark.parametrize(("seconds", "told"), [(0.4, "0:00"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03")])
def test_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told
