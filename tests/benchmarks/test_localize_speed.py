"""The speed of finding: the same views, with and without what surrounds the networks."""

from pathlib import Path

import localize_bare
import localize_speed
import pytest
import torch
from torch import nn

from tests.benchmarks.small_localizer import SMALL_NET, grey
from tests.left_by_a_fit import put
from whichwhale.detect.config import DetectConfig
from whichwhale.detect.variants import make_net
from whichwhale.localize.config import AlignerConfig, LocalizerConfig, ViewsConfig
from whichwhale.localize.found import Found
from whichwhale.localize.locating import Fitted, Locator
from whichwhale.localize.locating import load as load_locator


class Middle(nn.Module):
    """Finds the middle of every view."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def find(self, images: torch.Tensor) -> Found:
        middle = (torch.tensor([images.shape[-1], images.shape[-2]]) - 1) / 2 + torch.tensor(
            [[0.0, 0.0], [8.0, 0.0], [-8.0, 0.0]]
        )
        points = middle[-self.count :].expand(len(images), self.count, 2)
        extent = torch.full((len(images), 2), 20.0) if self.count == 3 else None
        return Found(points, torch.full((len(images), self.count), 0.5), extent)


def test_speed_is_of_the_same_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = grey(tmp_path)
    monkeypatch.setitem(localize_bare.BARE, Middle, "find")
    views = ViewsConfig(rotations=[0, 90], batch_size=2)
    localizer = Fitted(LocalizerConfig(width=96, height=64, views=views), [Middle(3)], "a")
    locator = Locator(localizer, Fitted(AlignerConfig(size=64, views=views), [Middle(2), Middle(2)], "b"))
    recorded = localize_speed._recording(locator.aligner)
    list(Locator(localizer, recorded).look(paths))
    assert [tuple(one.shape) for one in recorded.nets[0].seen] == [(2, 3, 64, 64), (1, 3, 64, 64)] * 4  # two turns, two mirrors
    found = localize_speed.measure(locator, paths, turns=1)
    assert min(vars(found).values()) > 0
    told = localize_speed.Speed(decode=2.0, forward=3.0, find=4.0, whole=10.0)
    assert (told.share, told.share_of_finding) == (0.5, 0.6)
    table = localize_speed.decoders(list(paths.values()))
    assert all(list(by) == [1, 2, 4, 8] for by in table.values())
    # A detector in the localizer's place.
    config = DetectConfig(
        name="parts", backbone=SMALL_NET["backbone"], frozen_norms=False, width=96, height=64,
        pyramid={"strides": [8, 16], "width": 16, "depth": 1},
    )  # fmt: skip
    put(tmp_path / "parts", config, make_net(config, 1))
    found = localize_speed.measure(load_locator(tmp_path / "parts"), paths, turns=1)
    assert min(vars(found).values()) > 0
    assert "| simplejpeg |" in localize_speed.as_text(table)
