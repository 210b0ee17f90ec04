"""The sheet of training passports: every tile is what the fit would see."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from whichwhale.augment.mixing import mixed
from whichwhale.fit.batches import stack
from whichwhale.geometry import identity
from whichwhale.identify.__main__ import main
from whichwhale.identify.door import open_experiment
from whichwhale.identify.passports import TrainingPassports, view_passport
from whichwhale.identify.sheet import CAPTION, GAP, training_sheet

CONFIG = """
dataset: heads
data: {root: heads}
folds: {count: 2}
fold: all
passports: {view: {width: 64, height: 64}}
view: {width: 128, height: 64}
backbone: {name: test_resnet, weights: false}
augment: {photometric: light, wash: 0.5, mix: {cutmix: 1.0, chance: 0.7, until: 0.5}}
fit: {epochs: 4}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos of each of two whales."""
    root, rng = tmp_path / "input" / "heads", np.random.default_rng(0)
    (root / "imgs").mkdir(parents=True)
    rows = [(f"w_{n}.jpg", f"whale_{n % 2}") for n in range(6)]
    for image in [*(image for image, _ in rows), "w_9.jpg"]:
        cv2.imwrite(str(root / "imgs" / image), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    pd.DataFrame(rows, columns=["Image", "whaleID"]).to_csv(root / "train.csv", index=False)
    pd.DataFrame({"Image": ["w_9.jpg"], "whale_0": 0.5, "whale_1": 0.5}).to_csv(root / "sample_submission.csv", index=False)
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    path = tmp_path / "tiny.yaml"
    path.write_text(CONFIG)
    return path


def test_each_tile_is_what_the_fit_would_see(config: Path) -> None:
    experiment = open_experiment(config, [])
    sheet = training_sheet(experiment, photos=3, draws=3)
    tiles = sheet.reshape(3, CAPTION + 64 + GAP, 4, 128 + GAP, 3).swapaxes(1, 2)[:, :, CAPTION:-GAP, :-GAP]
    chosen = [0, 2, 5]  # of the six training photos, evenly spread
    rows = experiment.store.rows([f"{experiment.photos('all')[0][i]}#0" for i in chosen])
    settings = experiment.config
    for tile, row in zip(tiles[:, 0], rows, strict=True):
        np.testing.assert_array_equal(tile, view_passport(experiment.store, int(row), settings.view, identity()))
    passports = TrainingPassports(experiment.store, rows, {}, settings.view, settings.augment, settings.seed, mixed_epochs=2)
    for epoch in range(3):
        passports.set_epoch(epoch)
        batch = stack([passports(number) for number in range(3)])
        assert ("mix" in batch) == (epoch < 2)  # half of four
        seen = mixed(batch["image"], batch["mix"])[0] if epoch < 2 else batch["image"]
        np.testing.assert_array_equal(tiles[:, epoch + 1], seen.permute(0, 2, 3, 1).round().numpy())


def test_small_pictures_are_enlarged_and_more_photos_than_there_are_is_all(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    changes = ["view.width=32", "view.height=16", "augment.wash=0"]
    assert main(["sheet", str(config), *changes, "--out", str(out), "--photos", "99", "--draws", "1"]) == 0
    assert Image.open(out).size == (2 * (128 + GAP), 6 * (CAPTION + 64 + GAP))


def test_what_cannot_be_drawn_is_told(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["sheet", str(config), "--out", str(tmp_path / "sheet.pdf")]) == 2
    assert "sheet.pdf: ends in neither .png nor" in capsys.readouterr().err
    assert main(["sheet", str(config), "augment.wush=1", "--out", str(tmp_path / "sheet.png")]) == 2
    assert "did you mean 'augment.wash'?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["sheet", str(config), "--out", str(tmp_path / "sheet.png"), "--photos", "0"])
