"""The room's door: what is scored, what is left out and said."""

from pathlib import Path

import pytest

from whichwhale.annotations import build, write
from whichwhale.detect.__main__ import main
from whichwhale.runs import trained_on


def row(image: str, **more: object) -> dict:
    size = {"photo_width": 160, "photo_height": 120}
    return size | {"Image": image, "x": 25.0, "y": 15.0, "width": 70.0, "height": 70.0} | more


@pytest.fixture
def files(tmp_path: Path) -> Path:
    images = ["a.jpg", "b.jpg"]
    write(tmp_path / "truth.csv", build([row(image) for image in images], []))
    write(tmp_path / "found.csv", build([row(image, score=0.9) for image in images], []))
    return tmp_path


def score(files: Path, *more: str) -> int:
    return main(["score", str(files / "found.csv"), str(files / "truth.csv"), *more])


def test_found_by_a_model_that_nobody_knows(files: Path, capsys: pytest.CaptureFixture) -> None:
    """A format without folds made its rows fold −1; the score says that a model found them."""
    assert score(files) == 0
    assert "no trained_on.csv there says what the models were trained on" in capsys.readouterr().out


def test_nothing_is_left_to_score(files: Path, capsys: pytest.CaptureFixture) -> None:
    trained_on.write(files / "fold0", {("a.jpg", "whale"), ("b.jpg", "whale")})
    assert score(files) == 2
    told = capsys.readouterr()
    assert "2 photos are left out" in told.out and "none of its photos with a known truth is left to score" in told.err


@pytest.mark.parametrize("command", ["score", "negatives"])
def test_boxes_of_other_pictures_are_not_scored(files: Path, command: str, capsys: pytest.CaptureFixture) -> None:
    write(files / "truth.csv", build([row("a.jpg", photo_width=320, photo_height=240)], []))
    assert main([command, str(files / "found.csv"), str(files / "truth.csv")]) == 2
    assert "truth.csv: 1 of 1 photos have another size than in" in capsys.readouterr().err
