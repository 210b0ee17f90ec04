"""The script, and a folder of a made-up competition to run it in."""

import importlib.util
from pathlib import Path

import pytest

from tests.ensemble.made_up import TEST, TRAIN, WHALES, model

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ensemble():
    spec = importlib.util.spec_from_file_location("ensemble", ROOT / "ensemble.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with input/, runs/ and a config, and the working directory in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHICHWHALE_INPUT", "input")
    monkeypatch.setenv("WHICHWHALE_RUNS", "runs")
    Path("input/sea").mkdir(parents=True)
    Path("input/sea/train.csv").write_text("Image,whaleID\n" + "".join(f"{image},{whale}\n" for image, whale in TRAIN.items()))
    sample = ",".join(["Image", *WHALES]) + "\n" + "".join(",".join([image, *["0.1667"] * 6]) + "\n" for image in TEST)
    Path("input/sea/sample_submission.csv").write_text(sample)
    model(Path("runs/sea/good"), 1, 1.0, TEST[:8])  # nobody predicts x_8.jpg
    model(Path("runs/sea/sharp"), 2, 5.0, TEST[:7])
    Path("ensemble.yaml").write_text("dataset: sea\nmembers: [good, sharp]\n")
    return tmp_path
