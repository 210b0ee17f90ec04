"""The photometric chain: every draw belongs to its key, and no thread, history or global state changes it."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import albumentations as A
import cv2
import numpy as np
import pytest

from whichwhale.augment import AugmentConfig, Chains, GeometryConfig, Photometric, draw_geometry, generator
from whichwhale.augment.config import AIR, CAMERA, SEA
from whichwhale.passport.plane import PlaneView

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 2)
HEAVY = AugmentConfig(photometric="heavy", occlusion=0.5)
PIECES = dict.fromkeys([*SEA, *AIR, *CAMERA], 0.5)
EVERYTHING = AugmentConfig(photometric="none", occlusion=0.5, **PIECES)
PLANE = PlaneView(width=64, height=64).matrix()
CENTRE = (-0.1, 0.0)


@pytest.fixture(scope="module")
def heavy() -> Photometric:
    return Photometric(HEAVY)


def test_the_same_key_gives_the_same_picture_whatever_came_before(heavy: Photometric) -> None:
    """Neither an object's history nor the global streams of Python, numpy and OpenCV have a say."""
    pictures = []
    for chain, history in [(Photometric(HEAVY), 0), (heavy, 3), (heavy, 1)]:
        for k in range(history):
            chain(PICTURE, generator(99, k))
        random.seed(history)
        np.random.seed(history)
        cv2.setRNGSeed(history)
        pictures.append([chain(PICTURE, generator(1, 2, k)) for k in range(40)])  # 40: every transform takes part
    np.testing.assert_array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[2])


def test_different_keys_give_different_pictures(heavy: Photometric) -> None:
    pictures = {heavy(PICTURE, generator(*k)).tobytes() for k in np.ndindex(3, 3, 3)}
    # Now and then no transform is drawn (0.2 x 0.5 x 0.5 x 0.7 x 0.8 x 0.75 x 0.8 x 0.5 = 0.8 %).
    assert len(pictures) >= 25


def test_a_picture_keeps_its_form_and_the_input_its_content(heavy: Photometric) -> None:
    before = PICTURE.copy()
    for k in range(40):
        changed = heavy(PICTURE, generator(5, k))
        assert changed.dtype == np.uint8 and changed.shape == PICTURE.shape
    np.testing.assert_array_equal(PICTURE, before)


def test_none_changes_nothing_and_occlusion_alone_hides_patches() -> None:
    plain = Photometric(AugmentConfig(photometric="none"))
    np.testing.assert_array_equal(plain(PICTURE, generator(0)), PICTURE)
    hiding = Photometric(AugmentConfig(photometric="none", occlusion=1.0))
    changed = [(hiding(PICTURE, generator(k)) != PICTURE).any(-1).mean() for k in range(10)]
    assert all(0.005 < share < 0.3 for share in changed)  # 1 to 3 patches of 1 to 9 % of the area


def test_the_transforms_of_a_chain_do_not_share_their_draws() -> None:
    """With one seed for each transform alike, whoever is brightened most would be shifted most. Here they go on in one stream."""
    chain = Photometric(AugmentConfig(photometric="heavy"))
    chain(PICTURE, generator(1, 2, 3))
    streams = {id(transform.random_generator) for transform in chain._library.transforms}
    assert len(streams) == 1  # one generator, which each transform takes further
    draws = []
    for k in range(400):
        chain._library.set_random_state(generator(7, k), random.Random(k))
        draws.append([transform.py_random.random() for transform in chain._library.transforms[:3]])
    correlation = np.corrcoef(np.array(draws).T)
    assert np.abs(correlation - np.eye(3)).max() < 0.2  # 4 sigma of 400 independent pairs


def test_geometry_and_photometry_do_not_share_their_draws() -> None:
    """A passport's geometry and its colours come from one stream, one after the other."""
    chain = Photometric(AugmentConfig(photometric="light"))
    grey = np.full((8, 8, 3), 128, np.uint8)
    config = GeometryConfig(rotation=10, zoom=0, stretch=0, shift=0, mirror=0)
    pairs = []
    for k in range(400):
        draw = generator(3, k)
        matrix = draw_geometry(config, draw, CENTRE)
        pairs.append([np.arctan2(matrix[1, 0], matrix[0, 0]), chain(grey, draw).mean()])
    assert abs(np.corrcoef(np.array(pairs).T)[0, 1]) < 0.2


class OneForAll(Chains):
    """What `Chains` guards against: every thread is given the same chain."""

    @contextmanager
    def one(self) -> Iterator[Photometric]:
        if not self._spare:
            self._spare.append(Photometric(self._config))
        yield self._spare[0]


def made_by_threads(chains: Chains, monkeypatch: pytest.MonkeyPatch, threads: int = 4, each: int = 6) -> list[np.ndarray]:
    """Pictures 0 … threads * each - 1, by threads in step: all hold a chain, and have set its state, before any goes on."""
    step, set_state = Barrier(threads, timeout=60), A.Compose.set_random_state

    def set_together(self: A.Compose, *state: object) -> None:
        set_state(self, *state)
        step.wait()

    def work(thread: int) -> list[np.ndarray]:
        made = []
        for k in range(thread * each, (thread + 1) * each):
            with chains.one() as chain:
                step.wait()
                made.append(chain(PICTURE, generator(4, k), PLANE))
        return made

    with monkeypatch.context() as patch, ThreadPoolExecutor(threads) as pool:
        patch.setattr(A.Compose, "set_random_state", set_together)
        return [picture for part in pool.map(work, range(threads)) for picture in part]


