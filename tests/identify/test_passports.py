"""Training passports and views: one warp from the store, in the plane where heads are not squashed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from whichwhale.augment import AugmentConfig, GeometryConfig
from whichwhale.geometry import apply, identity, rotation
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


def prediction_views_are_counted_and_the_first_is_plain() -> None:
    views = prediction_views(ViewsConfig(mirror=True, shifts=[(0, 0), (0.1, 0)], zooms=[1.0, 1.1, 0.9]), FAIR)
    assert len(views) == 12
    np.testing.assert_allclose(views[0], identity(), atol=1e-12)


def test_draws_are_keyed_by_seed_epoch_and_row_alone(noise: Store) -> None:
    def make(seed: int, epoch: int, labels: int) -> np.ndarray:
        passports = TrainingPassports(noise, np.array([0]), {"whale": np.array([labels])}, FAIR, AugmentConfig(), seed)
        passports.set_epoch(epoch)
        return passports(0)["image"]

    np.testing.assert_array_equal(make(1, 2, 0), make(1, 2, 5))
    assert (make(1, 2, 0) != make(1, 3, 0)).any() and (make(1, 2, 0) != make(2, 2, 0)).any()


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
