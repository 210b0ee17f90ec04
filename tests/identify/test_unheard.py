"""Keys that do nothing are told, and others are not."""

from pathlib import Path

import pytest

from whichwhale.config import load_named, read_yaml
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.unheard import unheard

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def config(**keys) -> IdentifyConfig:
    return IdentifyConfig.model_validate(keys)


def test_softmax_reads_no_key_of_an_embedding():
    (said,) = unheard(config(head={"kind": "softmax", "dims": 512, "margin": 0.2}))
    assert said == "head.kind=softmax does not read head.dims, head.margin"
    assert not unheard(config(head={"kind": "arcface", "dims": 512, "margin": 0.2}))


def test_a_kick_after_the_end_never_comes():
    kicks = [{"epoch": 3}, {"epoch": 4}, {"epoch": 9.5}]
    (said,) = unheard(config(fit={"epochs": 4, "kicks": kicks}))
    assert "epoch 4, 9.5, with fit.epochs=4" in said
    assert not unheard(config(fit={"epochs": 10, "kicks": kicks}))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"alarm": {"patience": 3}}, "alarm.patience: a softmax head has no alarm"),
        ({"head": {"kind": "triplet", "bn_neck": True, "scale": 3}, "sampler": {"kind": "pk"}}, "does not read head.scale"),
        ({"head": {"kind": "triplet", "soft_margin": True, "margin": 0.1}, "sampler": {"kind": "pk"}}, "read head.margin"),
        ({"augment": {"geometry": {"mirror": 1}}}, "mirror images alone"),
        ({"augment": {"pca_spread": 0.6}}, "while augment.pca is 0"),
        ({"augment": {"mix": {"chance": 0.3}}}, "augment.mix.chance: no picture is mixed"),
        ({"bottleneck": {"variants": 1}, "augment": {"photometric": "none"}}, "augment is not read"),
        ({"onward": {}, "fold": [0, 1]}, "fold=[0, 1] has none"),
        ({"fit": {"plateau": {"patience": 2, "factor": 4}}}, "fit.plateau.patience, fit.plateau.factor: no kick comes"),
        ({"fit": {"epochs": 2, "warmup": 2}}, "fit.warmup=2: the rate rises to the end"),
        ({"auxiliary": {"column": "sex"}}, "auxiliary.column: no auxiliary target"),
    ],
)
def test_what_each_key_needs(keys: dict, said: str):
    assert [said in one for one in unheard(config(**keys))] == [True]


@pytest.mark.parametrize(
    "keys",
    [
        {"head": {"kind": "arcface"}, "alarm": {"patience": 3}},
        {"head": {"kind": "triplet", "scale": 3}, "sampler": {"kind": "pk"}},
        {"head": {"kind": "triplet", "soft_margin": True, "mining": "semihard", "margin": 0.1}, "sampler": {"kind": "pk"}},
        {"augment": {"geometry": {"mirror": 1}}, "mirrored": "same", "views": {"mirror": False}, "fold": [0]},
        {"augment": {"photometric": "light", "pca": 0.5, "pca_spread": 0.6, "mix": {"mixup": 0.2, "chance": 0.3}}},
        {"bottleneck": {"variants": 2}, "augment": {"photometric": "none"}},
        {"onward": {}, "fold": [0, "all"]},
        {"fit": {"plateau": {"patience": 2, "most": 1}}, "auxiliary": {"column": "sex", "weight": 0.1}},
        {"onward": {"model": "other"}, "fit": {"epochs": 2, "warmup": 3}},
        {"onward": {"model": "other"}, "fold": [0], "fit": {"epochs": 2, "kicks": [{"epoch": 5}]}},
    ],
)
def test_nothing_is_said_of_what_is_read(keys: dict):
    assert all("mirror images alone" in one for one in unheard(config(**keys)))


def test_mirrored_views_of_a_fit_that_saw_no_mirror_image():
    never = {"augment": {"geometry": {"mirror": 0}}}
    (said,) = unheard(config(**never))
    assert "views.mirror" in said
    assert not unheard(config(**never, views={"mirror": False}))


def of_this_room(path: Path) -> bool:
    """But for those that inherit what they don't need."""
    values = read_yaml(path)
    if path.parent.name != "right_whale_heads" and "extends:" in path.read_text():
        return False
    return "members" not in values and values.get("room", "identify") == "identify"


MODELS = sorted(path for path in CONFIGS.rglob("*.yaml") if of_this_room(path))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_shipped_config_says_what_is_not_heard(path):
    assert unheard(load_named(IdentifyConfig, path, [])) == []
