import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.survey import anatomy


@given(st.floats(-4, 1.0))
def test_way_inverts_along(x):
    assert abs(float(anatomy.along(np.array(anatomy.way(x)))) - x) < 1e-12


def test_bonnet_tip_and_blowhole_are_about_one_d_apart():
    bonnet, blowhole = anatomy.landmarks()
    assert bonnet[1] == blowhole[1] == 0
    assert bonnet[0] - blowhole[0] == 1
    assert abs(np.linalg.norm(bonnet - blowhole) - 1) < 0.03


def test_both_sides_are_alike():
    s = np.linspace(0, anatomy.TRUNK_END, 90)[:, None]
    theta = np.linspace(-anatomy.THETA_LIMIT, anatomy.THETA_LIMIT, 61)[None]
    x, y, z = anatomy.trunk(s, theta)
    assert np.allclose(z, z[:, ::-1]) and np.allclose(y, -y[:, ::-1]) and np.allclose(x, x[:, ::-1])


def test_proportions():
    s = np.linspace(0, anatomy.TRUNK_END, 400)[:, None]
    x, y, _ = anatomy.trunk(s, np.linspace(-2, 2, 81)[None])
    flukes = anatomy.fluke(9, 41)
    length = x.max() - flukes[0].min()
    assert 5.0 < length < 6.0
    assert 1.2 < y.max() - y.min() < 1.4
    assert 1.4 < np.ptp(flukes[1]) < 1.8


def test_the_rostrum_stands_above_the_cleft_beside_it():
    s = np.array([[anatomy.way(0.5)]])
    half = anatomy.half_width(s)
    beside = float(np.arcsin((anatomy.rostrum_half_width(np.array(0.5)) + 0.05) / half[0, 0]))
    _, _, z = anatomy.trunk(s, np.array([[0.0, beside, 0.80]]))
    assert z[0, 0] > z[0, 2] > z[0, 1]  # rostrum, lip, cleft


def test_a_flipper_is_on_its_side():
    left, right = (anatomy.flipper(5, 9, side, 0.4, 0.3) for side in (-1, 1))
    assert (left[1] < 0).all() and np.allclose(left[1], -right[1]) and np.allclose(left[2], right[2])
