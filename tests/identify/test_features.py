"""The cache of features: what it gives is what the network says, nothing stale is read, and a kill loses what was not written."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import whichwhale
from whichwhale.geometry import identity, scaling
from whichwhale.identify import features
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.features import FeatureCache
from whichwhale.identify.passports import view_passport
from whichwhale.nets import Backbone
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import Store

VIEW = {"width": 24, "height": 24}
ALL = np.arange(10)


def make_store(count: int = 10, key: str = "a", plane: PlaneView = PlaneView(**VIEW)) -> Store:
    images = np.random.default_rng(0).integers(0, 255, (count, 24, 24, 3), dtype=np.uint8)
    return Store(Path(), key, images, pd.DataFrame(), plane.matrix())


def settings(**changes: Any) -> IdentifyConfig:
    said = {"view": VIEW, "backbone": {"name": "test_resnet", "weights": False}, "fit": {"precision": "no"}, "bottleneck": {}}
    return IdentifyConfig.model_validate(said | {"views": {"batch_size": 3}} | changes)


@pytest.fixture
def backbone() -> Backbone:
    return make_backbone()


def make_backbone(seed: int = 0, /, **changes: Any) -> Backbone:
    torch.manual_seed(seed)
    return Backbone(settings(**changes).backbone)


def cache(folder: Path, backbone: Backbone, store: Store | None = None, /, **changes: Any) -> FeatureCache:
    return FeatureCache(folder, backbone, settings(**changes), store or make_store())


def counts(one: FeatureCache) -> tuple[int, int]:
    return one.read, one.computed


@pytest.mark.parametrize("move", [identity(), scaling(1.0, -1.0)], ids=["as it is", "mirrored"])
def test_features_are_what_the_network_says_of_the_view(tmp_path: Path, backbone: Backbone, move: np.ndarray) -> None:
    one = cache(tmp_path, backbone)
    rows = np.array([7, 0, 7, 9])
    shown = one.get(rows, one.plain(move))
    with torch.inference_mode():
        pixels = np.stack([view_passport(one.store, row, one.config.view, move) for row in rows])
        expected = backbone.eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(shown.all(), expected, rtol=1e-4, atol=1e-5)
    assert shown[0][1] == (move[1, 1] < 0) and len(shown) == 4
    assert counts(one) == (1, 3)  # 7 is asked for twice


def test_the_second_run_computes_nothing(tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cache(tmp_path, backbone)
    ways = [first.plain(identity()), first.augmented(1), first.augmented(2)]
    found = [first.get(ALL, way).all() for way in ways]
    assert first.told() == "features: 0 read from the cache, 30 computed"
    assert not np.allclose(found[1], found[2]) and not np.allclose(found[0], found[1])
    monkeypatch.setattr(Backbone, "forward", lambda *_: pytest.fail("computed again"))
    again = cache(tmp_path, make_backbone())
    for way, old in zip([again.plain(identity()), again.augmented(1), again.augmented(2)], found, strict=True):
        np.testing.assert_array_equal(again.get(ALL, way).all(), old)
    assert again.told() == "features: 30 read from the cache, 0 computed"


OTHERS = {
    "weights": {"backbone": 1},
    "pooling": {"changes": {"backbone": {"name": "test_resnet", "weights": False, "pooling": "gem"}}},
    "view": {"changes": {"view": VIEW | {"field": (1.8, 0.9)}}},
    "place in the plane": {"store": make_store(plane=PlaneView(**VIEW, field=(3, 1)))},
    "seed": {"changes": {"seed": 5}},
    "augmentation": {"changes": {"augment": {"photometric": "light"}}},
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_nothing_stale_is_read(tmp_path: Path, backbone: Backbone, other: dict[str, Any]) -> None:
    first = cache(tmp_path, backbone)
    first.get(ALL[:2], first.augmented(1))
    changes = other.get("changes", {})
    second = cache(tmp_path, make_backbone(other.get("backbone", 0), **changes), other.get("store"), **changes)
    second.get(ALL[:2], second.augmented(1))
    assert counts(second) == (0, 2)
    third = cache(tmp_path, backbone)
    third.get(ALL[:2], third.augmented(1))
    assert counts(third) == (2, 0)  # and what was there is there


def test_a_mirror_image_that_is_asked_for_is_drawn_as_ever_but_for_that(tmp_path: Path, backbone: Backbone) -> None:
    one = cache(tmp_path, backbone)
    drawn, always = (one.get(ALL, way) for way in (one.augmented(1), one.augmented(1, mirrored=True)))
    by_chance = [drawn[i][1] for i in ALL]
    assert len(set(by_chance)) == 2 and all(always[i][1] for i in ALL)
    for i in ALL:
        assert np.array_equal(drawn[i][0], always[i][0]) == by_chance[i], i
    assert counts(one) == (0, 20)


def test_other_code_of_the_augmentation_is_another_way(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cache(tmp_path, backbone)
    before.get(ALL[:2], before.augmented(1))
    monkeypatch.setattr(features, "_code_of", lambda module: "edited")
    after = cache(tmp_path, backbone)
    after.get(ALL[:2], after.augmented(1))
    assert counts(after) == (0, 2)


def test_only_a_passport_that_is_new_or_changed_is_computed(tmp_path: Path, backbone: Backbone) -> None:
    """Wherever it stands in the store: the draw of its augmentation is its own, not its row's."""
    first = cache(tmp_path, backbone)
    old = first.get(ALL, first.augmented(3)).all()
    store = make_store()
    images = np.concatenate([np.full((1, 24, 24, 3), 9, np.uint8), store.images[::-1]])
    images[4] += 1
    second = cache(tmp_path, backbone, Store(Path(), "b", images, pd.DataFrame(), store.plane_to_store))
    new = second.get(np.arange(11), second.augmented(3)).all()
    assert counts(second) == (9, 2)
    same = [row for row in range(1, 11) if row != 4]
    np.testing.assert_array_equal(new[same], old[::-1][np.array(same) - 1])


