"""Views of the passport plane: which way an animal lies in them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from whichwhale.geometry import apply, compose, invert, scaling, warp
from whichwhale.passport.config import PassportConfig
from whichwhale.passport.plane import FIRST_POINT, SECOND_POINT, PlaneView

sides = st.integers(8, 200)
fields = st.tuples(st.floats(0.5, 3), st.floats(0.5, 3))
centres = st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))


@given(sides, sides, centres, fields, st.booleans())
def test_centre_and_field_are_where_a_view_says(width, height, centre, field, upright) -> None:
    view = PlaneView(width=width, height=height, centre=centre, field=field, upright=upright)
    middle = np.array([width - 1, height - 1]) / 2
    assert_allclose(apply(view.matrix(), centre), middle, atol=1e-9)
    corner = apply(view.matrix(), np.array(centre) + ([field[1] / 2, -field[0] / 2] if upright else np.array(field) / -2))
    assert_allclose(corner, [-0.5, -0.5], atol=1e-9)  # the top left corner of the top left pixel
    assert np.linalg.det(view.matrix()[:, :2]) > 0  # never a mirror image


def test_an_upright_animal_has_its_first_point_above_the_second() -> None:
    view = PlaneView(width=90, height=110, centre=(0, 0), field=(0.9, 1.1), upright=True)
    assert_allclose(apply(view.matrix(), [FIRST_POINT, SECOND_POINT]), [[44.5, 4.5], [44.5, 104.5]])
    assert PassportConfig(view=view).store_view().upright


@pytest.mark.parametrize(("upright", "axis"), [(True, 1), (False, 0)], ids=["left for right", "top for bottom"])
def test_the_mirror_image_of_the_plane_suits_how_the_animal_lies(upright: bool, axis: int) -> None:
    view = PlaneView(width=6, height=8, centre=(0, 0), field=(0.6, 0.8), upright=upright)
    picture = np.random.default_rng(0).integers(0, 256, (8, 6, 3), np.uint8)
    mirrored = warp(picture, compose(invert(view.matrix()), scaling(1.0, -1.0), view.matrix()), view.size)
    np.testing.assert_array_equal(mirrored, np.flip(picture, axis))


def test_a_level_view_is_written_as_ever() -> None:
    """Stores are keyed by it."""
    level, upright = PlaneView(), PlaneView(upright=True)
    assert set(level.model_dump(mode="json")) == {"width", "height", "centre", "field"}
    assert PlaneView.model_validate(level.model_dump()) == level
    assert PlaneView.model_validate_json(upright.model_dump_json()) == upright != level
