import numpy as np

from whichwhale.survey.splat import splat


def _draw(points, size=(9, 9), slack=0.1):
    x, y, near, value = (np.array(column, np.float32) for column in zip(*points, strict=True))
    return splat(x, y, near, value[:, None], size, slack)


def test_the_nearer_point_hides_the_farther_whatever_their_order():
    for points in ([(4, 4, 1.0, 10.0), (4, 4, 2.0, 20.0)], [(4, 4, 2.0, 20.0), (4, 4, 1.0, 10.0)]):
        (channel,), _ = _draw(points)
        assert np.isclose(channel[4, 4], 20, rtol=1e-5)


def test_points_of_one_surface_are_averaged():
    (channel,), _ = _draw([(4.2, 3.9, 1.0, 10.0), (3.8, 4.1, 1.05, 30.0)])
    assert np.isclose(channel[4, 4], 20, rtol=1e-5)


def test_cover_is_full_inside_and_nothing_far_away_and_points_outside_are_dropped():
    square = [(x, y, 0.0, 7.0) for x in range(2, 12) for y in range(2, 12)] + [(-5.0, 3.0, 0.0, 99.0), (40.0, 40.0, 0.0, 99.0)]
    (channel,), cover = _draw(square, size=(30, 20))
    assert cover[6, 6] == 1 and cover[15, 25] == 0
    assert np.allclose(channel[3:11, 3:11], 7)


def test_a_hole_of_one_pixel_is_closed():
    (channel,), cover = _draw([(x, y, 0.0, 7.0) for x in range(9) for y in range(9) if (x, y) != (4, 4)])
    assert np.isclose(channel[4, 4], 7, rtol=1e-4) and cover[4, 4] > 0.5