def test_runs_side_by_side_and_damaged_blocks(tmp_path: Path, backbone: Backbone) -> None:
    one, other = cache(tmp_path, backbone), cache(tmp_path, backbone)
    way = one.plain(identity())
    for both in (one, other):
        assert both.get(ALL[:0], way).all().shape == (0, 0)  # each has looked: there is nothing yet
    first = one.get(ALL[:6], way).all()
    second = other.get(ALL[3:], way).all()
    assert counts(one) == (0, 6) and counts(other) == (0, 7)  # work done twice, and nothing worse
    np.testing.assert_allclose(first[3:], second[:3], rtol=1e-5, atol=1e-6)
    late = cache(tmp_path, backbone)
    np.testing.assert_allclose(late.get(ALL, way).all()[3:], second, rtol=1e-5, atol=1e-6)
    assert counts(late) == (10, 0)
    blocks = sorted(tmp_path.glob("*/block-*.npy"))
    assert len(blocks) == 2
    for block in blocks:
        block.write_bytes(block.read_bytes()[:-100])
    last = cache(tmp_path, backbone)
    np.testing.assert_allclose(last.get(ALL, way).all()[3:], second, rtol=1e-5, atol=1e-6)
    assert counts(last) == (0, 10)


def die_over_the_second_block(folder: Path) -> None:
    """Fill a cache, and be killed when its second block is to get its name."""
    features.BLOCK = 4
    victim = cache(folder, make_backbone())
    victim.fingerprints()
    rename, renamed = os.replace, []

    def killing(source: str, target: str) -> None:
        renamed.append(target)
        if len(renamed) == 3:  # about.json, the first block, and then
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    os.replace = killing
    victim.get(ALL, victim.augmented(1))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a system with SIGKILL")
def test_a_kill_costs_the_block_that_was_being_written(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "BLOCK", 4)
    whole = cache(tmp_path / "whole", backbone)
    expected = whole.get(ALL, whole.augmented(1)).all()
    # A process of its own: one that is forked from this one has none of the threads that OpenCV and others started here.
    environment = os.environ | {"PYTHONPATH": str(Path(whichwhale.__file__).parents[1])}
    ended = subprocess.run([sys.executable, __file__, str(tmp_path / "killed")], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "killed").glob("*/block-*.npy"))) == 1
    assert len(list((tmp_path / "killed").glob("*/.block-*.part"))) == 1
    after = cache(tmp_path / "killed", backbone)
    np.testing.assert_allclose(after.get(ALL, after.augmented(1)).all(), expected, rtol=1e-5, atol=1e-6)
    assert counts(after) == (4, 6)


if __name__ == "__main__":
    die_over_the_second_block(Path(sys.argv[1]))
