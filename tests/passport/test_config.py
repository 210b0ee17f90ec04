"""Geometry of passports: points land at their fixed places whatever the photo, nothing is sheared, and the way back is exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from whichwhale.config import ConfigError, load
from whichwhale.geometry import apply, compose, invert, rotation, scale_of, scaling, translation
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT, PlaneView

angles = st.floats(-np.pi, np.pi)
places = st.tuples(st.floats(0, 7000), st.floats(0, 4700))
distances = st.floats(8, 3000)  # px of the photo
configs = st.builds(
    lambda width, height, centre, field, margin, over: PassportConfig(
        view=PlaneView(width=width, height=height, centre=centre, field=field), margin=margin, oversampling=over
    ),
    st.integers(16, 256),
    st.integers(16, 256),
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    st.tuples(st.floats(1, 3), st.floats(1, 3)),
    st.floats(1, 2),
    st.floats(0.5, 2),
)


def head(angle: float, place: tuple[float, float], distance: float) -> np.ndarray:
    """Two points `distance` px apart."""
    return np.array([place, place + distance * np.array([np.cos(angle), np.sin(angle)])])


@given(configs, angles, places, distances)
def test_points_land_at_their_places_and_the_way_back_is_exact(config, angle, place, distance) -> None:
    points = head(angle, place, distance)
    matrix = config.alignment(points)
    fixed = apply(config.store_view().matrix(), [FIRST_POINT, SECOND_POINT])
    assert_allclose(apply(matrix, points), fixed, atol=1e-6)
    assert fixed[0, 0] > fixed[1, 0] and fixed[0, 1] == fixed[1, 1]  # level, first point at the right
    assert_allclose(apply(invert(matrix), apply(matrix, points)), points, atol=1e-9 * max(1, np.abs(points).max()))
    assert_allclose(compose(matrix, invert(matrix))[:, :2], np.eye(2), atol=1e-9)


@given(angles, places, distances)
def test_no_shear_no_stretch_no_mirror(angle, place, distance) -> None:
    linear = PassportConfig().alignment(head(angle, place, distance))[:, :2]
    scale = scale_of(np.column_stack([linear, [0, 0]]))
    assert_allclose(linear.T @ linear, scale**2 * np.eye(2), atol=1e-9 * scale**2)
    assert np.linalg.det(linear) > 0
    assert scale == pytest.approx(80 * 1.5 / distance)  # 80 px per d, 1.5 times finer


@given(angles, places, distances, angles, st.floats(0.1, 10), places, st.booleans())
def test_turned_scaled_shifted_or_mirrored_the_photo_gives_the_same_passport(angle, place, distance, turn, zoom, shift, mirror):
    """Another photo of the same scene shows the same scene points at the same pixels, or at those mirrored in the axis."""
    points = head(angle, place, distance)
    other = compose(scaling(-1.0 if mirror else 1.0, 1.0), rotation(turn), scaling(zoom), translation(*shift))
    config = PassportConfig()
    scene = points.mean(0) + distance * np.array([[0.3, 0.4], [-1, 0.2], [0, 0]])
    there = apply(config.alignment(apply(other, points)), apply(other, scene))
    axis = apply(config.store_view().matrix(), FIRST_POINT)[1]
    if mirror:
        there[:, 1] = 2 * axis - there[:, 1]
    assert_allclose(there, apply(config.alignment(points), scene), atol=1e-6)


def test_the_store_has_margin_and_oversampling_in_square_pixels() -> None:
    assert PassportConfig().store_view().size == (384, 192)  # 1.6 x 1.5 x (160, 80)
    squashed = PassportConfig(view=PlaneView(width=160, height=160)).store_view()  # 80 x 160 px per d
    assert squashed.size == (768, 384)
    assert squashed.field == pytest.approx((3.2, 1.6)) and squashed.centre == (-0.1, 0.0)


@given(configs)
def test_the_store_covers_the_margin_about_the_same_centre(config) -> None:
    store = config.store_view()
    for side in (0, 1):
        px = store.size[side] / store.field[side]
        assert px == pytest.approx(
            config.oversampling * max(config.view.width / config.view.field[0], config.view.height / config.view.field[1])
        )
        assert -1e-6 <= store.field[side] - config.margin * config.view.field[side] <= 1 / px + 1e-6  # up to a whole pixel
    assert_allclose(apply(store.matrix(), config.view.centre), (np.array(store.size) - 1) / 2, atol=1e-6)


def test_points_that_coincide_or_have_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        PassportConfig().alignment([[5, 5], [5, 5]])
    with pytest.raises(ConfigError, match="first and second are both 'fin'"):
        load(PassportConfig, None, ["first=fin", "second=fin"])
