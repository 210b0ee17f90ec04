"""Views of pictures: where the middle goes, and what a move does to points."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.geometry import apply, identity, mirrors, scale_of
from whichwhale.pictures.store import Pictures
from whichwhale.pictures.views import moved_about_middle, to_view, view_picture

SIZE = (9, 5)
MIDDLE = np.array([4.0, 2.0])


def test_a_view_shows_the_middle_of_a_picture_and_black_beyond_it() -> None:
    images = np.full((1, 5, 5, 3), 200, np.uint8)
    images[0, 2, 2] = 50
    pictures = Pictures(Path("nowhere"), "", images, pd.DataFrame({"Image": ["a.jpg"]}), np.eye(2, 3)[None])
    seen = view_picture(pictures, 0, to_view(pictures, SIZE), SIZE)
    assert seen.shape == (5, 9, 3) and seen[2, 4].tolist() == [50, 50, 50]
    assert (seen[:, :2] == 0).all() and (seen[:, 7:] == 0).all() and (seen[0, 2:7] == 200).all()


def test_without_change_a_move_is_the_identity() -> None:
    assert moved_about_middle(SIZE, False, 0.0, 1.0, (0.0, 0.0)) == pytest.approx(identity())


def test_mirror_turn_and_size_come_before_the_shift() -> None:
    move = moved_about_middle(SIZE, True, np.pi / 2, 2.0, (1.0, 0.5))
    # One to the right of the middle: mirrored it lies one to the left, a quarter turn takes left to up, twice as far, shifted.
    assert apply(move, MIDDLE + [1, 0]) == pytest.approx(MIDDLE + [0, -2] + [1, 0.5])


@given(st.booleans(), st.floats(-3.2, 3.2), st.floats(0.5, 2), st.floats(-5, 5), st.floats(-5, 5))
def test_the_middle_is_shifted_and_all_else_keeps_its_shape(
    mirrored: bool, angle: float, factor: float, dx: float, dy: float
) -> None:
    move = moved_about_middle(SIZE, mirrored, angle, factor, (dx, dy))
    assert apply(move, MIDDLE) == pytest.approx(MIDDLE + [dx, dy], abs=1e-9)
    assert mirrors(move) == mirrored and scale_of(move) == pytest.approx(factor)
