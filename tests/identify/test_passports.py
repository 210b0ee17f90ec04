"""Training passports and views: one warp from the store, in the plane where heads are not squashed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from whichwhale.augment import AugmentConfig, GeometryConfig, MixConfig, draw_geometry, generator
from whichwhale.augment.mixing import draw_mix
from whichwhale.fit.batches import Items, Shuffled, load
from whichwhale.geometry import apply, compose, identity, rotation, scaling, translation
from whichwhale.identify.config import ViewsConfig
from whichwhale.identify.passports import TrainingPassports, prediction_views, view_passport
from whichwhale.passport.plane import PlaneView
from whichwhale.passport.store import MATRIX, Store, write_store

SQUASHED = PlaneView(width=120, height=120, centre=(0.0, 0.0), field=(2.0, 1.0))
FAIR = PlaneView(width=120, height=60, centre=(0.0, 0.0), field=(2.0, 1.0))


def make_store(folder: Path, picture: np.ndarray) -> Store:
    row = {"item": "w_1.jpg#0", "sampling": 1.0, "sd": np.nan, "outside": 0.0, "status": "ok"} | dict.fromkeys(MATRIX, 0.0)
    made = iter([(picture, row)])
    plane_to_store = SQUASHED.matrix()
    return write_store(folder, key="k", kind="given", plane_to_store=plane_to_store, size=(120, 120), count=1, passports=made)


@pytest.fixture
def noise(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store", np.random.default_rng(0).integers(0, 255, (120, 120, 3), dtype=np.uint8))


def test_the_plain_view_of_the_same_rectangle_is_the_stored_picture(noise: Store) -> None:
    np.testing.assert_array_equal(view_passport(noise, 0, SQUASHED, identity()), noise.images[0])


def test_a_turned_head_keeps_its_shape(tmp_path: Path) -> None:
    """A quarter turn of a point pair in a squashed store keeps its length in d, which a turn of the square would double."""
    picture = np.zeros((120, 120, 3), np.uint8)
    ends = np.array([[-0.3, 0.0], [0.3, 0.0]])
    for x, y in np.rint(apply(SQUASHED.matrix(), ends)).astype(int):
        cv2.ellipse(picture, (int(x), int(y)), (3, 6), 0, 0, 360, (255, 255, 255), -1)
    turned = view_passport(make_store(tmp_path / "store", picture), 0, FAIR, rotation(np.pi / 2, FAIR.centre))
    rows = np.nonzero(turned[..., 0].max(axis=1) > 100)[0]
    assert rows.max() - rows.min() - 6 == pytest.approx(0.6 * 60, abs=2)  # 60 px a d, the dots are 6 px


def test_mirror_views_flip_the_picture_upside_down(noise: Store) -> None:
    plain, mirrored = prediction_views(ViewsConfig(mirror=True), SQUASHED)
    flipped = view_passport(noise, 0, SQUASHED, mirrored)
    np.testing.assert_array_equal(flipped, view_passport(noise, 0, SQUASHED, plain)[::-1])


def test_prediction_views_are_counted_and_the_first_is_plain() -> None:
    views = prediction_views(ViewsConfig(mirror=True, shifts=[(0, 0), (0.1, 0)], zooms=[1.0, 1.1, 0.9], rotations=[0, 8]), FAIR)
    assert len(views) == 24
    np.testing.assert_allclose(views[0], identity(), atol=1e-12)


def test_draws_are_keyed_by_seed_epoch_and_row_alone(noise: Store) -> None:
    def make(seed: int, epoch: int, labels: int) -> np.ndarray:
        passports = TrainingPassports(noise, np.array([0]), {"whale": np.array([labels])}, FAIR, AugmentConfig(), seed)
        passports.set_epoch(epoch)
        return passports(0)["image"]

    np.testing.assert_array_equal(make(1, 2, 0), make(1, 2, 5))
    assert (make(1, 2, 0) != make(1, 3, 0)).any() and (make(1, 2, 0) != make(2, 2, 0)).any()


def test_a_repeat_in_an_epoch_is_drawn_anew_and_keyed_like_the_first(noise: Store) -> None:
    def make(number: int, epoch: int = 2) -> dict:
        passports = TrainingPassports(noise, np.array([0]), {"whale": np.array([7])}, FAIR, AugmentConfig(), 1)
        passports.set_epoch(epoch)
        return passports(number)

    pictures = [make(number)["image"] for number in range(4)]  # the only item, and its repeats
    assert all((one != other).any() for k, one in enumerate(pictures) for other in pictures[:k])
    np.testing.assert_array_equal(make(2)["image"], pictures[2])
    assert (make(2, epoch=3)["image"] != pictures[2]).any() and make(2)["whale"] == 7


def test_without_augmentation_the_training_passport_is_the_plain_view(noise: Store) -> None:
    still = AugmentConfig(geometry=GeometryConfig(rotation=0, zoom=0, stretch=0, shift=0, mirror=0), photometric="none")
    passports = TrainingPassports(noise, np.array([0]), {"whale": np.array([3])}, SQUASHED, still, seed=0)
    made = passports(0)
    assert made["whale"] == 3
    np.testing.assert_array_equal(made["image"], noise.images[0])


@pytest.mark.parametrize(("chance", "mirrored"), [(0.0, False), (1.0, True)])
def test_a_training_passport_says_whether_it_is_a_mirror_image(noise: Store, chance: float, mirrored: bool) -> None:
    still = AugmentConfig(geometry=GeometryConfig(rotation=0, zoom=0, stretch=0, shift=0, mirror=chance), photometric="none")
    made = TrainingPassports(noise, np.array([0]), {}, SQUASHED, still, seed=0)(0)
    assert made["mirrored"] == mirrored
    np.testing.assert_array_equal(made["image"], noise.images[0][::-1] if mirrored else noise.images[0])


def test_views_without_rotations_are_what_they_always_were() -> None:
    """Bit for bit, by the formula that the first predictions were made with."""
    config = ViewsConfig(mirror=True, shifts=[(0, 0), (0.03, 0.02)], zooms=[1.0, 1.1])
    then = [
        compose(mirror, scaling(zoom, zoom, (-0.1, 0.0)), translation(*shift))
        for zoom in (1.0, 1.1)
        for shift in ((0, 0), (0.03, 0.02))
        for mirror in (identity(), scaling(1.0, -1.0))
    ]
    np.testing.assert_array_equal(prediction_views(config, PlaneView()), then)


def test_a_rotated_view_turns_about_the_middle_of_the_view() -> None:
    views = prediction_views(ViewsConfig(mirror=False, rotations=[0, 90]), PlaneView(centre=(-0.1, 0.0)))
    np.testing.assert_allclose(apply(views[1], [[-0.1, 0.0], [0.4, 0.0]]), [[-0.1, 0.0], [-0.1, 0.5]], atol=1e-12)


def make_many(folder: Path) -> Store:
    pictures = np.random.default_rng(1).integers(0, 255, (6, 120, 120, 3), dtype=np.uint8)
    about = {"sampling": 1.0, "sd": np.nan, "outside": 0.0, "status": "ok"} | dict.fromkeys(MATRIX, 0.0)
    made = ((picture, {"item": f"w_{n}.jpg#0"} | about) for n, picture in enumerate(pictures))
    return write_store(folder, key="k", kind="given", plane_to_store=SQUASHED.matrix(), size=(120, 120), count=6, passports=made)


EVERYTHING = AugmentConfig(
    geometry=GeometryConfig(jitter=0.03, perspective=0.15),
    photometric="light",
    occlusion=0.3,
    mix=MixConfig(mixup=0.4, cutmix=1.0, chance=0.8),
    **dict.fromkeys(["waterline", "wash", "glint", "spray", "haze", "pca", "colour", "blur", "noise", "jpeg"], 0.3),
)


def test_jitter_and_perspective_are_part_of_the_one_warp(noise: Store) -> None:
    geometry = GeometryConfig(jitter=0.03, perspective=0.15)
    made = TrainingPassports(noise, np.array([0]), {}, FAIR, AugmentConfig(geometry=geometry, photometric="none"), seed=4)(0)
    move = draw_geometry(geometry, generator(4, 0, 0), FAIR.centre)
    assert move.shape == (3, 3)
    np.testing.assert_array_equal(made["image"], view_passport(noise, 0, FAIR, move))


@pytest.mark.parametrize("threads", [1, 4])
def test_a_resumed_epoch_makes_the_same_batches_with_any_number_of_threads(tmp_path: Path, threads: int) -> None:
    """Pictures and what they take of their partners, of the batches that are left and of the epoch after."""
    store = make_many(tmp_path / "store")

    def passports() -> TrainingPassports:
        return TrainingPassports(store, np.arange(6), {"whale": np.arange(6)}, FAIR, EVERYTHING, seed=2, mixed_epochs=2)

    whole, resumed, sampler = passports(), passports(), Shuffled(6, 2, seed=2)
    one, several = Items(6, whole, threads=1), Items(6, resumed, threads=threads)
    for epoch, done in [(0, 2), (1, 0)]:
        whole.set_epoch(epoch)
        resumed.set_epoch(epoch)
        batches = sampler.batches(epoch)
        pairs = zip(list(load(one, batches, "cpu"))[done:], load(several, batches[done:], "cpu"), strict=True)
        for ours, theirs in pairs:
            assert ours.keys() == theirs.keys() >= {"image", "mirrored", "mix", "whale"}
            for key in ours:
                np.testing.assert_array_equal(ours[key].numpy(), theirs[key].numpy())


def test_the_last_epochs_are_not_mixed_and_their_pictures_are_as_they_would_be(noise: Store) -> None:
    mixes = TrainingPassports(noise, np.array([0]), {}, FAIR, EVERYTHING, seed=0, mixed_epochs=0.85 * 2)
    never = TrainingPassports(noise, np.array([0]), {}, FAIR, EVERYTHING.model_copy(update={"mix": MixConfig()}), seed=0)
    for epoch, mixed in enumerate([True, True, False]):
        mixes.set_epoch(epoch)
        never.set_epoch(epoch)
        item = mixes(0)
        assert ("mix" in item) == mixed
        np.testing.assert_array_equal(item["image"], never(0)["image"])
        if mixed:
            np.testing.assert_array_equal(item["mix"], draw_mix(EVERYTHING.mix, generator(0, epoch, 0), FAIR.size))


def test_many_items_are_made_as_each_alone(tmp_path: Path) -> None:
    """Repeats and their draws too."""
    store, labels = make_many(tmp_path / "store"), {"whale": np.arange(6) + 10}
    passports = TrainingPassports(store, np.array([3, 0, 5, 1, 2, 4]), labels, FAIR, EVERYTHING, seed=2, mixed_epochs=2)
    passports.set_epoch(1)
    numbers = [4, 0, 11, 5, 4, 17]
    for item, number in zip(passports.many(numbers), numbers, strict=True):
        alone = passports(number)
        assert item.keys() == alone.keys() >= {"image", "mirrored", "mix", "whale"} and item["whale"] == 10 + number % 6
        for key in item:
            np.testing.assert_array_equal(item[key], alone[key])
