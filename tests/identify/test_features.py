"""The cache of features: what it gives is what the network says, nothing stale is read, and a kill loses what was not written."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import whichwhale
from whichwhale.augment.config import AIR, CAMERA, SEA
from whichwhale.geometry import identity, scaling
from whichwhale.identify import features, sources
from whichwhale.identify.config import IdentifyConfig
from whichwhale.identify.features import AUGMENT, SETTINGS, FeatureCache
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
    before.get(ALL[:2], before.plain(identity()))
    code_of = features.code_of
    monkeypatch.setattr(features, "code_of", lambda module, *rest: "edited" if module == AUGMENT else code_of(module, *rest))
    after = cache(tmp_path, backbone)
    after.get(ALL[:2], after.augmented(1))
    assert counts(after) == (0, 2)
    after.get(ALL[:2], after.plain(identity()))
    assert counts(after) == (2, 2)  # which has nothing to do with it


EVERYTHING = {"photometric": "none", "occlusion": 1.0, **dict.fromkeys([*SEA, *AIR, *CAMERA], 1.0)}
EVERYTHING |= {"geometry": {"jitter": 0.02, "perspective": 0.1}}
NETWORKS = {
    "timm": {"name": "test_resnet", "levels": 2, "stages": 3, "frozen": 1.0, "norms": "kept"},
    "pooling": {"name": "test_resnet", "pooling": "gem"},
    "conv3x3": {"name": "conv3x3", "widths": [4, 4], "depth": 1},
}


def files_that_run(work: Callable[[], object]) -> set[Path]:
    """Files of the house of which any function runs in `work`, in this thread or in those that it starts."""
    house, ran = str(Path(whichwhale.__file__).parent) + os.sep, set()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(house):
            ran.add(Path(frame.f_code.co_filename))

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return ran


def hashed(*way: Any) -> set[Path]:
    return set(sources.sources(*way).values())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_file_that_features_come_from_is_in_their_key(tmp_path: Path, name: str) -> None:
    """Found out by running it: a file that `SETTINGS`, or an import that nobody followed, kept from the key is named here."""
    said = {"backbone": NETWORKS[name] | {"weights": False}, "augment": EVERYTHING, "view": VIEW | {"upright": True}}
    one, heavy = settings(**said), settings(**said | {"augment": {"photometric": "heavy", "occlusion": 1.0}})
    store = make_store()

    def plain() -> None:
        torch.manual_seed(0)
        first = FeatureCache(tmp_path, Backbone(one.backbone), one, store)
        first.get(ALL, first.plain(identity()))

    def augmented() -> None:
        torch.manual_seed(0)
        for config in (one, heavy):
            first = FeatureCache(tmp_path, Backbone(config.backbone), config, store)
            first.get(ALL, first.augmented(1))

    known = hashed(features.__name__, (AUGMENT, SETTINGS))
    ran = files_that_run(plain)
    place = {path.name for path in ran}
    assert {"features.py", "geometry.py", "passports.py", "nets.py", "plane.py", "batches.py", "machine.py"} <= place
    assert ("conv_stack.py" in place) == (name == "conv3x3") and ("kept_norms.py" in place) == (name == "timm")
    assert sorted(ran - known) == []
    ran = files_that_run(augmented)
    assert {"sea.py", "air.py", "camera.py", "patches.py", "moves.py"} <= {path.name for path in ran}
    assert sorted(ran - known - hashed(AUGMENT)) == []


PLAIN = ["torch", "timm", "opencv-python-headless", "numpy"]


@pytest.mark.parametrize("package", [*PLAIN, "albumentations", "albucore", "simplejpeg", "stringzilla"])
def test_another_version_of_a_package_is_another_way(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    def keys() -> tuple[dict, dict]:
        sources.code_of.cache_clear()
        one = cache(tmp_path, backbone)
        return one.network, one.augmented(1).said

    network, augmented = keys()
    there = sources.version
    monkeypatch.setattr(sources, "version", lambda name: "another" if name == package else there(name))
    try:
        other = keys()
        assert (other[0] != network) == (package in PLAIN)
        assert (other[1] != augmented) == (package not in ("torch", "timm"))
    finally:
        sources.code_of.cache_clear()
    monkeypatch.undo()
    assert keys() == (network, augmented)


def test_a_store_that_was_cut_anew_has_other_pixels(tmp_path: Path, backbone: Backbone) -> None:
    """Under the same key, which knows its input and a version of the code by number."""
    made = make_store()

    def store(images: np.ndarray, time: int) -> Store:
        np.save(tmp_path / "store.npy", images)
        os.utime(tmp_path / "store.npy", ns=(time, time))
        return Store(tmp_path, "a", images, made.index, made.plane_to_store)

    first = cache(tmp_path / "features", backbone, store(made.images, 10**18))
    first.get(ALL, first.plain(identity()))
    again = cache(tmp_path / "features", backbone, store(made.images, 10**18))
    again.get(ALL, again.plain(identity()))
    assert counts(again) == (10, 0) and len(list((tmp_path / "features").glob("passports-*.npy"))) == 1
    images = made.images.copy()
    images[3] //= 2
    other = cache(tmp_path / "features", backbone, store(images, 10**18 + 1))
    other.get(ALL, other.plain(identity()))
    assert counts(other) == (9, 1)


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
