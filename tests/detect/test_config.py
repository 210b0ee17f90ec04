from pathlib import Path

import pytest

from whichwhale.config import ConfigError, load
from whichwhale.detect.config import DetectConfig


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (["threshold=0.01"], r"threshold=0.01 is below least_score=0.05"),
        (["mirrored={left: right, right: left}"], "name each part once"),
        (["parts=[head, left]", "mirrored={left: right}"], "mirrored names right, which is not among parts"),
        (["parts=[head, head]"], "a name of its own"),
        (["backbone.weights=false"], "frozen_norms=false"),
        (["pyramid.strides=[8, 32]"], "must double"),
        (["backbone.levels=2"], "pyramid.strides"),
        (["variant=ssdlite", "pyramid.depth=3"], "pyramid.depth are of variant=retinanet"),
        (["labeled=40"], "did you mean 'labelled'"),
        (["width=100"], "width"),
    ],
)
def test_what_can_not_be_is_refused_by_key(override, words):
    with pytest.raises(ConfigError, match=words):
        load(DetectConfig, None, override)


def test_a_single_fold_is_a_list_and_the_shipped_config_names_the_surveys_parts():
    from whichwhale.survey.parts import NAMES

    assert load(DetectConfig, None, ["fold=1"]).fold == [1]
    shipped = load(DetectConfig, Path(__file__).parents[2] / "configs" / "survey" / "parts.yaml")
    assert tuple(shipped.parts) == NAMES and shipped.mirrored == {"flipper_left": "flipper_right"}
