"""Keys that do nothing are told, and others are not."""

from pathlib import Path

import pytest

from whichwhale.config import load_named
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


def test_mirrored_views_of_a_fit_that_saw_no_mirror_image():
    never = {"augment": {"geometry": {"mirror": 0}}}
    (said,) = unheard(config(**never))
    assert "views.mirror" in said
    assert not unheard(config(**never, views={"mirror": False}))


MODELS = sorted(path for path in (CONFIGS / "right_whale_heads").glob("*.yaml") if path.stem != "ensemble")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_no_shipped_config_says_what_is_not_heard(path):
    assert unheard(load_named(IdentifyConfig, path, [])) == []
