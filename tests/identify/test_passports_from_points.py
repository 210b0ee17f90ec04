"""`passports:` is given crops or cut by points, told apart by their keys."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from whichwhale.annotations import table as contract
from whichwhale.config import ConfigError, load, to_yaml
from whichwhale.identify.config import GivenPassports, IdentifyConfig, PassportsFromPoints
from whichwhale.identify.experiment import Experiment
from whichwhale.passport.plane import PlaneView


def test_the_keys_choose() -> None:
    assert load(IdentifyConfig, None).passports == GivenPassports()
    assert load(IdentifyConfig, None, ["passports.view.width=64"]).passports == GivenPassports(view=PlaneView(width=64))
    config = load(IdentifyConfig, None, ["passports.annotations=a.csv", "passports.first=eye", "passports.view.width=64"])
    assert config.passports == PassportsFromPoints(annotations="a.csv", first="eye", view=PlaneView(width=64))


def test_a_config_of_given_crops_is_written_as_ever() -> None:
    """Run folders compare their config.yaml with it, so another key would part a finished run from its predictions."""
    view = {"width": 224, "height": 224, "centre": [-0.1, 0.0], "field": [2.0, 1.0]}
    assert IdentifyConfig().model_dump(mode="json")["passports"] == {"view": view}


@pytest.mark.parametrize("passports", [GivenPassports(), PassportsFromPoints(annotations="a.csv", margin=2)])
def test_round_trip(tmp_path, passports) -> None:
    config = IdentifyConfig(passports=passports)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load(IdentifyConfig, tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["passports.anotations=a.csv"], "unknown key 'passports.anotations'; did you mean 'passports.annotations'?"),
        (["passports.view.widht=3"], "unknown key 'passports.view.widht'; did you mean 'passports.view.width'?"),
        (
            ["passports.annotations=a.csv", "passports.margin=0"],
            "passports.points.margin: Input should be greater than or equal to 1",
        ),
        (["passports.margin=2"], "passports.given.margin: Extra inputs are not permitted"),
        (["passports=3"], "passports.given"),
    ],
)
def test_a_wrong_key_or_value_is_named(overrides, message) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(IdentifyConfig, None, overrides)
    assert message in str(refusal.value)


@pytest.fixture
def sea(tmp_path, monkeypatch):
    """Six training photos of two whales, in one of which nothing was found, and two test photos."""
    monkeypatch.setenv("WHICHWHALE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("WHICHWHALE_RUNS", str(tmp_path / "runs"))
    root = tmp_path / "input" / "sea"
    (root / "imgs").mkdir(parents=True)
    images = [f"w_{number}.jpg" for number in range(8)]
    for image in images:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)).save(root / "imgs" / image)
    train = pd.DataFrame({"Image": images[:6], "whaleID": ["x", "y"] * 3})
    train.to_csv(root / "train.csv", index=False)
    pd.DataFrame({"Image": images[6:], "x": 0.5, "y": 0.5}).to_csv(root / "sample_submission.csv", index=False)
    found = {"bonnet_tip_x": 60, "bonnet_tip_y": 20, "bonnet_tip_v": 2, "blowhole_x": 30, "blowhole_y": 40, "blowhole_v": 2}
    rows = [{"Image": image} | ({"status": "none"} if image == "w_1.jpg" else found) for image in images]
    contract.write(root / "annotations.csv", contract.build(rows, ["bonnet_tip", "blowhole"]))
    return root


def config(*overrides: str) -> IdentifyConfig:
    said = ["dataset=sea", "data.root=sea", "folds.count=2", "name=a", "passports.annotations=sea/annotations.csv"]
    return load(IdentifyConfig, None, [*said, *overrides])


def test_photos_without_points_are_left_out(sea, capsys) -> None:
    experiment = Experiment.open(config())
    assert len(experiment.store.index) == 8 and experiment.store.images.shape[1:] == (192, 384, 3)
    assert "1 of 8 photos have no points" in capsys.readouterr().out
    training, held_out = experiment.photos(0)
    assert sorted(training + held_out) == [f"w_{number}.jpg" for number in (0, 2, 3, 4, 5)]
    assert "w_1.jpg" not in experiment.photos("all")[0]
    other = Experiment.open(config("passports.margin=2"))
    assert other.store.folder != experiment.store.folder and experiment.store.folder.exists()  # neither pushes the other out


def test_annotations_must_be_in_one_place_and_cover_the_training_photos(sea, tmp_path, capsys) -> None:
    with pytest.raises(ValueError, match="passports.annotations.*is in neither"):
        Experiment.open(config("passports.annotations=none.csv"))
    table = contract.read(sea / "annotations.csv")
    contract.write(tmp_path / "runs" / "some.csv", table[table["Image"] != "w_7.jpg"])
    Experiment.open(config("passports.annotations=some.csv"))
    assert "has no row for 1 of the 2 test photos" in capsys.readouterr().out
    contract.write(tmp_path / "input" / "some.csv", table)
    with pytest.raises(ValueError, match="passports.annotations.*is in both"):
        Experiment.open(config("passports.annotations=some.csv"))
    contract.write(tmp_path / "runs" / "few.csv", table[2:])
    with pytest.raises(ValueError, match=r"no row for 2 of the 6 training photos, the first are \['w_0.jpg', 'w_1.jpg'\]"):
        Experiment.open(config("passports.annotations=few.csv"))
