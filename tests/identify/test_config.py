"""Combinations of an identification model's keys that make no sense are refused, with the keys and the fix."""

from pathlib import Path

import pytest

from whichwhale.config import ConfigError, load, to_yaml
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.heads import HEADS

PK = ["sampler.kind=pk"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["head.kind=triplet"], "head.kind=triplet compares photos of a whale.*set sampler.kind=pk"),
        (["head.kind=siamese"], "head.kind=siamese compares photos"),
        (["sampler={kind: pk, whales: 8}", "fit.batch_size=16"], "=16 is not 8 whales x sampler.photos=4; set fit.batch_size=32"),
        ([*PK, "fit.batch_size=18"], "fit.batch_size=18 is not 4 whales x sampler.photos=4; set fit.batch_size=16"),
        ([*PK, "fit.batch_size=4"], "fit.batch_size=4 is not 2 whales x sampler.photos=4; set fit.batch_size=8"),
        (["sampler={kind: pk, whales: 1}"], "sampler.whales.*greater than or equal to 2"),
        (["sampler.whales=4"], "whales and photos mean nothing to kind=shuffled.*take kind=pk"),
        (["head.bn_neck=true"], "bn_neck means nothing to kind=softmax.*kind=triplet or siamese"),
        (["head.kind=arcface", "head.subcentres=2"], "subcentres means nothing to kind=arcface.*kind=subcentre"),
        (["head.kind=arcface", "head.dynamic_margin={a: 0.3}"], "dynamic_margin means nothing to kind=arcface"),
        (["head.kind=siamese", *PK, "head.mining=semihard"], "mining means nothing to kind=siamese"),
        (["head.kind=siamese", *PK, "head.soft_margin=true"], "soft_margin means nothing to kind=siamese"),
        (["head.kind=subcentre", "head.margin=0.2", "head.dynamic_margin={}"], "dynamic_margin stands in place of margin"),
        (["head.kind=subcentre", "head.dynamic_margin={a: 1.4, c: 0.2}"], "a .* c = 1.6 is the margin of a whale with one"),
        (["head.kind=triplet", *PK, "head.margin=0"], "margin=0 asks nothing of kind=triplet"),
        (["mirrored=twin", "augment.geometry.mirror=0"], "augment.geometry.mirror=0 with mirrored=twin: .* see no twin"),
        (["mirrored=twin", "augment.geometry.mirror=1"], "augment.geometry.mirror=1 with mirrored=twin: .* see no whale"),
        (["bottleneck={}", "backbone.narrow=8"], "backbone.narrow=8: with a bottleneck nothing trains its convolution"),
        (["backbone.norms=kept"], "norms=kept is of frozen layers, and frozen=0 has none"),
        (["mirrored=twin", "bottleneck.variants=1"], "bottleneck.variants=1 with mirrored=twin: .*no twin would be seen"),
    ],
)
def test_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(IdentifyConfig, None, overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["head.kind=subcentre", "head.dynamic_margin={}"],
        ["head.kind=triplet", "head.bn_neck=true", *PK],
        ["sampler={kind: pk, whales: 4, photos: 2}", "fit.batch_size=8"],
        [*PK, "fit.batch_size=20"],
        ["backbone={name: conv3x3, widths: [8, 16], levels: 2}"],
        ["bottleneck={}", "backbone.narrow=8", "onward.model=another"],
        ["backbone={frozen: 0.3, norms: kept}"],
    ],
)
def test_a_frozen_config_is_read_back(overrides: list[str], tmp_path: Path) -> None:
    config = load(IdentifyConfig, None, overrides)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert load(IdentifyConfig, tmp_path / "config.yaml") == config


@pytest.mark.parametrize(("kind", "head"), HEADS.items())
def test_mixed_pictures_are_for_the_heads_that_say_so(kind: str, head: type) -> None:
    overrides = [f"head.kind={kind}", *PK, "augment.mix={cutmix: 1, mixup: 0.2}"]
    if head.mixes:
        assert load(IdentifyConfig, None, overrides).augment.mix.on
    else:
        with pytest.raises(ConfigError, match=f"head.kind={kind} has no place for a picture of two whales"):
            load(IdentifyConfig, None, overrides)
    assert not load(IdentifyConfig, None, [f"head.kind={kind}", *PK, "augment.mix.chance=0.3"]).augment.mix.on


def test_a_batch_is_filled_with_whales() -> None:
    config = load(IdentifyConfig, None, [*PK, "fit.batch_size=20"])
    assert config.sampler.whales_of(config.fit.batch_size) == 5
