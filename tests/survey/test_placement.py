import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from whichwhale.survey import placement


def test_sizes_and_places_follow_the_real_annotations():
    rng = np.random.default_rng(0)
    drawn = [placement.draw(rng) for _ in range(10000)]
    # 5, 50 and 95 % of d / photo width in 4,543 real photos
    assert np.allclose(np.quantile([one.size for one in drawn], [0.05, 0.5, 0.95]), [0.0462, 0.0835, 0.1207], atol=0.003)
    assert np.allclose(np.quantile([one.x for one in drawn], [0.05, 0.5, 0.95]), [0.340, 0.493, 0.633], atol=0.02)
    assert np.allclose(np.quantile([one.y for one in drawn], [0.05, 0.5, 0.95]), [0.300, 0.483, 0.696], atol=0.03)
    heading = np.array([one.heading for one in drawn])
    first, second = np.exp(1j * heading).mean(), np.exp(2j * heading).mean()
    assert abs(abs(first) - 0.092) < 0.03 and abs(abs(second) - 0.091) < 0.03  # the real ones' circular moments


def test_boxes_are_as_large_as_the_real_ones():
    rng = np.random.default_rng(1)
    sizes = []
    for _ in range(3000):
        place = placement.draw(rng)
        middle, half = np.array([place.x * 3072, place.y * 2048]), place.size * 3072 / 2
        arm = half * np.array([np.cos(place.heading), np.sin(place.heading)])
        _, _, width, height = placement.draw_box(rng, middle + arm, middle - arm, 3072, 2048)
        sizes.append((width / half / 2, height / half / 2))
    wide, high = np.quantile(sizes, [0.05, 0.5, 0.95], axis=0).T
    assert np.allclose(wide, [1.35, 1.84, 2.85], rtol=0.12)  # real: box width in d
    assert np.allclose(high, [1.08, 1.65, 2.60], rtol=0.12)


@given(st.integers(0, 2**32), st.floats(0, 6.3), st.floats(0.02, 0.2), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_box_holds_both_points_and_lies_in_the_photo(seed, heading, size, x, y):
    arm = size * 1152 / 2 * np.array([np.cos(heading), np.sin(heading)])
    points = np.clip(np.array([x * 1152, y * 768]) + np.array([arm, -arm]), 0, [1151, 767])
    if np.hypot(*(points[0] - points[1])) < 5:
        return
    left, top, width, height = placement.draw_box(np.random.default_rng(seed), points[0], points[1], 1152, 768)
    assert left >= 0 and top >= 0 and left + width <= 1151 + 1e-9 and top + height <= 767 + 1e-9
    assert ((points >= [left - 1e-9, top - 1e-9]) & (points <= [left + width + 1e-9, top + height + 1e-9])).all()


def test_close_ups_show_the_head_level_and_large():
    drawn = [placement.draw_close_up(np.random.default_rng(seed)) for seed in range(500)]
    assert {one.size for one in drawn} == {1 / 2.6}
    assert np.degrees([one.heading for one in drawn]).std() < 6
    assert max(abs(one.x - 0.5) for one in drawn) < 0.05 and max(abs(one.y - 0.5) for one in drawn) < 0.05