@pytest.mark.parametrize("config", [HEAVY, EVERYTHING], ids=["library", "pieces"])
def test_threads_change_nothing(config: AugmentConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [Photometric(config)(PICTURE, generator(4, k), PLANE) for k in range(24)]
    np.testing.assert_array_equal(made_by_threads(Chains(config), monkeypatch), alone)


def test_threads_that_shared_a_chain_would_change_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four threads at most one draws from its own stream: the library keeps the last state that was set."""
    alone = [Photometric(HEAVY)(PICTURE, generator(4, k), PLANE) for k in range(24)]
    shared = made_by_threads(OneForAll(HEAVY), monkeypatch)
    assert not np.array_equal(shared, alone)


def test_a_chain_with_every_piece_does_not_remember() -> None:
    used = Photometric(EVERYTHING)
    for k in range(5):
        used(PICTURE, generator(9, k), PLANE)
    before = PICTURE.copy()
    for k in range(12):
        fresh = Photometric(EVERYTHING)(PICTURE, generator(8, k), PLANE)
        np.testing.assert_array_equal(used(PICTURE, generator(8, k), PLANE), fresh)
        assert fresh.dtype == np.uint8 and fresh.shape == PICTURE.shape
    np.testing.assert_array_equal(PICTURE, before)


@pytest.mark.parametrize("occlusion", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("preset", ["none", "light", "heavy"])
def test_the_presets_draw_what_they_always_drew(preset: str, occlusion: float) -> None:
    """The chain as the first fits had it, with the library's own objects: configs and run folders of then are still true."""
    blurs = [A.GaussianBlur(blur_limit=(3, 5)), A.MotionBlur(blur_limit=(3, 7)), A.Downscale(scale_range=(0.4, 0.8))]
    then = {
        "none": [],
        "light": [A.RandomBrightnessContrast(0.2, 0.2, p=0.8)],
        "heavy": [
            A.RandomBrightnessContrast(0.3, 0.3, p=0.8),
            A.RandomGamma((70, 145), p=0.5),
            A.HueSaturationValue(12, 35, 0, p=0.5),
            A.RGBShift(18, 18, 18, p=0.3),
            A.OneOf(blurs, p=0.2),
            A.GaussNoise(std_range=(0.01, 0.06), noise_scale_factor=0.5, p=0.25),
            A.ImageCompression(quality_range=(40, 90), p=0.2),
        ],
    }[preset]
    hide = A.CoarseDropout((1, 3), (0.1, 0.3), (0.1, 0.3), fill="random_uniform", p=occlusion)
    chain = A.Compose([*then, hide] if occlusion else then)
    now = Photometric(AugmentConfig(photometric=preset, occlusion=occlusion))
    for k in range(20):
        draw = np.random.default_rng((1, k))
        chain.set_random_state(draw, random.Random(int(draw.integers(2**63))))
        np.testing.assert_array_equal(now(PICTURE, generator(1, k), PLANE), chain(image=PICTURE)["image"])


@pytest.mark.parametrize("piece", [*SEA, *AIR, *CAMERA])
def test_a_piece_happens_as_often_as_its_chance_says(piece: str) -> None:
    chain = Photometric(AugmentConfig(photometric="none", pca_spread=5.0, **{piece: 0.5}))
    changed = [(chain(PICTURE, generator(2, k), PLANE) != PICTURE).any() for k in range(100)]
    assert 0.3 < np.mean(changed) < 0.65  # 4 sigma; now and then a draw changes no pixel


def test_one_piece_more_leaves_the_draws_of_the_others() -> None:
    """Where the glitter is not drawn, a chain with it and one without make the same picture."""
    few, more = (Photometric(AugmentConfig(photometric="light", wash=0.5, haze=0.5, glint=glint)) for glint in (0.0, 0.5))
    pairs = [[chain(PICTURE, generator(6, k), PLANE) for chain in (few, more)] for k in range(40)]
    alike = np.mean([np.array_equal(*pair) for pair in pairs])
    assert 0.25 < alike < 0.75


def test_what_lies_in_the_passport_plane_wants_to_know_where_that_is() -> None:
    with pytest.raises(ValueError, match="wash is drawn in the passport plane"):
        Photometric(AugmentConfig(photometric="none", wash=1.0))(PICTURE, generator(0))


@pytest.mark.parametrize("config", [EVERYTHING, HEAVY, AugmentConfig(photometric="light", occlusion=0.5, wash=0.5, glint=0.5)])
def test_many_pictures_are_changed_as_each_alone(config: AugmentConfig) -> None:
    pictures = [np.roll(PICTURE, k, 0) for k in range(12)]
    planes = [PlaneView(width=64, height=64, centre=(0.01 * k, 0)).matrix() for k in range(12)]
    alone = [Photometric(config)(pictures[k], generator(3, k), planes[k]) for k in range(12)]
    before = np.array(pictures)
    together = Photometric(config).many(pictures, [generator(3, k) for k in range(12)], planes)
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(pictures, before)
    assert (np.array(together) != before).any()
    assert Photometric(config).many([], [], []) == []
