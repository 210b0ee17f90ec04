import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whichwhale.survey import conditions, pose, skin
from whichwhale.survey.identity import Whale
from whichwhale.survey.placement import Placement

RNG = np.random.default_rng(0)
STILL = replace(conditions.draw_pose(RNG), roll=0.0, pitch=0.0, bend=0.0, flex=0.0, level=-0.1)
ABOVE = replace(conditions.draw_camera(RNG), tilt=0.0)
LIGHT = conditions.draw_light(RNG)


@settings(max_examples=40, deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(0.03, 0.15), st.floats(-0.8, 0.8), st.floats(-0.1, 0.1), st.floats(0, 1.0))
def test_d_and_middle_are_as_placed_however_the_animal_lies(heading, size, roll, pitch, tilt):
    lies = replace(STILL, roll=roll, pitch=pitch)
    points = pose.View(lies, replace(ABOVE, tilt=tilt), Placement(size, heading, 0.4, 0.6), 1152, 768).points()
    assert np.isclose(np.hypot(*(points[0] - points[1])), size * 1152)
    assert np.allclose(points.mean(0), [0.4 * 1152, 0.6 * 768])


@pytest.mark.parametrize("heading", [0.0, 1.0, -2.5])
@pytest.mark.parametrize("tilt", [0.0, 0.8])
def test_a_level_whale_heads_where_it_is_placed(heading, tilt):
    bonnet, blowhole = pose.View(STILL, replace(ABOVE, tilt=tilt), Placement(0.08, heading, 0.5, 0.5), 1152, 768).points()
    seen = math.atan2(bonnet[1] - blowhole[1], bonnet[0] - blowhole[0])
    assert (
        abs(math.remainder(seen - heading, 2 * math.pi)) < 0.25
    )  # the bonnet lies lower than the blowhole: a tilted camera sees that


def test_roll_lifts_the_right_side_and_pitch_the_nose():
    def height(lies, x, y):
        return float(
            pose.View(lies, ABOVE, Placement(0.1, 0.0, 0.5, 0.5), 300, 200).ground(np.array(x), np.array(y), np.array(-0.3))[2]
        )

    assert height(replace(STILL, roll=0.3), -1.0, 0.4) > height(replace(STILL, roll=0.3), -1.0, -0.4)
    assert height(replace(STILL, pitch=0.1), 1.0, 0.0) > height(STILL, 1.0, 0.0)
    assert height(replace(STILL, level=0.5), 0.0, 0.0) == pytest.approx(height(STILL, 0.0, 0.0) - 0.6)


def test_parts_lie_where_they_belong():
    whale = Whale.draw(0, 0)
    view = pose.View(STILL, ABOVE, Placement(0.10, 0.0, 0.75, 0.5), 600, 400)
    animal = pose.draw(skin.draw(whale), view, LIGHT, 1.0, (600, 400), margin=0.3)

    def part(x, y):
        px, py, _ = view.pixels(*view.ground(np.array(x), np.array(y), np.array(0.0)))
        code = animal.part[round(float(py)) - animal.y, round(float(px)) - animal.x]
        return pose.PARTS[code - 1] if code else None

    assert part(0.5, 0.0) == "head" and part(-2.0, 0.0) == "trunk" and part(-4.3, 0.4) == "fluke"
    assert part(1.3, 0.0) is None and part(-2.0, 0.75) is None
    codes = [pose.PARTS.index(name) + 1 for name in ("flipper_left", "flipper_right")]
    left, right = (np.nonzero(animal.part == code)[0].mean() for code in codes)
    assert left < right  # heading right, its right side is the lower one in the photo
