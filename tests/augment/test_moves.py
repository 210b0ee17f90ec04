"""How a passport moves: within its bounds, each draw its own, the points where the jitter puts them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.augment import GeometryConfig, draw_geometry, generator, numbers
from whichwhale.augment.moves import POINTS
from whichwhale.geometry import (
    apply,
    compose,
    identity,
    mirrors,
    rotation,
    scaling,
    similarity_from_points,
    tilting,
    translation,
)
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT

CENTRE = (-0.1, 0.0)
STILL = GeometryConfig(rotation=0, zoom=0, stretch=0, shift=0, mirror=0)
number = st.integers(0, 2**32 - 1)
key = st.tuples(number, number, number)


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
        rows.append([turn, np.log(wide * high) / 2 / np.log(1.2), np.log(wide / high) / np.log(1.1), dx / 0.05, dy / 0.05, sign])
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


def test_the_points_are_the_passports() -> None:
    np.testing.assert_array_equal(POINTS, [FIRST_POINT, SECOND_POINT])


@pytest.mark.parametrize("extra", [{}, {"jitter": 0.03, "perspective": 0.1}])
def test_the_draws_are_those_of_the_first_fits(extra: dict) -> None:
    """Without the new changes, and before the new ones with them: by the formula that the first fits had."""
    config = GeometryConfig(rotation=15, zoom=0.2, stretch=0.12, shift=0.08)
    for k in range(20):
        draw = np.random.default_rng((3, 1, k))
        turn, grow, stretch, dx, dy = draw.uniform(-1, 1, 5)
        mirrored = draw.random() < 0.5
        size, wide = 1.2**grow, 1.12 ** (stretch / 2)
        then = compose(
            scaling(1.0, -1.0 if mirrored else 1.0),
            rotation(np.deg2rad(15) * turn, CENTRE),
            scaling(size * wide, size / wide, CENTRE),
            translation(0.08 * dx, 0.08 * dy),
        )
        ours = generator(3, 1, k)
        now = draw_geometry(config.model_copy(update=extra), ours, CENTRE)
        if not extra:
            np.testing.assert_allclose(now, then, rtol=0, atol=2e-15)
        else:
            assert now.shape == (3, 3) and mirrors(now) == mirrored
        assert ours.random() == draw.random()  # the chain after it goes on from the same place


@given(key, st.floats(0.001, 0.1))
def test_jitter_is_a_similarity_that_moves_each_point_by_its_own_draw(k: tuple, jitter: float) -> None:
    matrix = draw_geometry(STILL.model_copy(update={"jitter": jitter}), generator(*k), CENTRE)
    own = numbers(generator(*k), "jitter")
    draws = np.reshape([own.normal(jitter) for _ in range(4)], (2, 2))
    np.testing.assert_allclose(apply(matrix, POINTS), POINTS + draws, atol=1e-12)
    (a, b), (c, d) = matrix[:, :2]
    assert (a, b) == pytest.approx((d, -c), abs=1e-12)  # no shear, no stretch, no mirror


def test_jitter_has_the_standard_deviation_that_it_says() -> None:
    config = STILL.model_copy(update={"jitter": 0.05})
    moved = np.array([apply(draw_geometry(config, generator(1, k), CENTRE), POINTS) - POINTS for k in range(1000)])
    np.testing.assert_allclose(moved.mean(0), 0, atol=0.007)  # 4 sigma
    np.testing.assert_allclose(moved.std(0), 0.05, atol=0.005)
    assert abs(np.corrcoef(moved.reshape(1000, 4).T) - np.eye(4)).max() < 0.13


@given(key, st.floats(0.01, 0.1), st.floats(0.01, 0.3), st.floats(0, 1))
def test_the_product_is_that_of_the_transforms(k: tuple, jitter: float, perspective: float, odds: float) -> None:
    """Written out or composed of the geometry's own, one after another."""
    config = GeometryConfig(rotation=40, zoom=0.3, stretch=0.2, shift=0.1, mirror=odds, jitter=jitter, perspective=perspective)
    draw = np.random.default_rng(k)
    turn, grow, stretch, dx, dy = draw.uniform(-1, 1, 5)
    size, wide = 1.3**grow, 1.2 ** (stretch / 2)
    own, lean = numbers(generator(*k), "jitter"), numbers(generator(*k), "perspective")
    expected = compose(
        similarity_from_points(POINTS, POINTS + np.reshape([own.normal(jitter) for _ in range(4)], (2, 2))),
        scaling(1.0, -1.0 if draw.random() < odds else 1.0),
        rotation(np.deg2rad(40) * turn, CENTRE),
        scaling(size * wide, size / wide, CENTRE),
        translation(0.1 * dx, 0.1 * dy),
        tilting(lean.uniform(-perspective, perspective), lean.uniform(-perspective, perspective), about=CENTRE),
    )
    np.testing.assert_allclose(draw_geometry(config, generator(*k), CENTRE), expected, atol=1e-14)


@given(key, st.floats(0.001, 0.3))
def test_perspective_changes_sizes_by_no_more_than_it_says_and_keeps_the_centre(k: tuple, perspective: float) -> None:
    matrix = draw_geometry(STILL.model_copy(update={"perspective": perspective}), generator(*k), CENTRE)
    np.testing.assert_allclose(apply(matrix, CENTRE), CENTRE, atol=1e-12)
    for away in np.array([[1.0, 0], [0, 1.0], [-1.0, 0], [0, -1.0]]):
        reached = (apply(matrix, CENTRE + away) - CENTRE) @ away
        assert 1 / (1 + perspective) - 1e-9 <= reached <= 1 / (1 - perspective) + 1e-9
    # Straight lines stay straight: the middle of three points on a line lies on the line through the others.
    one, two, three = apply(matrix, [[-0.5, 0.2], [0.0, 0.1], [0.5, 0.0]])
    assert np.cross(np.append(two - one, 0), np.append(three - one, 0))[2] == pytest.approx(0, abs=1e-12)


@given(key)
def test_a_new_change_leaves_the_draws_of_the_others(k: tuple) -> None:
    """Jitter's are the same with and without perspective, and with and without all the old ones."""
    jitter = STILL.model_copy(update={"jitter": 0.05})
    both = jitter.model_copy(update={"perspective": 1e-12})
    alone, leant = (draw_geometry(config, generator(*k), CENTRE) for config in (jitter, both))
    np.testing.assert_allclose(leant[:2], alone, atol=1e-9)
