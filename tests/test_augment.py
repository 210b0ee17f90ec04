"""Augmentation: every draw belongs to its key, stays in its bounds, and no thread or global state changes it."""

import random
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.augment import AugmentConfig, GeometryConfig, Photometric, draw_geometry, generator
from whichwhale.geometry import apply, identity, rotation

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), (0, 0), 2)
HEAVY = AugmentConfig(photometric="heavy", occlusion=0.5)
CENTRE = (-0.1, 0.0)
STILL = GeometryConfig(rotation=0, zoom=0, stretch=0, shift=0, mirror=0)
number = st.integers(0, 2**32 - 1)
key = st.tuples(number, number, number)


@pytest.fixture(scope="module")
def heavy() -> Photometric:
    return Photometric(HEAVY)


@given(key, key)
def test_a_stream_belongs_to_its_key(one: tuple, other: tuple) -> None:
    first, again, second = (generator(*k).integers(2**62, size=4).tolist() for k in (one, one, other))
    assert first == again
    assert (first == second) == (one == other)


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
    streams = {id(transform.random_generator) for transform in chain._chain.transforms}
    assert len(streams) == 1  # one generator, which each transform takes further
    draws = []
    for k in range(400):
        chain._chain.set_random_state(generator(7, k), random.Random(k))
        draws.append([transform.py_random.random() for transform in chain._chain.transforms[:3]])
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


def test_threads_change_nothing() -> None:
    def make(k: int) -> np.ndarray:
        return Photometric(HEAVY)(PICTURE, generator(4, k))

    with ThreadPoolExecutor(4) as pool:
        np.testing.assert_array_equal(list(pool.map(make, range(24))), [make(k) for k in range(24)])


@given(key)
def test_a_still_geometry_is_the_identity(k: tuple) -> None:
    np.testing.assert_allclose(draw_geometry(STILL, generator(*k), CENTRE), identity(), atol=1e-15)


@given(key, st.floats(0, 180), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(0, 1))
def test_geometry_stays_within_its_bounds(k: tuple, turn: float, zoom: float, stretch: float, shift: float, odds: float) -> None:
    config = GeometryConfig(rotation=turn, zoom=zoom, stretch=stretch, shift=shift, mirror=odds)
    matrix = draw_geometry(config, generator(*k), CENTRE)
    linear = matrix[:, :2]
    mirrored = np.linalg.det(linear) < 0
    assert not (mirrored and odds == 0) and not (not mirrored and odds == 1)
    size = np.sqrt(abs(np.linalg.det(linear)))
    assert 1 / (1 + zoom) - 1e-12 <= size <= 1 + zoom + 1e-12
    # linear = stretch @ rotation @ flip, so that its rows are orthogonal: their lengths are width's and height's scale.
    assert linear[0] @ linear[1] == pytest.approx(0, abs=1e-9)
    wide, high = np.hypot(*linear[0]), np.hypot(*linear[1])
    assert 1 / (1 + stretch) - 1e-9 <= wide / high <= 1 + stretch + 1e-9
    angle = np.arctan2(linear[1, 0] / high, linear[0, 0] / wide)
    assert abs(angle) <= np.deg2rad(turn) + 1e-9
    # The centre, mirrored in the line through the two points (on which it lies here), moves by the shift alone.
    moved = apply(matrix, CENTRE) - CENTRE
    assert np.abs(moved).max() <= shift + 1e-9


def test_geometry_fills_its_bounds_evenly_and_each_draw_is_its_own() -> None:
    config = GeometryConfig(rotation=10, zoom=0.2, stretch=0.1, shift=0.05, mirror=0.5)
    rows = []
    for k in range(2000):
        matrix = draw_geometry(config, generator(0, k), CENTRE)
        wide, high = np.hypot(*matrix[0, :2]), np.hypot(*matrix[1, :2])
        dx, dy = apply(matrix, CENTRE) - CENTRE
        turn = np.arctan2(matrix[1, 0] / high, matrix[0, 0] / wide) / np.deg2rad(10)
        sign = np.sign(np.linalg.det(matrix[:, :2]))
        rows.append(
            [turn, np.log(wide * high) / 2 / np.log(1.2), np.log(wide / high) / np.log(1.1), dx / 0.05, dy / 0.05, sign]
        )
    rows = np.array(rows)
    np.testing.assert_allclose(rows.mean(0), 0, atol=0.08)  # sd of a mean 0.013, of the sign's 0.022
    np.testing.assert_allclose(rows[:, :5].std(0), 1 / np.sqrt(3), atol=0.03)  # uniform on -1..1
    assert (np.abs(rows[:, :5]).max(0) > 0.98).all()
    assert np.abs(np.corrcoef(rows.T) - np.eye(6)).max() < 0.1


def test_a_draw_does_not_depend_on_other_settings() -> None:
    """Switching one change off leaves the others as they were: the same numbers are drawn."""
    config = GeometryConfig(rotation=30, zoom=0.5, stretch=0.3, shift=0.1, mirror=0.5)
    alone = STILL.model_copy(update={"rotation": 30.0})
    for k in range(20):
        full, turned = (draw_geometry(c, generator(k), CENTRE)[:, :2] for c in (config, alone))
        angle = np.arctan2(full[1, 0] / np.hypot(*full[1]), full[0, 0] / np.hypot(*full[0]))
        np.testing.assert_allclose(turned, rotation(angle)[:, :2], atol=1e-12)
