"""Bare passes: a localizer's networks alone, as its time is told."""

from pathlib import Path

import localize_bare
import localize_speed
import pytest
import torch
from torch import nn

from tests.benchmarks.small_localizer import SMALL_NET, grey
from whichwhale.localize import heatmap, levelling
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, SecondLookConfig, ViewsConfig
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.net import VARIANTS


def test_bare_passes_are_the_networks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading of a map, no window that is cut, nothing of what makes points of it is in their time."""
    paths, views = grey(tmp_path), ViewsConfig(rotations=[0], mirror=False)
    second = SecondLookConfig(reduction=2, width=64, height=32, heatmap={"width": 8, "coarsest": 16}, times=2)
    configs = [
        LocalizerConfig(width=96, height=64, views=views, least_score=0, **SMALL_NET),
        AlignerConfig(variant="two_looks", size=64, second=second, views=views, least_score=0, **SMALL_NET),
    ]
    fitted = [Fitted(config, [VARIANTS[config.variant](config).eval()], "a") for config in configs]
    aligner, passes = fitted[1].nets[0], {}
    for one in fitted:
        with localize_bare.recorded(one.nets[0]) as passes[type(one.nets[0]).__name__]:
            list(Locator(fitted[0], fitted[1] if one is fitted[1] else None).look(paths))
    assert [tuple(images.shape) for _, images in passes["HeatmapNet"]] == [(3, 3, 64, 96)]
    # The reduced view, then two windows of the second look.
    assert [tuple(images.shape) for _, images in passes["TwoLooksNet"]] == [(3, 3, 32, 32), (3, 3, 32, 64), (3, 3, 32, 64)]
    assert [call.__self__ for call, _ in passes["TwoLooksNet"]] == [aligner.first, aligner.second, aligner.second]
    assert "forward" not in vars(aligner.first)  # it is as it was
    # What is repeated is what was seen, and nothing but networks.
    with torch.inference_mode():
        call, images = passes["HeatmapNet"][0]
        assert torch.equal(call(images)[0], fitted[0].nets[0](images)[0])
    for module, name in ((heatmap, "decode"), (heatmap, "spread"), (levelling, "sample"), (levelling, "similarity")):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("is no network"))
    recorders = [localize_speed.Recorder(one.nets[0]) for one in fitted]
    localize_speed._forward(list(zip(fitted, recorders, passes.values(), strict=True)))
    unknown = pytest.raises(ValueError, match="Linear: which of its methods is the bare network is not known")
    with unknown, localize_bare.recorded(nn.Linear(2, 2)):
        pass


@pytest.mark.parametrize("variant", ["regression", "bins", "windows", "transformer", "one_net", "edges"])
def test_every_variant_has_bare_passes(variant: str) -> None:
    more = {"one_net": {"one_net": {"reduction": 1, "size": 64, "variant": "heatmap", "heatmap": {"width": 8}}}}
    more["transformer"] = {"transformer": {"whales": 2, "pixels": 32}}
    if variant != "one_net":
        more.setdefault(variant, {})["point_weight"] = 0
    config = LocalizerConfig(variant=variant, width=96, height=64, **SMALL_NET, **more.get(variant, {}))
    net = VARIANTS[variant](config).eval()
    with torch.inference_mode(), localize_bare.recorded(net) as passes:
        net.find(torch.zeros(2, 3, 64, 96))
    assert (len(passes) > 0) == (variant != "edges")  # which has no network
    with torch.inference_mode():
        for call, images in passes:
            call(images)
