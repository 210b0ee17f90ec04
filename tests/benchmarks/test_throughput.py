"""The throughput benchmark runs on a small data set; its figures are the machine's, so only that they are there is looked at."""

import re
from pathlib import Path

import pytest
import throughput

NET = ["backbone={name: test_resnet, weights: false}", "view={width: 32, height: 32}"]
TINY = [*NET, "fit.batch_size=8", "augment.mix.mixup=0.2"]
SPEEDS = r"bare step ([\d.]+), end to end ([\d.]+), items alone (\d+)"


def test_it_tells_three_speeds_and_keeps_nothing(heads: Path, capsys: pytest.CaptureFixture) -> None:
    command = [str(heads / "tiny.yaml"), "dataset=heads", "auxiliary.weight=0.1", *TINY, "--turns", "1", "--steps", "2"]
    assert throughput.main(command) == 0
    told = capsys.readouterr().out
    bare, whole, making = map(float, re.search(SPEEDS, told).groups())
    assert min(bare, whole, making) > 0
    assert float(re.search(r"share ([\d.]+), wanted 0.9", told)[1]) == pytest.approx(whole / bare, rel=0.05)
    assert not (heads / "runs" / "heads" / "tiny").exists()


def test_what_it_cant_do_it_says(heads: Path, capsys: pytest.CaptureFixture) -> None:
    assert throughput.main([str(heads / "tiny.yaml"), "dataset=heads", "--turns", "0"]) == 2
    assert "--turns and --steps must be 1 or more" in capsys.readouterr().err
