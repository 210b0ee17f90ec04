"""What weights know before a fit: the arithmetic by hand, and the command on a small data set."""

from pathlib import Path

import numpy as np
import pytest
import transfer

TINY = ["backbone={name: test_resnet, weights: false}", "view={width: 32, height: 32}"]


def test_the_nearest_is_sought_after_the_mean_is_taken_off() -> None:
    # All have a large first number in common: seen from 0 both known ones lie in nearly the same direction.
    features = np.array([[9, 1, 0], [9, -1, 0], [9, 0.5, 0.1], [40, -3, 0], [9, 2, 0]], np.float32)
    whale = np.array([3, 5, 3, 5, 5])
    assert transfer.nearest_is_right(features, whale, known=2).tolist() == [1, 1, 0]


def test_colours_are_told_apart_by_any_network(heads: Path, capsys: pytest.CaptureFixture) -> None:
    command = [str(heads / "tiny.yaml"), "dataset=heads", *TINY]
    assert transfer.main(command) == 0
    first = capsys.readouterr().out
    assert "of 12 photos of fold 0 found by nearest neighbour 1.0000" in first
    assert list((heads / "runs" / "heads" / "features").iterdir()) and not (heads / "runs" / "heads" / "tiny").exists()
    assert transfer.main([*command, "--held-out", "7"]) == 2
    assert "there is no fold 7" in capsys.readouterr().err
