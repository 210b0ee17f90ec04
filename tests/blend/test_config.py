"""The blend's config: short YAML, strict keys, paths from the environment."""

from pathlib import Path

import pytest

from whichwhale.blend.config import EnsembleConfig
from whichwhale.config import ConfigError, load

SHIPPED = Path(__file__).parents[2] / "configs/right_whale_heads/ensemble.yaml"


def test_the_shipped_config(monkeypatch):
    monkeypatch.setenv("WHICHWHALE_INPUT", "/elsewhere/in")
    monkeypatch.setenv("WHICHWHALE_RUNS", "/elsewhere/runs")
    config = load(EnsembleConfig, SHIPPED, ["floor=1e-5"])
    models = [member.removesuffix("_neighbours") for member in config.members]
    assert len(set(models)) >= 2 and all(SHIPPED.with_name(f"{model}.yaml").is_file() for model in models)
    assert (config.floor, config.test) == (1e-5, "both")
    assert load(EnsembleConfig, SHIPPED, ["neighbours_scale=fit"]).neighbours_scale == "fit" and config.neighbours_scale == 20
    assert config.root == Path("/elsewhere/in/right_whale_heads")
    assert config.runs == Path("/elsewhere/runs/right_whale_heads")
    assert config.submission == Path("submissions/right_whale_heads.csv.gz")
    assert config.provenance == Path("submissions/right_whale_heads.txt")


def test_paths_that_are_not_given():
    config = EnsembleConfig(dataset="survey", members=["a"], data={"root": "/data/survey"})
    assert config.root == Path("/data/survey")
    assert config.submission == Path("submissions/survey.csv.gz")
    assert EnsembleConfig(dataset="survey", members=["a"], output="out/x.y.csv").provenance == Path("out/x.y.txt")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("member=[a]", "did you mean 'members'"),
        ("floor=1e-7", "floor: .*greater than or equal to 0.000001"),
        ("l2=-1", "l2: "),
        ("test=fold", "test: "),
        ("members=[]", "members: "),
        ("members=[a,a]", "a model is named twice"),
        ("name=arcface_lite0", "is a member as well"),
        ("output=submissions/x.zip", "ends in .csv or .csv.gz"),
        ("choose=forest", "there is no pool 'forest'; there are winners, equal,"),
        ("choose=trees+power", "leave it out"),
        ("fit_on=calibration", "say test=folds"),
        ("neighbours_scale=0", "neighbours_scale.*: Input should be greater than 0"),
        ("neighbours_scale=fitted", "neighbours_scale.*'fit'"),
    ],
)
def test_mistakes_are_told(override, message):
    with pytest.raises(ConfigError, match=message):
        load(EnsembleConfig, SHIPPED, [override])


def test_lists_of_five_have_a_file_and_a_threshold_of_their_own(tmp_path):
    config = EnsembleConfig(dataset="sea", members=["m"], format="top5", new_whale=0.3)
    assert str(config.submission) == "submissions/sea_top5.csv.gz"
    assert (str(config.provenance), str(config.record)) == ("submissions/sea_top5.txt", "submissions/sea_top5.json")
    with pytest.raises(ValueError, match=r"new_whale=0.3 is for lists of five; say format=top5, or leave new_whale out"):
        EnsembleConfig(dataset="sea", members=["m"], new_whale=0.3)
