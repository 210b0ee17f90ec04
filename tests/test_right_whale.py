"""configs/right_whale from photos to a submission: the real scripts on a tiny survey in the competition's place."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

import ensemble
import predict
import train
from whichwhale import annotations
from whichwhale.annotations.table import MEAN_OF_FOLDS
from whichwhale.competition import folds
from whichwhale.config import load, read_yaml
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.net import Identifier
from whichwhale.localize.config import AlignerConfig, LocalizerConfig
from whichwhale.localize.net import VARIANTS
from whichwhale.passport.store import open_store
from whichwhale.score import submission
from whichwhale.survey.__main__ import main as draw_survey

CONFIGS = Path(__file__).parent.parent / "configs" / "right_whale"
MODELS = ["heavy_448", "arcface_convnext", "callosity_384", "lite0_256"]
MEMBERS = ["heavy_448", "heavy_448_neighbours", "arcface_convnext", "arcface_convnext_neighbours", "callosity_384", "lite0_256"]
LACKING = "w_7489.jpg"

BARE = ["backbone.name=test_resnet", "backbone.weights=false", "folds.count=2", "fit.batch_size=8"]
# Enough to find the painted points; whatever is found shall count, so that the chain goes on.
FIND = [*BARE, "fit.epochs=9", "fit.lr=8e-3", "heatmap.width=32", "augment.photometric=none", "least_score=0"]
LOCALIZE = [*FIND, "width=96", "height=64"]
ALIGN = [*FIND, "size=96", "second.width=96", "second.height=64"]
TINY = ["passports.view={width: 48, height: 24}", "view.width=48", "view.height=32", "views.shifts=[[0, 0]]"]
IDENTIFY = [*BARE, *TINY, "fit.epochs=1"]


@pytest.mark.parametrize("name", ["localizer", "aligner", *MODELS])
def test_the_networks_can_be_made(name: str) -> None:
    """As the configs name them; their weights alone are not fetched."""
    path, bare = CONFIGS / f"{name}.yaml", ["backbone.weights=false"]
    if name in MODELS:
        net = Identifier(load(IdentifyConfig, path, bare), classes=447, auxiliary_classes=2)
    else:
        config = load(LocalizerConfig if name == "localizer" else AlignerConfig, path, bare)
        net = VARIANTS[config.variant](config)
    assert sum(parameter.numel() for parameter in net.parameters()) > 3e6


def test_all_read_the_same_data_folds_and_passports() -> None:
    values = {name: read_yaml(CONFIGS / f"{name}.yaml") for name in ("localizer", "aligner", *MODELS)}
    for key in ("dataset", "data", "folds"):
        assert len({json.dumps(one[key]) for one in values.values()}) == 1, key
    assert len({json.dumps(values[name]["passports"]) for name in MODELS}) == 1
    assert read_yaml(CONFIGS / "ensemble.yaml")["members"] == MEMBERS
    assert len({values[name].get("seed", 0) for name in MODELS}) == len(MODELS)


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """input/right_whale and input/right_whale_annotations as input/README.md lays them out: 31 training and 6 test photos of 4
    whales, of which one training photo is not in the archive. Bonnet tips are painted red, blowholes green: networks that learn
    for seconds find those."""
    root = tmp_path_factory.mktemp("right_whale")
    competition, marks = root / "input" / "right_whale", root / "input" / "right_whale_annotations"
    plan = ["--whales", "4", "--photos", "37", "--test-photos", "6", "--width", "432", "--seed", "3"]
    assert draw_survey([str(competition), *plan]) == 0
    for row in pd.read_csv(competition / "truth" / "metadata.csv").itertuples():
        photo = cv2.imread(str(competition / "imgs" / row.Image))
        for x, y, colour in ((row.bonnet_tip_x, row.bonnet_tip_y, (0, 0, 255)), (row.blowhole_x, row.blowhole_y, (0, 255, 0))):
            cv2.circle(photo, (round(x), round(y)), max(3, round(row.d_px / 4)), colour, -1)
        cv2.imwrite(str(competition / "imgs" / row.Image), photo)
    marks.mkdir()
    for name in ("points1.json", "points2.json", "slot.json", "callosity.csv"):
        (competition / name).rename(marks / name)
    train_csv = pd.read_csv(competition / "train.csv")
    several = train_csv["whaleID"].map(train_csv["whaleID"].value_counts()) > 3
    lost = train_csv.loc[several, "Image"].iloc[0]
    (competition / "imgs" / lost).unlink()
    for path in (competition / "train.csv", *marks.iterdir()):
        path.write_text(path.read_text().replace(lost, LACKING))
    return root


def test_from_photos_to_a_submission(
    sea: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHICHWHALE_INPUT", str(sea / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(sea / "runs"))
    monkeypatch.chdir(sea)
    localizer = str(CONFIGS / "localizer.yaml")
    assert train.main([localizer, *LOCALIZE, "data.skip_bad=false"]) == 2
    told = capsys.readouterr().err
    assert f"{LACKING}: missing photo" in told and "data.skip_bad=true goes on without 1 bad training photos" in told

    chain = {"localizer": LOCALIZE, "aligner": ALIGN} | dict.fromkeys(MODELS, IDENTIFY)
    for name, changes in chain.items():
        for script in (train, predict):
            assert script.main([str(CONFIGS / f"{name}.yaml"), *changes]) == 0, name
            assert f"skipped 1 bad training photos (first {LACKING}), 30 remain" in capsys.readouterr().out
    assert ensemble.main([str(CONFIGS / "ensemble.yaml")]) == 0
    assert "skipped 1 bad" in capsys.readouterr().out

    runs = sea / "runs" / "right_whale"
    submission.validate(sea / "submissions" / "right_whale.csv.gz", sea / "input" / "right_whale" / "sample_submission.csv")
    answer = submission.read(sea / "submissions" / "right_whale.csv.gz")
    assert answer.p.shape == (6, 4)
    assert LACKING in folds.read(runs / "folds.csv")["Image"].tolist()  # it keeps its place
    found = annotations.read(runs / "aligner" / "annotations.csv").set_index("Image")
    assert LACKING not in found.index and len(found) == 36
    assert (found.loc[answer.image, "fold"] == MEAN_OF_FOLDS).all()
    assert len(list(runs.glob("passports-*"))) == 1  # cut once for all models
    made = open_store(next(runs.glob("passports-*"))).index["status"]
    assert made.isin(["ok", "none"]).all() and (made == "ok").sum() > 30
    blend = json.loads((runs / "ensemble" / "blend.json").read_text())
    assert blend["members"] == MEMBERS
    assert np.isfinite([one["log_loss"] for one in blend["scores"]["out_of_fold"]]).all()
